package peer_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"latchkey/agent/peer"
)

// The test binary plays other processes: one of another account, and one that systemd starts.
func TestMain(m *testing.M) {
	switch mode, arg, _ := strings.Cut(os.Getenv("LATCHKEY_PEER_TEST"), " "); mode {
	case "dial": // connect and say how it went
		c, err := peer.Dial(context.Background(), peer.DialConfig{Address: peer.Address{Kind: peer.Unix, Name: arg}})
		switch {
		case errors.Is(err, peer.ErrForeign):
			os.Stdout.WriteString("foreign")
		case err != nil:
			os.Stdout.WriteString(err.Error())
		default:
			b, _ := io.ReadAll(c)
			os.Stdout.Write(b)
		}
		os.Exit(0)
	case "activated":
		os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		l, err := peer.Activated(os.LookupEnv, peer.NewGate())
		if err != nil {
			os.Stdout.WriteString(err.Error())
			os.Exit(1)
		}
		c, err := l.Next()
		if err == nil {
			_, err = c.Write([]byte(l.Address.String()))
		}
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func helper(t *testing.T, mode string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), exe)
	c.Env = append(os.Environ(), "LATCHKEY_PEER_TEST="+mode, "GORACE=atexit_sleep_ms=0")
	c.Stderr = os.Stderr
	return c
}

func at(t *testing.T) peer.Config {
	t.Helper()
	return peer.Config{Address: peer.Address{Kind: peer.Unix, Name: filepath.Join(t.TempDir(), "a.sock")}, Gate: peer.NewGate()}
}

func listen(t *testing.T, cfg peer.Config) *peer.Listener {
	t.Helper()
	l, err := peer.Listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestBothSidesKnowEachOther(t *testing.T) {
	cfg := at(t)
	l := listen(t, cfg)
	c, err := peer.Dial(t.Context(), peer.DialConfig{Address: cfg.Address})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Next()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if want := (peer.Identity{Account: "uid " + strconv.Itoa(os.Geteuid()), PID: os.Getpid(), Allowed: true}); s.Peer != want {
		t.Errorf("peer is %+v, want %+v", s.Peer, want)
	}
}

func TestOtherAccounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run a process of another account")
	}
	const nobody = 65534
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Access(filepath.Dir(exe), 5); err != nil {
		t.Skip(err)
	}
	cfg := at(t)
	for dir := filepath.Dir(cfg.Address.Name); dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l := listen(t, cfg)
	copied := filepath.Join(filepath.Dir(cfg.Address.Name), "helper") // where the other account can run it
	b, err := os.ReadFile(exe)
	if err == nil {
		err = os.WriteFile(copied, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	other := func() peer.Identity {
		h := helper(t, "dial "+cfg.Address.Name)
		h.Path = copied
		h.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := h.Start(); err != nil {
			t.Fatal(err)
		}
		s, err := l.Next()
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if err := h.Wait(); err != nil {
			t.Fatal(err)
		}
		return s.Peer
	}
	if p := other(); p.Allowed || p.Account != "uid 65534" {
		t.Errorf("an account that is not configured: %+v", p)
	}
	cfg.Gate.Set([]peer.Account{"65534"})
	if p := other(); !p.Allowed {
		t.Errorf("an account that is: %+v", p)
	}

	// A listener of another account than the directory's is not believed.
	dir := filepath.Dir(cfg.Address.Name)
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	evil := filepath.Join(dir, "evil.sock")
	h := helper(t, "dial "+evil)
	h.Path = copied
	h.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65533, Gid: 65533}}
	el, err := listenAs(evil, 65532)
	if err != nil {
		t.Fatal(err)
	}
	defer el.Close()
	if out, err := h.Output(); err != nil || string(out) != "foreign" {
		t.Errorf("a foreign listener: %q, %v", out, err)
	}
}

// listenAs listens as another account, by changing that of the thread for the moment that counts.
func listenAs(path string, uid int) (net.Listener, error) {
	type result struct {
		l   net.Listener
		err error
	}
	ch := make(chan result)
	go func() { // the thread is not given back: it ends with this goroutine
		runtime.LockOSThread()
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err == nil {
			err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
		}
		if err == nil {
			err = os.Chmod(path, 0o666)
		}
		if err == nil {
			_, _, e := syscall.RawSyscall(syscall.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0))
			if e != 0 {
				err = e
			}
		}
		if err == nil {
			err = syscall.Listen(fd, 5)
		}
		var l net.Listener
		if err == nil {
			f := os.NewFile(uintptr(fd), path)
			l, err = net.FileListener(f)
			f.Close()
		}
		ch <- result{l, err}
	}()
	r := <-ch
	return r.l, r.err
}

func TestWhereASocketMayLie(t *testing.T) {
	cfg := at(t)
	dir := filepath.Dir(cfg.Address.Name)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Listen(t.Context(), cfg); !errors.Is(err, peer.ErrInsecure) {
		t.Errorf("in a directory that others write: %v", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	listen(t, cfg)
	if err := os.Chmod(dir, 0o775); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Dial(t.Context(), peer.DialConfig{Address: cfg.Address}); !errors.Is(err, peer.ErrForeign) {
		t.Errorf("a client of a directory that others write: %v", err)
	}
}

func TestOneListens(t *testing.T) {
	cfg := at(t)
	l := listen(t, cfg)
	if _, err := peer.Listen(t.Context(), cfg); !errors.Is(err, peer.ErrTaken) {
		t.Errorf("a second listener: %v", err)
	}
	l.Listener.(*net.UnixListener).SetUnlinkOnClose(false) // as a killed process leaves it
	l.Close()
	if _, err := peer.Dial(t.Context(), peer.DialConfig{Address: cfg.Address}); !errors.Is(err, peer.ErrNone) {
		t.Errorf("a socket that nobody serves: %v", err)
	}
	listen(t, cfg)
	file := at(t)
	if err := os.WriteFile(file.Address.Name, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Listen(t.Context(), file); !errors.Is(err, peer.ErrTaken) {
		t.Errorf("over a file: %v", err)
	}
	if b, err := os.ReadFile(file.Address.Name); string(b) != "precious" {
		t.Errorf("the file holds %q, %v", b, err)
	}
}

// A listener goes from one process to the next; until the newcomer confirms, nothing changes.
func TestTakeOver(t *testing.T) {
	cfg := at(t)
	l := listen(t, cfg)
	if _, _, _, err := peer.TakeOver(t.Context(), cfg); !errors.Is(err, peer.ErrNone) {
		t.Errorf("without an offer: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	left, given := make(chan struct{}), make(chan bool, 1)
	go func() {
		ok, err := l.OfferTo(ctx, func() { l.Close(); close(left) })
		if err != nil {
			t.Error(err)
		}
		given <- ok
	}()
	var next *peer.Listener
	var confirm func() error
	for { // until the offer is up
		n, _, giveUp, err := peer.TakeOver(t.Context(), cfg)
		if errors.Is(err, peer.ErrNone) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		_ = n
		giveUp() // it changes its mind
		break
	}
	for {
		var err error
		next, confirm, _, err = peer.TakeOver(t.Context(), cfg)
		if err == nil {
			break
		}
		if !errors.Is(err, peer.ErrNone) {
			t.Fatal(err)
		}
	}
	defer next.Close()
	c, err := peer.Dial(t.Context(), peer.DialConfig{Address: cfg.Address}) // in the queue that both share
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := confirm(); err != nil {
		t.Fatal(err)
	}
	<-left
	if !<-given {
		t.Error("the old one does not know that it gave the listener away")
	}
	s, err := next.Next()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !s.Peer.Allowed {
		t.Errorf("peer is %+v", s.Peer)
	}
	if _, err := os.Stat(cfg.Address.Name); err != nil {
		t.Errorf("the socket's path went with the old one: %v", err)
	}
	next.Close()
	if _, err := os.Stat(cfg.Address.Name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's path stayed behind the new one: %v", err)
	}
	cancel()
}

func TestSystemd(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	if _, err := peer.Activated(none, peer.NewGate()); !errors.Is(err, peer.ErrNone) {
		t.Errorf("without systemd: %v", err)
	}
	if err := peer.Notify(none, "READY=1"); err != nil {
		t.Error(err)
	}
	path := filepath.Join(t.TempDir(), "systemd.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.File()
	if err != nil {
		t.Fatal(err)
	}
	h := helper(t, "activated")
	h.ExtraFiles = []*os.File{f}
	h.Env = append(h.Env, "LISTEN_FDS=1")
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil || string(b) != "unix:"+path {
		t.Errorf("the helper says %q, %v", b, err)
	}
	if err := h.Wait(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("systemd's socket was removed: %v", err)
	}

	note := filepath.Join(t.TempDir(), "notify.sock")
	n, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: note, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := peer.Notify(func(string) (string, bool) { return note, true }, "READY=1"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	m, err := n.Read(buf)
	if err != nil || string(buf[:m]) != "READY=1" {
		t.Errorf("systemd heard %q, %v", buf[:m], err)
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"":                                  "unix:/run/latchkey/agent.sock",
		"unix:/a//b.sock":                   "unix:/a/b.sock",
		"pipe:latchkey":                     "pipe:latchkey",
		`pipe:\\.\pipe\latchkey`:            "pipe:latchkey",
		"tcp:127.0.0.1:7000":                "tcp:127.0.0.1:7000",
		"unix:a.sock":                       "",
		"pipe:a\\b":                         "",
		"pipe:":                             "",
		"tcp:10.0.0.1:7000":                 "",
		"tcp:localhost:7000":                "",
		"http://x":                          "",
		"unix:/" + strings.Repeat("a", 110): "",
	} {
		a, err := peer.ParseAddress(in)
		if got := map[bool]string{true: a.String()}[err == nil]; got != want {
			t.Errorf("%q is %q, %v; want %q", in, got, err, want)
		}
	}
	cfg := peer.Config{Address: peer.Address{Kind: peer.TCP, Name: "127.0.0.1:0"}}
	if _, err := peer.Listen(t.Context(), cfg); !errors.Is(err, peer.ErrInsecure) {
		t.Errorf("TCP without the flag for tests: %v", err)
	}
	if _, err := peer.Dial(t.Context(), peer.DialConfig{Address: cfg.Address}); !errors.Is(err, peer.ErrInsecure) {
		t.Errorf("TCP without the flag for tests: %v", err)
	}
}

func TestAccounts(t *testing.T) {
	got, err := peer.LookupAccounts([]string{"root", "10001", "0"})
	if err != nil || len(got) != 2 || got[0] != "0" || got[1] != "10001" {
		t.Errorf("LookupAccounts = %v, %v", got, err)
	}
	if _, err := peer.LookupAccounts([]string{"nobody-of-this-name"}); err == nil || !strings.Contains(err.Error(), "nobody-of-this-name") {
		t.Errorf("LookupAccounts = %v", err)
	}
}
