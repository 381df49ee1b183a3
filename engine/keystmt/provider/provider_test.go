package provider_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/engine/catalog/model"
	"latchkey/engine/keystmt/provider"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

// library counts its sessions.
type library struct {
	mu       sync.Mutex
	guid     byte
	openings int
	open     int
	err      error
	hold     chan struct{} // sessions open when it is closed; nil: at once
	changed  []string
	secrets  []*secret.Bytes
}

func (l *library) Info() ekm.ProviderInfo {
	return ekm.ProviderInfo{Name: "lib", GUID: [16]byte{1, l.guid}}
}
func (l *library) Algorithms() []ekm.Algorithm { return nil }
func (l *library) Close() error                { return nil }

func (l *library) ChangeCredential(_ context.Context, c *ekm.Credential) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed = append(l.changed, c.Name)
	return nil
}

func (l *library) OpenSession(ctx context.Context, c *ekm.Credential) (ekm.Session, error) {
	if l.hold != nil {
		select {
		case <-l.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	l.openings++
	l.open++
	l.secrets = append(l.secrets, c.Secret)
	return &session{l: l}, nil
}

func (l *library) counts() (openings, open int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.openings, l.open
}

type session struct {
	ekm.Session
	l    *library
	once sync.Once
}

func (s *session) Keys(context.Context) iter.Seq2[ekm.KeyInfo, error] {
	return func(func(ekm.KeyInfo, error) bool) {}
}

func (s *session) Close(bool) error {
	s.once.Do(func() {
		s.l.mu.Lock()
		defer s.l.mu.Unlock()
		s.l.open--
	})
	return nil
}

func newSet(t *testing.T, l *library, max int) (*provider.Set, *clock.Fake, *model.Provider) {
	t.Helper()
	c := clock.NewFake(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
	s := provider.New(provider.Config{Builtin: []provider.Builtin{{Files: []string{"Lib.dll"}, Provider: l}}, Clock: c, MaxSessions: max})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, open := l.counts(); open != 0 {
			t.Errorf("%d sessions are open after Close", open)
		}
	})
	return s, c, &model.Provider{ID: 65536, Name: "p", Path: `C:\x\lib.DLL`, GUID: l.Info().GUID, Enabled: true}
}

func opener() (*ekm.Credential, error) {
	return &ekm.Credential{Name: "c", Identity: "v", Secret: secret.FromString("s")}, nil
}

func cred(id int) *model.Credential { return &model.Credential{ID: id, Name: fmt.Sprint(id)} }

func borrow(t *testing.T, s *provider.Set, p *model.Provider, c *model.Credential) *provider.Lease {
	t.Helper()
	l, err := s.Borrow(t.Context(), p, c, opener)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Many uses share one session, and its secret is gone once it is open.
func TestShared(t *testing.T) {
	l := &library{hold: make(chan struct{})}
	s, _, p := newSet(t, l, 0)
	c := cred(1)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			lease, err := s.Borrow(context.Background(), p, c, opener)
			if err != nil {
				t.Error(err)
				return
			}
			lease.Done(nil)
		})
	}
	close(l.hold)
	wg.Wait()
	if n, open := l.counts(); n != 1 || open != 1 {
		t.Errorf("%d sessions were opened, %d are open", n, open)
	}
	if l.secrets[0].Len() != 0 {
		t.Error("the secret is still there")
	}
	if s.Count(p.ID) != 1 || s.Sessions()[0].Identity != "v" {
		t.Errorf("sessions: %v", s.Sessions())
	}
}

// Who waits for an opening that its beginner gave up opens one itself.
func TestBeginnerGivesUp(t *testing.T) {
	l := &library{hold: make(chan struct{})}
	s, _, p := newSet(t, l, 0)
	c := cred(1)
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error)
	began := make(chan struct{})
	go func() {
		_, err := s.Borrow(ctx, p, c, func() (*ekm.Credential, error) { close(began); return opener() })
		first <- err
	}()
	<-began
	second := make(chan error)
	go func() {
		lease, err := s.Borrow(context.Background(), p, c, opener)
		if err == nil {
			lease.Done(nil)
		}
		second <- err
	}()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	close(l.hold)
	if err := <-second; err != nil {
		t.Error(err)
	}
}

func TestIdleSessionsEnd(t *testing.T) {
	l := &library{}
	s, c, p := newSet(t, l, 0)
	lease := borrow(t, s, p, cred(1))
	lease.Done(nil)
	c.Advance(provider.DefaultIdle)
	for _, open := l.counts(); open != 0; _, open = l.counts() {
		if t.Context().Err() != nil {
			t.Fatal("the session stays")
		}
	}
	if s.Count(p.ID) != 0 {
		t.Error("it is still listed")
	}
}

// A failed use of the session ends it; a key that is not there does not.
func TestFailedSessionsEnd(t *testing.T) {
	l := &library{}
	s, _, p := newSet(t, l, 0)
	c := cred(1)
	borrow(t, s, p, c).Done(code.New(code.NotFound, "", ""))
	borrow(t, s, p, c).Done(code.New(code.AuthFailure, "", ""))
	if n, open := l.counts(); n != 1 || open != 0 {
		t.Errorf("%d opened, %d open", n, open)
	}
	borrow(t, s, p, c).Done(nil)
	if n, _ := l.counts(); n != 2 {
		t.Error("the failed session is lent again")
	}
	l.err = code.New(code.AuthFailure, "", "")
	if _, err := s.Borrow(t.Context(), p, cred(2), opener); code.Of(err) != code.AuthFailure {
		t.Errorf("opening: %v", err)
	}
	l.err = nil
	borrow(t, s, p, cred(2)).Done(nil)
}

func TestBound(t *testing.T) {
	l := &library{}
	s, _, p := newSet(t, l, 2)
	var leases []*provider.Lease
	for id := range 5 {
		leases = append(leases, borrow(t, s, p, cred(id+1)))
	}
	for _, x := range leases {
		x.Done(nil)
	}
	if _, open := l.counts(); open != 2 {
		t.Errorf("%d sessions are kept, want 2", open)
	}
}

// A credential that was changed is another one: idle sessions end, those in use are told and end afterwards.
func TestForget(t *testing.T) {
	l := &library{}
	s, _, p := newSet(t, l, 0)
	old := cred(7)
	borrow(t, s, p, old).Done(nil)
	s.Forget(t.Context(), 7, &ekm.Credential{Name: "idle"})
	if _, open := l.counts(); open != 0 || len(l.changed) != 0 {
		t.Errorf("%d open, told %q", open, l.changed)
	}
	lease := borrow(t, s, p, old)
	s.Forget(t.Context(), 8, &ekm.Credential{Name: "another"})
	s.Forget(t.Context(), 7, &ekm.Credential{Name: "in use"})
	if len(l.changed) != 1 || l.changed[0] != "in use" {
		t.Errorf("told %q", l.changed)
	}
	again := borrow(t, s, p, cred(7))
	again.Done(nil)
	lease.Done(nil)
	if n, open := l.counts(); n != 3 || open != 1 {
		t.Errorf("%d opened, %d open", n, open)
	}
}

type loader struct{ l *library }

func (x loader) Load(context.Context, string) (ekm.Provider, error) {
	if x.l == nil {
		return nil, errors.New("no such file")
	}
	return x.l, nil
}

func TestLoad(t *testing.T) {
	l := &library{guid: 9}
	s := provider.New(provider.Config{Loader: loader{l}})
	defer s.Close()
	lib, err := s.Load(t.Context(), "/opt/x.so")
	if err != nil || lib.Info.Name != "lib" {
		t.Fatal(lib, err)
	}
	other := &model.Provider{ID: 1, Path: "/opt/x.so", GUID: [16]byte{2}, Enabled: true}
	if _, err := s.OpenSession(t.Context(), other, &ekm.Credential{}); !errors.Is(err, code.Msg(33082)) {
		t.Errorf("another library's GUID: %v", err)
	}
	if _, err := provider.New(provider.Config{}).Load(t.Context(), "/opt/x.so"); err == nil {
		t.Error("a library is loaded without a loader")
	}
	for path, want := range map[string]bool{`C:\a b\LIB.dll`: true, "lib.DLL": true, "/x/lib.dll": true, "": false, `C:\lib.dll\`: false, "notlib.dll": false} {
		s := provider.New(provider.Config{Builtin: []provider.Builtin{{Files: []string{"Lib.dll"}, Provider: l}}})
		if _, _, ok := s.Builtin(path); ok != want {
			t.Errorf("%q is a name for it: %v", path, ok)
		}
	}
}
