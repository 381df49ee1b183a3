package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

const handoverSuffix = ""

// clientAccess is what the access list grants to clients: FILE_GENERIC_READ, and of writing all but FILE_APPEND_DATA, which on a
// pipe is the right to make a server's instance.
const clientAccess = 0x0012019b

// pipeBuffer is how much each direction holds before a writer waits, in bytes: a whole frame.
const pipeBuffer = 64 << 10

// The accounts that may always connect, and that may listen.
const (
	localSystem    Account = "S-1-5-18"
	administrators Account = "S-1-5-32-544"
)

func lookup(name string) (Account, error) {
	if strings.HasPrefix(name, "S-1-") {
		sid, err := windows.StringToSid(name)
		if err != nil {
			return "", err
		}
		return Account(sid.String()), nil
	}
	sid, _, _, err := windows.LookupSID("", name)
	if err != nil {
		return "", err
	}
	return Account(sid.String()), nil
}

func self() []Account {
	u, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil
	}
	return []Account{Account(u.User.Sid.String())}
}

// Listen makes the pipe. Errors are ErrTaken if somebody has it already, ErrInsecure, or the system's.
func Listen(_ context.Context, cfg Config) (*Listener, error) {
	switch cfg.Address.Kind {
	case TCP:
		return listenTCP(cfg)
	case Pipe:
	default:
		return nil, fmt.Errorf("listening on %s: %w", cfg.Address, errors.ErrUnsupported)
	}
	// go-winio makes the first instance with FILE_CREATE, which fails if there is one, and rejects remote clients.
	l, err := winio.ListenPipe(pipePrefix+cfg.Address.Name, &winio.PipeConfig{
		SecurityDescriptor: descriptor(cfg.Gate.Accounts()), InputBufferSize: pipeBuffer, OutputBufferSize: pipeBuffer,
	})
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, os.ErrExist) || errors.Is(err, windows.ERROR_PIPE_BUSY) {
		return nil, fmt.Errorf("listening on %s: %w: %w", cfg.Address, ErrTaken, err)
	}
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", cfg.Address, err)
	}
	return &Listener{Listener: l, Address: cfg.Address, identify: identify, given: func() {}}, nil
}

// descriptor is the pipe's security descriptor: nobody over the network, all rights for system and administrators, those of a client
// for the accounts. P keeps inherited entries out.
func descriptor(accounts []Account) string {
	var sd strings.Builder
	sd.WriteString("D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)")
	own := self()
	for _, a := range accounts {
		if slices.Contains(own, a) {
			fmt.Fprintf(&sd, "(A;;GA;;;%s)", a) // the server makes further instances itself
			continue
		}
		fmt.Fprintf(&sd, "(A;;0x%08x;;;%s)", clientAccess, a)
	}
	return sd.String()
}

// identify tells the process; that it is connected says that the access list admits its account.
func identify(c net.Conn) Identity {
	id := Identity{Allowed: true}
	if f, ok := c.(interface{ Fd() uintptr }); ok {
		var pid uint32
		if windows.GetNamedPipeClientProcessId(windows.Handle(f.Fd()), &pid) == nil {
			id.PID = int(pid)
			id.Account = fmt.Sprintf("process %d", pid)
		}
	}
	return id
}

// Dial connects. Errors are ErrNone if nobody listens, ErrForeign if the wrong account does, ErrInsecure, or the system's.
func Dial(ctx context.Context, cfg DialConfig) (net.Conn, error) {
	switch cfg.Address.Kind {
	case TCP:
		if !cfg.Insecure {
			return nil, fmt.Errorf("calling %s: %w: TCP tells no accounts and is for tests", cfg.Address, ErrInsecure)
		}
		var d net.Dialer
		c, err := d.DialContext(ctx, "tcp", cfg.Address.Name)
		if errors.Is(err, windows.WSAECONNREFUSED) {
			err = fmt.Errorf("%w: %w", ErrNone, err)
		}
		return c, err
	case Pipe:
	default:
		return nil, fmt.Errorf("calling %s: %w", cfg.Address, errors.ErrUnsupported)
	}
	c, err := winio.DialPipeAccessImpLevel(ctx, pipePrefix+cfg.Address.Name, clientAccess, winio.PipeImpLevelIdentification)
	if errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("%w: %w", ErrNone, err)
	}
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", cfg.Address, err)
	}
	if err := checkOwner(c, cfg.Owners); err != nil {
		c.Close()
		return nil, fmt.Errorf("calling %s: %w", cfg.Address, err)
	}
	return c, nil
}

// checkOwner holds that the pipe was made by an account that may: only its maker, or who has the right to take ownership, can be owner.
func checkOwner(c net.Conn, more []Account) error {
	f, ok := c.(interface{ Fd() uintptr })
	if !ok {
		return fmt.Errorf("%w: the pipe's owner cannot be asked", ErrForeign)
	}
	sd, err := windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("%w: asking for the pipe's owner: %w", ErrForeign, err)
	}
	owner, _, err := sd.Owner()
	if err != nil || owner == nil {
		return fmt.Errorf("%w: asking for the pipe's owner: %w", ErrForeign, err)
	}
	a := Account(owner.String())
	if a == localSystem || a == administrators || slices.Contains(self(), a) || slices.Contains(more, a) {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrForeign, a)
}

// OfferTo waits for ctx: pipes are not handed over. A successor makes the pipe once this one is gone.
func (l *Listener) OfferTo(ctx context.Context, _ func()) (bool, error) {
	<-ctx.Done()
	return false, nil
}

// TakeOver is ErrNone: pipes are not handed over.
func TakeOver(context.Context, Config) (*Listener, func() error, func(), error) {
	return nil, nil, nil, ErrNone
}

// Activated is ErrNone: there is no systemd.
func Activated(func(string) (string, bool), *Gate) (*Listener, error) { return nil, ErrNone }

// Notify does nothing.
func Notify(func(string) (string, bool), string) error { return nil }
