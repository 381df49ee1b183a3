//go:build unix

package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// handoverSuffix is added to a socket's path for the socket over which its listener is handed on. It has mode 0600 and answers
// the agent's own account and root alone.
const handoverSuffix = ".next"

// What is said on it: the one who leaves sends handed with the descriptor, the one who comes sends taken once it is ready to
// accept, and gets gone once the other accepts nothing more and the path of the hand-over is free.
const (
	handed = 'H'
	taken  = 'T'
	gone   = 'G'
)

// handoverTime bounds each step of a hand-over but the newcomer's own preparation, which preparationTime bounds.
const (
	handoverTime    = 5 * time.Second
	preparationTime = 60 * time.Second
)

// OfferTo lets another process of the same account take l over, until ctx ends. leave is called once, when that process is
// ready to accept: it must stop accepting from l before it returns; then OfferTo returns true. Only sockets are handed over; for other
// kinds it waits for ctx and returns false.
func (l *Listener) OfferTo(ctx context.Context, leave func()) (bool, error) {
	ul, ok := l.Listener.(*net.UnixListener)
	if !ok {
		<-ctx.Done()
		return false, nil
	}
	path := l.Address.Name + handoverSuffix
	offers, err := bindSocket(ctx, path, 0o600)
	if err != nil {
		return false, fmt.Errorf("offering the socket to a successor: %w", err)
	}
	defer offers.Close()
	stop := context.AfterFunc(ctx, func() { offers.Close() })
	defer stop()
	for {
		c, err := offers.AcceptUnix()
		if err != nil {
			if ctx.Err() != nil {
				return false, nil
			}
			return false, err
		}
		if given := l.offer(c, ul, func() {
			l.given()
			leave()
			offers.Close()
		}); given {
			return true, nil
		}
	}
}

// offer hands the listener to one caller; false leaves everything as it was.
func (l *Listener) offer(c *net.UnixConn, ul *net.UnixListener, leave func()) bool {
	defer c.Close()
	if !identify(c, NewGate()).Allowed {
		return false
	}
	raw, err := ul.SyscallConn()
	if err != nil {
		return false
	}
	end := time.AfterFunc(preparationTime, func() { c.Close() })
	defer end.Stop()
	// Not through File: its Fd makes the description that both share blocking.
	var sent error
	if err := raw.Control(func(fd uintptr) {
		_, _, sent = c.WriteMsgUnix([]byte{handed}, unix.UnixRights(int(fd)), nil)
	}); err != nil || sent != nil {
		return false
	}
	var b [1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil || b[0] != taken {
		return false // it gave up: go on as before
	}
	leave()
	_, _ = c.Write([]byte{gone})
	return true
}

// TakeOver asks an agent that listens at cfg.Address for its listener. Call confirm once everything is ready to accept: the
// other one stops accepting then. Without confirm, cancel leaves it as it was. Errors are ErrNone if nobody offers one.
func TakeOver(ctx context.Context, cfg Config) (l *Listener, confirm func() error, cancel func(), err error) {
	if cfg.Address.Kind != Unix {
		return nil, nil, nil, ErrNone
	}
	var d net.Dialer
	dctx, done := context.WithTimeout(ctx, handoverTime)
	defer done()
	dc, err := d.DialContext(dctx, "unix", cfg.Address.Name+handoverSuffix)
	if err != nil {
		return nil, nil, nil, absent(cfg.Address, err)
	}
	c := dc.(*net.UnixConn)
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if err := checkListener(c, DialConfig{Address: cfg.Address}); err != nil {
		return nil, nil, nil, err
	}
	end := time.AfterFunc(handoverTime, func() { c.Close() })
	f, err := receive(c)
	if !end.Stop() || err != nil {
		return nil, nil, nil, fmt.Errorf("taking over %s: %w", cfg.Address, errors.Join(err, ctx.Err()))
	}
	fl, err := net.FileListener(f)
	f.Close()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("taking over %s: %w", cfg.Address, err)
	}
	ul, ok := fl.(*net.UnixListener)
	if !ok || ul.Addr().String() != cfg.Address.Name {
		fl.Close()
		return nil, nil, nil, fmt.Errorf("taking over %s: %w: what was handed over is %s", cfg.Address, ErrForeign, fl.Addr())
	}
	confirm = func() error {
		defer c.Close()
		end := time.AfterFunc(handoverTime, func() { c.Close() })
		defer end.Stop()
		var b [1]byte
		if _, err := c.Write([]byte{taken}); err != nil {
			return fmt.Errorf("taking over %s: %w", cfg.Address, err)
		}
		// Without its answer the other one has ended meanwhile, or hangs; the socket is ours as well either way.
		_, _ = io.ReadFull(c, b[:])
		ul.SetUnlinkOnClose(true)
		return nil
	}
	return socket(ul, cfg), confirm, func() { c.Close(); ul.Close() }, nil
}

// receive reads the one descriptor that an offer carries.
func receive(c *net.UnixConn) (*os.File, error) {
	b, oob := make([]byte, 1), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := c.ReadMsgUnix(b, oob)
	if err != nil {
		return nil, err
	}
	if n != 1 || b[0] != handed {
		return nil, errors.New("no offer came")
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) != 1 {
		return nil, fmt.Errorf("reading the descriptor: %w", errors.Join(err, errors.New("not one message")))
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil || len(fds) != 1 {
		return nil, fmt.Errorf("reading the descriptor: %w", errors.Join(err, errors.New("not one descriptor")))
	}
	unix.CloseOnExec(fds[0])
	return os.NewFile(uintptr(fds[0]), "listener"), nil
}
