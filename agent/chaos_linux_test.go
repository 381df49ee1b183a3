package agent_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"latchkey/agent"
	"latchkey/agent/client"
	"latchkey/agent/frame"
	"latchkey/agent/peer"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

// The test binary plays an agent in a process of its own, so that it can be frozen and killed.
func TestMain(m *testing.M) {
	if addr := os.Getenv("LATCHKEY_AGENT_TEST"); addr != "" {
		if err := playAgent(addr); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// playAgent serves a fake provider until it is told to end or a successor takes over. Its key names are told apart by nothing: every such
// process has its own key, which only names of keys and echoes do not need.
func playAgent(addr string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	a, err := peer.ParseAddress(addr)
	if err != nil {
		return err
	}
	f := &fake{key: makeKey()}
	f.set(func(ctx context.Context, op string) error {
		if op == "create" {
			fmt.Println("creating")
			return hang(ctx, op)
		}
		return nil
	})
	s, err := agent.New(agent.Config{Provider: f, Version: "child"})
	if err != nil {
		return err
	}
	cfg := peer.Config{Address: a, Gate: peer.NewGate()}
	l, confirm, _, err := peer.TakeOver(ctx, cfg)
	if errors.Is(err, peer.ErrNone) {
		confirm = func() error { return nil }
		l, err = peer.Listen(ctx, cfg)
	}
	if err != nil {
		return err
	}
	if err := confirm(); err != nil {
		return err
	}
	go func() { _ = s.Serve(l) }()
	given := make(chan struct{})
	go func() {
		if ok, err := l.OfferTo(ctx, s.StopAccepting); err != nil {
			fmt.Println(err)
		} else if ok {
			close(given)
		}
	}()
	fmt.Println("ready")
	grace := time.Duration(0)
	select {
	case <-ctx.Done():
	case <-given:
		grace = 300 * time.Millisecond
	}
	end, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.Leave(end, grace)
}

// child is an agent in a process of its own.
type child struct {
	t     testing.TB
	cmd   *exec.Cmd
	lines chan string
}

func spawn(t testing.TB, a peer.Address) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: exec.Command(exe), lines: make(chan string, 16)}
	c.cmd.Env = append(os.Environ(), "LATCHKEY_AGENT_TEST="+a.String(), "GORACE=atexit_sleep_ms=0")
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- s.Text()
		}
		close(c.lines)
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		_ = c.cmd.Wait()
	})
	c.expect("ready")
	return c
}

func (c *child) expect(want string) {
	c.t.Helper()
	if got := <-c.lines; got != want {
		c.t.Fatalf("the agent says %q, want %q", got, want)
	}
}

func (c *child) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
	switch s {
	case syscall.SIGKILL, syscall.SIGTERM:
		_ = c.cmd.Wait()
	case syscall.SIGSTOP: // all threads have stopped once the system says so
		waitFor(c.t, func() bool {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
			return err == nil && strings.Contains(string(stat), ") T ")
		})
	}
}

func echo(ctx context.Context, s ekm.Session) error {
	blob := []byte("echo" + strings.Repeat("x", 28))
	got, err := s.Unwrap(ctx, "t", ekm.Wrapped{Blob: blob})
	if err != nil {
		return err
	}
	defer got.Destroy()
	if !got.Equal(blob) {
		return errors.New("another secret came back")
	}
	return nil
}

// An agent that is absent, frozen, killed, restarted: no call outlives its deadline, and the next one works.
func TestChaos(t *testing.T) {
	t.Parallel()
	a := address(t)
	dial := client.Config{Dial: dialer(a), ConnectWait: 100 * time.Millisecond, Deadline: frame.MaxDeadline}
	const far = 45 * time.Second // from a second and a half, short of the longest deadline
	bounded := func(what string, want code.Code, f func() error) {
		t.Helper()
		timer := time.NewTimer(far)
		defer timer.Stop()
		done := make(chan error, 1)
		go func() { done <- f() }()
		select {
		case err := <-done:
			if want == 0 && err != nil || want != 0 && !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		case <-timer.C:
			t.Fatalf("%s: a call outlived its deadline by far", what)
		}
	}
	bounded("missing", code.AgentUnreachable, func() error { _, err := client.New(t.Context(), dial); return err })

	c := spawn(t, a)
	p, err := client.New(t.Context(), dial)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	s, err := p.OpenSession(t.Context(), credential())
	if err != nil {
		t.Fatal(err)
	}
	bounded("there", 0, func() error { return echo(t.Context(), s) })

	c.signal(syscall.SIGSTOP)
	soon := func(f func(context.Context) error) func() error {
		return func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			return f(ctx)
		}
	}
	bounded("frozen", code.AgentTimeout, soon(func(ctx context.Context) error { return echo(ctx, s) }))
	bounded("frozen, a new session", code.AgentTimeout, soon(func(ctx context.Context) error { _, err := p.OpenSession(ctx, credential()); return err }))
	bounded("frozen, a context that ends", code.AgentTimeout, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		return echo(ctx, s)
	})
	c.signal(syscall.SIGCONT)
	bounded("thawed", 0, func() error { return echo(t.Context(), s) })

	c.signal(syscall.SIGKILL)
	bounded("killed", code.AgentUnreachable, func() error { return echo(t.Context(), s) })
	c = spawn(t, a)
	bounded("restarted", 0, func() error { return echo(t.Context(), s) })

	c.signal(syscall.SIGTERM) // in order, with an idle session: it must not wait for it
	c = spawn(t, a)
	bounded("restarted in order", 0, func() error { return echo(t.Context(), s) })

	bounded("killed while it creates a key", code.AgentOutcomeUnknown, func() error {
		go func() {
			if <-c.lines == "creating" {
				_ = c.cmd.Process.Kill()
			}
		}()
		_, err := s.CreateKey(t.Context(), "n", 1)
		return err
	})
	_ = c.cmd.Wait()

	// A call that finds nobody waits for the agent that comes up.
	waiting := dial
	waiting.ConnectWait = frame.MaxDeadline
	wp := make(chan error, 1)
	go func() {
		p, err := client.New(t.Context(), waiting)
		if err == nil {
			p.Close()
		}
		wp <- err
	}()
	spawn(t, a)
	bounded("started late", 0, func() error { return <-wp })
}

// New agents take over under load: nobody notices.
func TestUpgradeUnderLoad(t *testing.T) {
	t.Parallel()
	a := address(t)
	c := spawn(t, a)
	p, err := client.New(t.Context(), client.Config{Dial: dialer(a)})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	stop := make(chan struct{})
	var calls atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			var s ekm.Session
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if s == nil {
					var err error
					if s, err = p.OpenSession(t.Context(), credential()); err != nil {
						t.Errorf("opening: %v", err)
						return
					}
				}
				if err := echo(t.Context(), s); err != nil {
					t.Errorf("call: %v", err)
					return
				}
				calls.Add(1)
				if i%2 == 0 && n%20 == 0 {
					_ = s.Close(false)
					s = nil
				}
			}
		})
	}
	idle, err := p.OpenSession(t.Context(), credential())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		before := calls.Load()
		next := spawn(t, a)
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("the old agent ended with %v", err)
		}
		c = next
		waitFor(t, func() bool { return calls.Load() > before+50 })
	}
	close(stop)
	wg.Wait()
	if err := echo(t.Context(), idle); err != nil {
		t.Errorf("a session that was idle all the time: %v", err)
	}
	t.Logf("%d calls over two upgrades", calls.Load())
}

// A credential of the greatest length crosses, and an agent that leaves in the moment of opening is not the caller's trouble.
func TestLongCredential(t *testing.T) {
	r := start(t, agent.Limits{})
	cred := &ekm.Credential{Name: strings.Repeat("n", 4000), Identity: strings.Repeat("i", 4000), Secret: secret.FromString(strings.Repeat("s", 8192))}
	if _, err := r.provider(t).OpenSession(t.Context(), cred); !errors.Is(err, code.GetTokenBadCredentials) {
		t.Errorf("OpenSession = %v", err)
	}
}
