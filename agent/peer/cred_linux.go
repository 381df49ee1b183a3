package peer

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// credentials asks the system who made, or for a client who listens at, the other end.
func credentials(c net.Conn) (uid uint32, pid int, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, 0, errors.New("not a Unix socket")
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, 0, err
	}
	var cred *unix.Ucred
	var inner error
	if err := raw.Control(func(fd uintptr) { cred, inner = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, 0, err
	}
	if inner != nil {
		return 0, 0, inner
	}
	return cred.Uid, int(cred.Pid), nil
}
