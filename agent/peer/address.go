package peer

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"strings"
)

// Kind is a kind of address.
type Kind string

// The kinds.
const (
	Unix Kind = "unix"
	Pipe Kind = "pipe"
	TCP  Kind = "tcp" // for tests
)

// Address is where an agent listens.
type Address struct {
	Kind Kind
	Name string // a socket's absolute path, a pipe's name without \\.\pipe\, HOST:PORT
}

// Default is the address on this system, which the shipped library uses too.
func Default() Address {
	if runtime.GOOS == "windows" {
		return Address{Pipe, "latchkey-agent"}
	}
	return Address{Unix, "/run/latchkey/agent.sock"}
}

// maxSocketPath is what the system takes as a Unix socket's path, without the NUL; the socket for handing over adds to it.
const maxSocketPath = 107 - len(handoverSuffix)

// ParseAddress reads "unix:/PATH", "pipe:NAME" or "tcp:127.0.0.1:PORT". "" is Default.
func ParseAddress(s string) (Address, error) {
	if s == "" {
		return Default(), nil
	}
	kind, name, _ := strings.Cut(s, ":")
	a := Address{Kind(kind), name}
	switch a.Kind {
	case Unix:
		if !filepath.IsAbs(name) || len(name) > maxSocketPath {
			return Address{}, fmt.Errorf("address %q: a socket has an absolute path of at most %d bytes", s, maxSocketPath)
		}
		a.Name = filepath.Clean(name)
	case Pipe:
		a.Name = strings.TrimPrefix(name, pipePrefix)
		if a.Name == "" || len(a.Name) > 200 || strings.ContainsAny(a.Name, `\/`) {
			return Address{}, fmt.Errorf("address %q: a pipe has a name of at most 200 characters without slashes", s)
		}
	case TCP:
		ap, err := netip.ParseAddrPort(name)
		if err != nil || !ap.Addr().IsLoopback() {
			return Address{}, fmt.Errorf("address %q: TCP is for tests, on a loopback address with a port", s)
		}
	default:
		return Address{}, fmt.Errorf("address %q is none of unix:/PATH, pipe:NAME, tcp:127.0.0.1:PORT", s)
	}
	return a, nil
}

const pipePrefix = `\\.\pipe\`

// String is the form that ParseAddress reads.
func (a Address) String() string { return string(a.Kind) + ":" + a.Name }

// Errors of this package.
var (
	// ErrForeign means that who listens is not who should.
	ErrForeign = errors.New("another account listens there than should")
	// ErrTaken means that somebody listens at the address already.
	ErrTaken = errors.New("the address is in use")
	// ErrInsecure means that TCP was asked for without the flag for tests, or a directory lets others write.
	ErrInsecure = errors.New("not safe")
	// ErrNone means that nobody listens.
	ErrNone = errors.New("nobody listens there")
)

// Identity is who is at the other end of a connection, as the system tells.
type Identity struct {
	Account string // "uid 10001" or a SID; "" where the system does not tell (TCP)
	PID     int    // 0 if unknown
	Allowed bool   // the gate admits it
}

// Conn is a connection with who made it.
type Conn struct {
	net.Conn
	Peer Identity
}

// Listener accepts connections. Close removes a socket that this process made.
type Listener struct {
	net.Listener
	Address  Address
	identify func(net.Conn) Identity
	given    func() // after the listener was handed to another process: Close leaves the socket's path alone
}

// Next waits for a connection.
func (l *Listener) Next() (*Conn, error) {
	c, err := l.Accept()
	if err != nil {
		return nil, err
	}
	return &Conn{c, l.identify(c)}, nil
}

// Config says where to listen.
type Config struct {
	Address Address
	// Gate decides whose connections are marked as allowed. Required, but for TCP.
	Gate *Gate
	// Insecure permits TCP, whose callers are all marked as allowed. For tests.
	Insecure bool
}

func listenTCP(cfg Config) (*Listener, error) {
	if !cfg.Insecure {
		return nil, fmt.Errorf("listening on %s: %w: TCP tells no accounts and is for tests", cfg.Address, ErrInsecure)
	}
	l, err := net.Listen("tcp", cfg.Address.Name)
	if err != nil {
		return nil, err
	}
	cfg.Address.Name = l.Addr().String()
	return &Listener{Listener: l, Address: cfg.Address, identify: func(net.Conn) Identity { return Identity{Allowed: true} }}, nil
}

// DialConfig says whom to call.
type DialConfig struct {
	Address Address
	// Owners are accounts that may listen besides those that the package comment names: uids on Linux, SIDs on Windows.
	Owners []Account
	// Insecure permits TCP. For tests.
	Insecure bool
}
