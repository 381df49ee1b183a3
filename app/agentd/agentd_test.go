package agentd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/app/agentd"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

func write(t *testing.T, name string, s agentd.Settings) {
	t.Helper()
	b, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(name, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "agent.json")
	for text, want := range map[string]string{
		`{}`:                            "",
		`{"alow": ["x"]}`:               `line 1: "alow" is not known here`,
		`{} {}`:                         "line 1: something follows",
		`{"listen": "agent.sock"}`:      "listen:",
		`{"map": "keymap"}`:             "no absolute path",
		`{"algorithm": "RSA"}`:          "RSA-OAEP-256",
		`{"logLevel": "all"}`:           "info, error or none",
		`{"budgetSeconds": 90}`:         "0 to 55",
		`{"limits": {"calls": -1}}`:     "limits:",
		`{"vaults": {"V.example": {}}}`: "lower case",
		`{"vaults": {"*": {"authority": "http://x"}}}`:          "https://HOST",
		`{"vaults": {"*": {"caFile": "ca.pem"}}}`:               "no absolute path",
		`{"vaults": {"*": {"secretExpires": "soon"}}}`:          "YYYY-MM-DD",
		`{"vaults": {"*": {"addresses": ["10.0.0.1"]}}}`:        "HOST:PORT",
		`{"vaults": {"v.example:8443": {"proxy": "direct"}}}`:   "",
		`{"algorithm": "RSA", "budgetSeconds": -1, "map": "x"}`: "budgetSeconds",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := agentd.Read(fsys.OS{}, file)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (!errors.Is(err, code.ConfigInvalid) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// logs is a log that a test waits on.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) has(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), s)
}

func waitFor(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(2 * time.Minute)
	defer limit.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("it did not happen: %s", what)
		}
	}
}

// An agent runs, is asked, reads changed settings again, refuses bad ones, hands its socket over, and ends.
func TestRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the socket is Linux's")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "agent.json")
	s := agentd.Settings{Listen: "unix:" + filepath.Join(dir, "a.sock"), Map: filepath.Join(dir, "keymap"), Limits: agentd.Limits{GraceSeconds: 1}}
	write(t, file, s)
	fake := clock.NewFake(clock.System{}.Now())
	log := &logs{}
	run := func(ctx context.Context, ready chan<- string) error {
		return agentd.Run(ctx, agentd.Config{
			FS: fsys.OS{}, Clock: fake, Log: slog.New(slog.NewTextHandler(log, nil)), LookupEnv: func(string) (string, bool) { return "", false },
			PID: os.Getpid(), Version: "v1", File: file, Ready: func(a string) { ready <- a },
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, first := make(chan string, 1), make(chan error, 1)
	go func() { first <- run(ctx, ready) }()
	if a := <-ready; a != s.Listen {
		t.Errorf("ready on %q", a)
	}
	st, err := agentd.Ask(t.Context(), s.Listen, nil, false, clock.System{}.Now)
	if err != nil || st.Provider != "Latchkey EKM Provider" || st.Version != "v1" || st.Sessions != 0 {
		t.Errorf("status %+v, %v", st, err)
	}

	// The clock goes on until the log says so: the agent may not have begun to wait when it is moved first.
	look := func(what, said string) {
		t.Helper()
		waitFor(t, what, func() bool {
			fake.Advance(2 * time.Second)
			return log.has(said)
		})
	}
	if err := os.WriteFile(file, []byte(`{"listen": 1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	look("bad settings are refused", "the old ones go on")
	s.Allow = []string{"12345"}
	s.Vaults = map[string]agentd.Vault{"*": {Proxy: "direct"}}
	write(t, file, s)
	look("small changes", "settings read again")
	s.Algorithm = "RSA-OAEP"
	write(t, file, s)
	look("large changes", "sessions move to them")
	if _, err := agentd.Ask(t.Context(), s.Listen, nil, false, clock.System{}.Now); err != nil {
		t.Errorf("after the changes: %v", err)
	}

	second := make(chan error, 1)
	go func() { second <- run(ctx, ready) }()
	<-ready
	if err := <-first; err != nil {
		t.Errorf("the first agent ended with %v", err)
	}
	if _, err := agentd.Ask(t.Context(), s.Listen, nil, false, clock.System{}.Now); err != nil {
		t.Errorf("after the hand-over: %v", err)
	}
	cancel()
	if err := <-second; err != nil {
		t.Errorf("the second agent ended with %v", err)
	}
	if _, err := agentd.Ask(t.Context(), s.Listen, nil, false, clock.System{}.Now); !errors.Is(err, code.AgentUnreachable) {
		t.Errorf("after the end: %v", err)
	}
}
