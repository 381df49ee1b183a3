// Package login encodes and decodes what a TDS client sends before it is logged in: [Prelogin] and [Login] (LOGIN7). These come
// from anybody, so the bounds are tight: 32 options, 128 characters a name, 64 features, 128 KiB in all, and every offset checked.
//
// Passwords come out as secret.Bytes in UTF-16LE, and the place where they stood in the message is overwritten. Like the rest of
// the codec this reads byte slices, does no I/O and decides nothing: whether a login is refused is conn's and the server's matter.
package login

import "latchkey/engine/tds"

// FromClient marks a client message. A server answers a prelogin with the same message.
func (*Prelogin) FromClient() {}

// FromClient marks a client message.
func (*Login) FromClient() {}

var _ = []tds.ClientMessage{(*Prelogin)(nil), (*Login)(nil)}
