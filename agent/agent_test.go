package agent_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/agent"
	"latchkey/agent/client"
	"latchkey/agent/frame"
	"latchkey/agent/peer"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/secret"

	"github.com/google/go-cmp/cmp"
)

// logs collects what an agent logs.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// rig is an agent that listens in this process.
type rig struct {
	server *agent.Server
	fake   *fake
	addr   peer.Address
	log    *logs
	l      *peer.Listener
}

func start(t testing.TB, limits agent.Limits) *rig {
	t.Helper()
	r := &rig{fake: newFake(t), addr: address(t), log: &logs{}}
	var err error
	r.server, err = agent.New(agent.Config{Provider: r.fake, Version: "test", Limits: limits, Log: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	r.l = listen(t, r.addr)
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(r.l) }()
	t.Cleanup(func() {
		if err := r.server.Close(); err != nil {
			t.Errorf("closing the agent: %v", err)
		}
		if err := <-served; !errors.Is(err, agent.ErrClosed) {
			t.Errorf("Serve = %v", err)
		}
		if n := r.fake.live.Load(); n != 0 {
			t.Errorf("%d sessions were left open", n)
		}
		for _, leak := range []string{"canary-3f9a", password} {
			if strings.Contains(r.log.String(), leak) {
				t.Errorf("the log holds %q", leak)
			}
		}
	})
	return r
}

func address(t testing.TB) peer.Address {
	t.Helper()
	return peer.Address{Kind: peer.Unix, Name: filepath.Join(t.TempDir(), "agent.sock")}
}

func listen(t testing.TB, a peer.Address) *peer.Listener {
	t.Helper()
	l, err := peer.Listen(t.Context(), peer.Config{Address: a, Gate: peer.NewGate()})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func dialer(a peer.Address) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return peer.Dial(ctx, peer.DialConfig{Address: a}) }
}

func (r *rig) provider(t testing.TB) *client.Provider {
	t.Helper()
	p, err := client.New(t.Context(), client.Config{Dial: dialer(r.addr), Name: "tests"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func (r *rig) session(t testing.TB) ekm.Session {
	t.Helper()
	s, err := r.provider(t).OpenSession(t.Context(), credential())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Everything that a provider says arrives through an agent as it was said.
func TestAgentSaysWhatItsProviderSays(t *testing.T) {
	r := start(t, agent.Limits{})
	p := r.provider(t)
	if diff := cmp.Diff(r.fake.Info(), p.Info()); diff != "" {
		t.Errorf("info: %s", diff)
	}
	if diff := cmp.Diff(r.fake.Algorithms(), p.Algorithms()); diff != "" {
		t.Errorf("algorithms: %s", diff)
	}
	s, err := p.OpenSession(t.Context(), credential())
	if err != nil {
		t.Fatal(err)
	}
	want := r.fake.info(keyName)
	k, err := s.KeyByName(t.Context(), keyName)
	if err != nil || !cmp.Equal(k, want) {
		t.Errorf("KeyByName = %+v, %v", k, err)
	}
	if k, err = s.KeyByThumbprint(t.Context(), want.Thumbprint); err != nil || !cmp.Equal(k, want) {
		t.Errorf("KeyByThumbprint = %+v, %v", k, err)
	}
	if pub, err := s.PublicKey(t.Context(), want.Thumbprint); err != nil || !cmp.Equal(pub, r.fake.public()) {
		t.Errorf("PublicKey = %+v, %v", pub, err)
	}
	dek := secret.Random(48)
	w, err := s.Wrap(t.Context(), want.Thumbprint, dek)
	if err != nil || w.Algorithm != "RSA-OAEP-256" || len(w.Blob) != 256 {
		t.Fatalf("Wrap = %+v, %v", w, err)
	}
	got, err := s.Unwrap(t.Context(), want.Thumbprint, w)
	if err != nil || !got.Equal(dek.Expose()) {
		t.Errorf("Unwrap: %v", err)
	}
	var names []string
	for k, err := range s.Keys(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, k.Name)
	}
	if diff := cmp.Diff([]string{"key-0", "key-1", "key-2"}, names); diff != "" {
		t.Errorf("keys: %s", diff)
	}
	if th, err := s.CreateKey(t.Context(), "n", 1); err != nil || th != want.Thumbprint {
		t.Errorf("CreateKey = %v, %v", th, err)
	}
	if err := s.DropKey(t.Context(), want.Thumbprint); !errors.Is(err, code.NotSupported) {
		t.Errorf("DropKey = %v", err)
	}
	if _, err := s.ImportKey(t.Context(), "n", []byte{1}); !errors.Is(err, code.NotSupported) {
		t.Errorf("ImportKey = %v", err)
	}
	_, err = s.KeyByName(t.Context(), "none")
	if f := keystore.FailureOf(err); !errors.Is(err, code.HTTPResourceNotFound) || f == nil || f.Class != keystore.Missing || f.Status != 404 {
		t.Errorf("a missing key is %v, %+v", err, f)
	}
	if err := s.Close(false); err != nil {
		t.Error(err)
	}
	if _, err := s.KeyByName(t.Context(), keyName); !errors.Is(err, code.Failure) {
		t.Errorf("a closed session answers %v", err)
	}
}

func TestWrongCredential(t *testing.T) {
	r := start(t, agent.Limits{})
	cred := credential()
	cred.Secret = secret.FromString("wrong")
	_, err := r.provider(t).OpenSession(t.Context(), cred)
	f := keystore.FailureOf(err)
	if !errors.Is(err, code.GetTokenBadCredentials) || f == nil || f.Class != keystore.Unauthenticated || f.Reason != "AADSTS7000215" {
		t.Errorf("OpenSession = %v, %+v", err, f)
	}
}

// A number reaches the other side as the database server must see it.
func TestCodesCross(t *testing.T) {
	r := start(t, agent.Limits{})
	s := r.session(t)
	for _, tc := range []struct {
		err  error
		want code.Code
	}{
		{code.Wrap(code.FailureInRegistry, "x", "", errors.New("y")), code.FailureInRegistry},
		{code.Wrap(code.VaultResting, "x", "", code.New(code.HTTPSendRequest, "y", "")), code.HTTPSendRequest},
		{code.Wrap(code.MapDamaged, "x", "", errors.New("y")), code.Failure},
		{code.New(code.InsufficientBuffer, "x", ""), code.Failure},
		{code.New(code.Success, "x", ""), code.Failure},
		{errors.New("without a code"), code.Failure},
	} {
		r.fake.set(func(context.Context, string) error { return tc.err })
		if _, err := s.KeyByName(t.Context(), keyName); code.Of(err) != tc.want {
			t.Errorf("%v crosses as %v, want %v", tc.err, code.Of(err), tc.want)
		}
	}
	r.fake.set(func(context.Context, string) error { panic("on purpose") })
	if _, err := s.KeyByName(t.Context(), keyName); code.Of(err) != code.ProviderError {
		t.Errorf("a panic crosses as %v", err)
	}
	r.fake.set(nil)
	if _, err := s.KeyByName(t.Context(), keyName); err != nil {
		t.Errorf("after a panic: %v", err)
	}
}

// A call ends at its deadline, the provider learns of it, and the session goes on.
func TestDeadline(t *testing.T) {
	r := start(t, agent.Limits{})
	s := r.session(t)
	r.fake.set(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.KeyByName(ctx, keyName)
	if !errors.Is(err, code.AgentTimeout) {
		t.Errorf("a call that hangs is %v", err)
	}
	p, err := client.New(t.Context(), client.Config{Dial: dialer(r.addr), Deadline: 3 * time.Second}) // enough for a busy machine to greet
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.OpenSession(t.Context(), credential()); !errors.Is(err, code.AgentTimeout) { // the agent's own answer, in time
		t.Errorf("an opening that hangs is %v", err)
	}
	r.fake.set(nil)
	if _, err := s.KeyByName(t.Context(), keyName); err != nil {
		t.Errorf("the call after it: %v", err)
	}
}

// Closing with abort from another thread ends a call that runs, here and in the provider.
func TestAbort(t *testing.T) {
	r := start(t, agent.Limits{})
	s := r.session(t)
	in, out := make(chan struct{}), make(chan struct{})
	r.fake.set(func(ctx context.Context, _ string) error {
		close(in)
		<-ctx.Done()
		close(out)
		return ctx.Err()
	})
	got := make(chan error, 1)
	go func() {
		_, err := s.KeyByName(t.Context(), keyName)
		got <- err
	}()
	<-in
	if err := s.Close(true); err != nil {
		t.Error(err)
	}
	if err := <-got; !errors.Is(err, code.Failure) {
		t.Errorf("the call ended with %v", err)
	}
	<-out
	r.fake.set(nil)
}

// Many sessions and many calls in one, at once.
func TestManyAtOnce(t *testing.T) {
	r := start(t, agent.Limits{Calls: 4})
	p := r.provider(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := p.OpenSession(t.Context(), credential())
			if err != nil {
				t.Error(err)
				return
			}
			var calls sync.WaitGroup
			for range 8 {
				calls.Go(func() {
					blob := append([]byte("echo"), secret.Random(28).Expose()...)
					for range 5 {
						got, err := s.Unwrap(t.Context(), "t", ekm.Wrapped{Blob: blob})
						if err != nil || !got.Equal(blob) {
							t.Errorf("Unwrap: %v", err)
						}
					}
				})
			}
			calls.Wait()
			if err := s.Close(false); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestLimits(t *testing.T) {
	r := start(t, agent.Limits{Connections: 2, Calls: 1})
	s := r.session(t)
	in := make(chan struct{}, 1)
	r.fake.set(func(ctx context.Context, op string) error {
		if op == "find" {
			in <- struct{}{}
			return hang(ctx, op)
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { defer close(done); _, _ = s.KeyByName(ctx, keyName) }()
	<-in
	short, end := context.WithTimeout(t.Context(), 3*time.Second)
	defer end()
	_, err := s.Unwrap(short, "t", ekm.Wrapped{Blob: []byte("echo")}) // its second connection cannot be opened: one call runs
	if f := keystore.FailureOf(err); !errors.Is(err, code.AgentBusy) || f == nil || f.Class != keystore.Throttled || f.Sent {
		t.Errorf("over the limit of calls: %v, %+v", err, f)
	}
	waitFor(t, func() bool { return r.server.Status().Connections == 1 })
	other, err := net.Dial("unix", r.addr.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	hello(t, other)
	if _, err := client.New(t.Context(), client.Config{Dial: dialer(r.addr)}); !errors.Is(err, code.AgentBusy) {
		t.Errorf("over the limit of connections: %v", err)
	}
	other.Close()
	cancel()
	<-done
	waitFor(t, func() bool { return r.server.Status().Connections == 0 })
	r.fake.set(nil)
	if _, err := s.Unwrap(t.Context(), "t", ekm.Wrapped{Blob: []byte("echo")}); err != nil {
		t.Errorf("after the call ended: %v", err)
	}
}

// hello greets on a bare connection.
func hello(t testing.TB, c net.Conn) {
	t.Helper()
	send(t, c, frame.Request{Op: frame.Hello, ID: 1}, frame.HelloRequest{Lowest: 1, Highest: 9, Client: "raw"}.Append(nil))
	if r, _ := receive(t, c, frame.Request{Op: frame.Hello, ID: 1}); r.Code != 0 {
		t.Fatalf("hello was answered with %d", r.Code)
	}
}

func send(t testing.TB, c net.Conn, h frame.Request, body []byte) {
	t.Helper()
	h.Length = uint32(len(body))
	if _, err := c.Write(append(h.Append(nil), body...)); err != nil {
		t.Fatal(err)
	}
}

func receive(t testing.TB, c net.Conn, q frame.Request) (frame.Response, []byte) {
	t.Helper()
	b := make([]byte, frame.HeaderLen)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	r, err := frame.ParseResponse(b, q)
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, r.Length)
	if _, err := io.ReadFull(c, body); err != nil {
		t.Fatal(err)
	}
	return r, body
}

func raw(t testing.TB, a peer.Address) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", a.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// Who does not keep to the protocol loses the connection, or gets a code where the protocol goes on; nobody else notices.
func TestBadClients(t *testing.T) {
	t.Parallel()
	r := start(t, agent.Limits{})
	hasty := start(t, agent.Limits{Hello: 2 * time.Second, Idle: 600 * time.Millisecond, Frame: 500 * time.Millisecond}) // for those who say nothing more
	closed := func(name string, c net.Conn) {
		t.Helper()
		if n, err := io.Copy(io.Discard, c); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
	closed("silent", raw(t, hasty.addr))

	c := raw(t, r.addr)
	send(t, c, frame.Request{Op: frame.Info, ID: 1}, nil)
	if resp, _ := receive(t, c, frame.Request{Op: frame.Info, ID: 1}); resp.Code != 5005 || resp.Flags&frame.FlagNotDone == 0 {
		t.Errorf("without hello: %+v", resp)
	}
	closed("without hello", c)

	c = raw(t, r.addr)
	send(t, c, frame.Request{Op: frame.Hello, ID: 1}, frame.HelloRequest{Lowest: 7, Highest: 9}.Append(nil))
	if resp, _ := receive(t, c, frame.Request{Op: frame.Hello, ID: 1}); resp.Code != 5005 {
		t.Errorf("a later protocol: %+v", resp)
	}
	closed("later protocol", c)

	c = raw(t, r.addr)
	h := frame.Request{Op: frame.Hello, ID: 1, Length: frame.MaxBody}
	if _, err := c.Write(h.Append(nil)); err != nil {
		t.Fatal(err)
	}
	closed("much before hello", c)

	c = raw(t, hasty.addr)
	if _, err := c.Write([]byte{0xff, 0xff, 0xff, 0xff, 1, 0}); err != nil {
		t.Fatal(err)
	}
	closed("half a header", c)

	c = raw(t, r.addr)
	hello(t, c)
	for _, tc := range []struct {
		h    frame.Request
		body []byte
		want int32
	}{
		{frame.Request{Op: 99}, nil, 3},
		{frame.Request{Op: frame.Hello}, nil, 6},
		{frame.Request{Op: frame.Unwrap}, nil, 6},                    // no session
		{frame.Request{Op: frame.Open}, []byte{1, 2}, 6},             // cut off
		{frame.Request{Op: frame.Ping}, []byte{1}, 6},                // too much
		{frame.Request{Op: frame.Open}, open("\x00\xd8wrong"), 6},    // half a pair of surrogates
		{frame.Request{Op: frame.Open}, make([]byte, 12*1024), 6},    // large and wrong
		{frame.Request{Op: frame.Ping}, nil, 0},                      // and the connection lives
		{frame.Request{Op: frame.Info, Deadline: 1 << 31}, nil, 0},   // a deadline beyond the longest
		{frame.Request{Op: frame.Algorithms, Flags: 1}, nil, 0},      // repeated
		{frame.Request{Op: frame.Open}, make([]byte, 16), 0},         // without credential
		{frame.Request{Op: frame.Open}, make([]byte, 16), 6},         // twice
		{frame.Request{Op: frame.KeyByID}, []byte{9, 0, 0, 0}, 4},    // of no list
		{frame.Request{Op: frame.KeyByThumb}, []byte{0, 0, 0, 0}, 6}, // empty
	} {
		tc.h.ID = 7
		send(t, c, tc.h, tc.body)
		resp, body := receive(t, c, tc.h)
		if resp.Code != tc.want {
			f, _ := frame.ParseFailure(body)
			t.Errorf("%v %x: code %d, want %d (%s)", tc.h.Op, tc.body[:min(len(tc.body), 20)], resp.Code, tc.want, f.Text)
		}
	}

	c = raw(t, hasty.addr)
	hello(t, c)
	closed("idle without session", c)

	s := r.session(t)
	r.fake.set(hang)
	c = raw(t, r.addr)
	hello(t, c)
	send(t, c, frame.Request{Op: frame.Open, ID: 2}, make([]byte, 16)) // hangs
	send(t, c, frame.Request{Op: frame.Ping, ID: 3}, nil)
	closed("early", c)
	r.fake.set(nil)
	if _, err := s.KeyByName(t.Context(), keyName); err != nil {
		t.Errorf("somebody else's session: %v", err)
	}
}

func open(identity string) []byte {
	return frame.OpenRequest{Flags: frame.OpenCredential, Identity: []byte(identity)[:len(identity)&^1]}.Append(nil)
}

// Settings change while sessions live: what runs goes on, the next call has the new provider, and the old one is closed.
func TestChange(t *testing.T) {
	r := start(t, agent.Limits{Grace: time.Millisecond})
	s, idle := r.session(t), r.session(t)
	in, release := make(chan struct{}), make(chan struct{})
	r.fake.set(func(_ context.Context, op string) error {
		if op == "find" {
			close(in)
			<-release
		}
		return nil
	})
	got := make(chan error, 1)
	go func() {
		_, err := s.KeyByName(t.Context(), keyName)
		got <- err
	}()
	<-in
	r.fake.set(nil)
	next := newFake(t)
	if err := r.server.Change(next, agent.Limits{Grace: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-got; err != nil {
		t.Errorf("the call that ran: %v", err)
	}
	waitFor(t, func() bool { return r.server.Status().Connections == 0 }) // idle is closed, s came to its end by itself
	for _, s := range []ekm.Session{s, idle} {
		if _, err := s.KeyByName(t.Context(), keyName); err != nil {
			t.Errorf("the call after it: %v", err)
		}
	}
	if next.opens.Load() != 2 {
		t.Errorf("%d sessions were opened at the new provider, want 2", next.opens.Load())
	}
	waitFor(t, r.fake.closed.Load)
	if next.closed.Load() {
		t.Error("the new provider was closed")
	}
}

// waitFor waits for what another goroutine does soon.
func waitFor(t testing.TB, f func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(5 * time.Minute) // no bound of anything: who reaches it hangs
	defer limit.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatal("it did not happen")
		}
	}
}

// An agent that leaves lets calls finish, ends idle connections, and does not wait for calls that hang beyond its bound.
func TestLeave(t *testing.T) {
	r := start(t, agent.Limits{})
	busy, idle := r.session(t), r.session(t)
	in, release := make(chan struct{}), make(chan struct{})
	r.fake.set(func(_ context.Context, op string) error {
		if op == "find" {
			close(in)
			<-release
		}
		return nil
	})
	got := make(chan error, 1)
	go func() {
		_, err := busy.KeyByName(t.Context(), keyName)
		got <- err
	}()
	<-in
	left := make(chan error, 1)
	go func() { left <- r.server.Leave(t.Context(), 0) }()
	waitFor(t, func() bool { return r.server.Status().Connections == 1 })
	close(release)
	if err := <-got; err != nil {
		t.Errorf("the call that ran: %v", err)
	}
	if err := <-left; err != nil {
		t.Errorf("Leave = %v", err)
	}
	if !r.fake.closed.Load() {
		t.Error("the provider was not closed")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := idle.KeyByName(ctx, keyName); !errors.Is(err, code.AgentUnreachable) && !errors.Is(err, code.AgentTimeout) {
		t.Errorf("without an agent: %v", err)
	}
}

func TestLeaveIsBounded(t *testing.T) {
	r := start(t, agent.Limits{})
	s := r.session(t)
	in := make(chan struct{})
	r.fake.set(func(ctx context.Context, op string) error {
		if op != "create" {
			return nil
		}
		close(in)
		return hang(ctx, op)
	})
	got := make(chan error, 1)
	go func() {
		_, err := s.CreateKey(t.Context(), "n", 1)
		got <- err
	}()
	<-in
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := r.server.Leave(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Leave = %v", err)
	}
	if err := <-got; !errors.Is(err, code.AgentOutcomeUnknown) {
		t.Errorf("a key's creation that was cut off is %v", err)
	}
	if n := r.fake.creates.Load(); n != 1 {
		t.Errorf("the creation was carried out %d times", n)
	}
}

func TestPing(t *testing.T) {
	r := start(t, agent.Limits{})
	r.session(t)
	s, err := client.Ping(t.Context(), client.Config{Dial: dialer(r.addr)})
	if err != nil || s.Sessions != 1 || s.Version != "test" || s.Going {
		t.Errorf("Ping = %+v, %v", s, err)
	}
	none := peer.Address{Kind: peer.Unix, Name: filepath.Join(t.TempDir(), "none.sock")}
	if _, err := client.Ping(t.Context(), client.Config{Dial: dialer(none)}); !errors.Is(err, code.AgentUnreachable) {
		t.Errorf("nobody there: %v", err)
	}
}

func TestArgumentsAreCheckedBeforeTheyAreSent(t *testing.T) {
	r := start(t, agent.Limits{})
	s := r.session(t)
	for name, err := range map[string]error{
		"no name":       second(s.KeyByName(t.Context(), "")),
		"long name":     second(s.KeyByName(t.Context(), strings.Repeat("x", 257))),
		"no text":       second(s.KeyByName(t.Context(), "\xff")),
		"no thumbprint": second(s.KeyByThumbprint(t.Context(), "")),
		"long plain":    second(s.Wrap(t.Context(), "t", secret.Random(2049))),
		"no blob":       second(s.Unwrap(t.Context(), "t", ekm.Wrapped{})),
	} {
		if !errors.Is(err, code.InvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cred := &ekm.Credential{Identity: identity, Secret: secret.Random(9000)}
	if _, err := r.provider(t).OpenSession(t.Context(), cred); !errors.Is(err, code.InvalidArgument) {
		t.Errorf("a secret that is no text: %v", err)
	}
	cred.Secret = secret.FromString(strings.Repeat("x", 8193))
	if _, err := r.provider(t).OpenSession(t.Context(), cred); !errors.Is(err, code.InvalidArgument) {
		t.Errorf("a long secret: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }
