//go:build unix

package peer

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// firstActivated is the descriptor at which systemd passes sockets (sd_listen_fds).
const firstActivated = 3

// Activated takes the one Unix socket that systemd opened for this process, as LISTEN_PID and LISTEN_FDS of env say; ErrNone if it
// passed none.
func Activated(env func(string) (string, bool), gate *Gate) (*Listener, error) {
	pid, _ := env("LISTEN_PID")
	count, _ := env("LISTEN_FDS")
	if pid != strconv.Itoa(os.Getpid()) || count == "" || count == "0" {
		return nil, ErrNone
	}
	if count != "1" {
		return nil, fmt.Errorf("systemd passed %s sockets: one is wanted", count)
	}
	unix.CloseOnExec(firstActivated)
	f := os.NewFile(firstActivated, "systemd")
	defer f.Close()
	fl, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("taking the socket from systemd: %w", err)
	}
	ul, ok := fl.(*net.UnixListener)
	if !ok || ul.Addr().String() == "" {
		fl.Close()
		return nil, errors.New("the socket from systemd is no Unix socket with a path (ListenStream=/PATH)")
	}
	ul.SetUnlinkOnClose(false) // it is systemd's
	return socket(ul, Config{Address: Address{Unix, ul.Addr().String()}, Gate: gate}), nil
}

// Notify tells systemd a state ("READY=1", lines of sd_notify(3)) at the socket that NOTIFY_SOCKET of env names; without one it
// does nothing.
func Notify(env func(string) (string, bool), state string) error {
	name, _ := env("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if name[0] == '@' {
		name = "\x00" + name[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte(state)); err != nil {
		return fmt.Errorf("telling systemd: %w", err)
	}
	return nil
}
