//go:build !linux

package pagecache

import "latchkey/engine/tde/pagecipher"

// huge does nothing here.
func huge([]pagecipher.FrameBuf) {}
