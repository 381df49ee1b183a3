//go:build unix

package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func lookup(name string) (Account, error) {
	if _, err := strconv.ParseUint(name, 10, 32); err == nil {
		return Account(name), nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return Account(u.Uid), nil
}

func self() []Account { return []Account{Account(strconv.Itoa(os.Geteuid())), "0"} }

// Listen opens the address. Errors are ErrTaken if somebody answers there already, ErrInsecure, or the system's.
func Listen(ctx context.Context, cfg Config) (*Listener, error) {
	switch cfg.Address.Kind {
	case TCP:
		return listenTCP(cfg)
	case Unix:
	default:
		return nil, fmt.Errorf("listening on %s: %w", cfg.Address, errors.ErrUnsupported)
	}
	path := cfg.Address.Name
	if err := safeDirectory(filepath.Dir(path), true); err != nil {
		return nil, err
	}
	l, err := bindSocket(ctx, path, 0o666)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", cfg.Address, err)
	}
	return socket(l, cfg), nil
}

// socket makes a Listener of a Unix socket that listens.
func socket(l *net.UnixListener, cfg Config) *Listener {
	return &Listener{
		Listener: l, Address: cfg.Address,
		identify: func(c net.Conn) Identity { return identify(c, cfg.Gate) },
		given:    func() { l.SetUnlinkOnClose(false) },
	}
}

// bindSocket makes a socket at path, in place of one that nobody listens on any more. The lock keeps two processes from each
// removing what the other just made.
func bindSocket(ctx context.Context, path string, mode os.FileMode) (*net.UnixListener, error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return nil, fmt.Errorf("locking %q: %w", lock.Name(), err)
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%w: %q is there and is no socket", ErrTaken, path)
		}
		var d net.Dialer
		c, err := d.DialContext(ctx, "unix", path)
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, syscall.ECONNREFUSED) { // connected, or a full queue of one that does not accept
			return nil, fmt.Errorf("%w: %q", ErrTaken, path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// safeDirectory holds that only its owner can put a socket into a directory, and makes it if asked to.
func safeDirectory(dir string, create bool) error {
	info, err := os.Stat(dir)
	if errors.Is(err, os.ErrNotExist) && create {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("making the socket's directory: %w", err)
		}
		info, err = os.Stat(dir)
	}
	if err != nil {
		return fmt.Errorf("looking at the socket's directory: %w", err)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%w: others than its owner may write to the directory %q (mode %04o): chmod go-w it, or use one of its own", ErrInsecure, dir, info.Mode().Perm())
	}
	return nil
}

func identify(c net.Conn, gate *Gate) Identity {
	uid, pid, err := credentials(c)
	if err != nil {
		return Identity{}
	}
	a := Account(strconv.FormatUint(uint64(uid), 10))
	return Identity{Account: "uid " + string(a), PID: pid, Allowed: gate.admits(a)}
}

// Dial connects. Errors are ErrNone if nobody listens, ErrForeign if the wrong account does, ErrInsecure, or the system's.
func Dial(ctx context.Context, cfg DialConfig) (net.Conn, error) {
	var d net.Dialer
	switch cfg.Address.Kind {
	case TCP:
		if !cfg.Insecure {
			return nil, fmt.Errorf("calling %s: %w: TCP tells no accounts and is for tests", cfg.Address, ErrInsecure)
		}
		c, err := d.DialContext(ctx, "tcp", cfg.Address.Name)
		return c, absent(cfg.Address, err)
	case Unix:
	default:
		return nil, fmt.Errorf("calling %s: %w", cfg.Address, errors.ErrUnsupported)
	}
	c, err := d.DialContext(ctx, "unix", cfg.Address.Name)
	if err != nil {
		return nil, absent(cfg.Address, err)
	}
	if err := checkListener(c, cfg); err != nil {
		c.Close()
		return nil, fmt.Errorf("calling %s: %w", cfg.Address, err)
	}
	return c, nil
}

func absent(a Address, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("calling %s: %w: %w", a, ErrNone, err)
	}
	return fmt.Errorf("calling %s: %w", a, err)
}

func checkListener(c net.Conn, cfg DialConfig) error {
	dir := filepath.Dir(cfg.Address.Name)
	if err := safeDirectory(dir, false); err != nil {
		return fmt.Errorf("%w: %w", ErrForeign, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	uid, _, err := credentials(c)
	if err != nil {
		return err
	}
	if uid == 0 || int(uid) == os.Geteuid() {
		return nil
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == uid {
		return nil
	}
	for _, o := range cfg.Owners {
		if string(o) == strconv.FormatUint(uint64(uid), 10) {
			return nil
		}
	}
	return fmt.Errorf("%w: uid %d", ErrForeign, uid)
}
