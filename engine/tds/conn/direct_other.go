//go:build !linux || race

package conn

import "net"

// directly is the socket as it is: see direct_linux.go.
func directly(c net.Conn) net.Conn { return c }
