package conn

import "net"

// Directly is the socket as Serve uses it.
func Directly(c net.Conn) net.Conn { return directly(c) }
