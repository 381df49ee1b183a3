package loader_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/agent/loader"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/secret"

	"github.com/google/go-cmp/cmp"
)

// build makes the loader and the test library; with sanitizers in both if asked to.
func build(t *testing.T, more ...string) (program, library string) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the loader is built on linux/amd64")
	}
	for _, tool := range []string{"gcc", "make"} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	dir := t.TempDir()
	program, library = filepath.Join(dir, "latchkey-ekm-loader"), filepath.Join(dir, "fragile.so")
	shim := filepath.Join("..", "..", "shim")
	flags := append([]string{"-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-O1"}, more...)
	for _, args := range [][]string{
		append(flags, "-pthread", "-o", program, filepath.Join(shim, "loader", "loader.c"), "-ldl"),
		append(flags, "-shared", "-fPIC", "-I", shim, "-o", library, filepath.Join("testdata", "fragile.c")),
	} {
		if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
			t.Fatalf("gcc: %v\n%s", err, out)
		}
	}
	return program, library
}

func load(t *testing.T, cfg loader.Config, library string) (ekm.Provider, ekm.Session) {
	t.Helper()
	cfg.TempDir = t.TempDir()
	p, err := loader.New(cfg).Load(t.Context(), library)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing the provider: %v", err)
		}
		if left, _ := os.ReadDir(cfg.TempDir); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	s, err := p.OpenSession(t.Context(), credential("ok"))
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

func credential(password string) *ekm.Credential {
	return &ekm.Credential{Name: "c", Identity: "somebody", Secret: secret.FromString(password)}
}

const thumb = ekm.Thumbprint("\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07")

func unwrap(ctx context.Context, s ekm.Session, blob string) error {
	got, err := s.Unwrap(ctx, thumb, ekm.Wrapped{Blob: []byte(blob)})
	if err != nil {
		return err
	}
	defer got.Destroy()
	if !got.Equal([]byte(blob)) {
		return errors.New("another secret came back")
	}
	return nil
}

// Everything that the interface carries comes through, with the sanitizers watching the C.
func TestLibrary(t *testing.T) {
	program, library := build(t, "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
	p, s := load(t, loader.Config{Program: program}, library)
	wantInfo := ekm.ProviderInfo{
		Name: "Fragile", GUID: [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, Version: ekm.Version{Major: 2, Minor: 3, Build: 400, Revision: 5},
		API: ekm.Version{Major: 1, Minor: 1}, Auth: ekm.AuthBasic, Asymmetric: ekm.Supported, ThumbprintLen: 20, AcceptsKeyName: true,
	}
	if diff := cmp.Diff(wantInfo, p.Info()); diff != "" {
		t.Errorf("info: %s", diff)
	}
	wantAlgs := []ekm.Algorithm{{ID: 1, Tag: "RSA_2048", Bits: 2048, Asymmetric: true}, {ID: 2, Tag: "RSA_3072", Bits: 3072, Asymmetric: true}}
	if diff := cmp.Diff(wantAlgs, p.Algorithms()); diff != "" {
		t.Errorf("algorithms: %s", diff)
	}
	want := ekm.KeyInfo{Name: "Schlüssel", Thumbprint: thumb, Algorithm: 2, Bits: 3072, Flags: ekm.Supported}
	if k, err := s.KeyByName(t.Context(), "Schlüssel"); err != nil || !cmp.Equal(k, want) {
		t.Errorf("KeyByName = %+v, %v", k, err)
	}
	if k, err := s.KeyByThumbprint(t.Context(), thumb); err != nil || k.Name != "k" {
		t.Errorf("KeyByThumbprint = %+v, %v", k, err)
	}
	if k, err := s.PublicKey(t.Context(), thumb); err != nil || len(k.N) != 384 || k.E != 65537 {
		t.Errorf("PublicKey = %d bytes, %d, %v", len(k.N), k.E, err)
	}
	w, err := s.Wrap(t.Context(), thumb, secret.FromString("a DEK"))
	if err != nil || string(w.Blob) != "a DEK" || w.Algorithm != "" {
		t.Errorf("Wrap = %+v, %v", w, err)
	}
	if err := unwrap(t.Context(), s, "a blob"); err != nil {
		t.Errorf("Unwrap: %v", err)
	}
	var names []string
	for k, err := range s.Keys(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, k.Name)
	}
	if diff := cmp.Diff([]string{"k1", "k2", "k3"}, names); diff != "" {
		t.Errorf("keys: %s", diff)
	}
	if got, err := s.CreateKey(t.Context(), "new", 5); err != nil || got != ekm.Thumbprint(strings.Repeat("\x05", 20)) {
		t.Errorf("CreateKey = %v, %v", got, err)
	}
	if err := s.DropKey(t.Context(), thumb); err != nil {
		t.Errorf("DropKey = %v", err)
	}
	for name, want := range map[string]code.Code{"x": code.HTTPResourceNotFound, "l": code.Failure, "m": code.Failure} {
		if _, err := s.KeyByName(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("key %q: %v, want %v", name, err, want)
		}
	}
	if _, err := s.ImportKey(t.Context(), "n", []byte{1}); !errors.Is(err, code.NotSupported) {
		t.Errorf("ImportKey = %v", err)
	}
	if _, err := p.OpenSession(t.Context(), credential("wrong")); !errors.Is(err, code.GetTokenBadCredentials) {
		t.Errorf("a wrong secret: %v", err)
	}
	if _, err := p.OpenSession(t.Context(), nil); !errors.Is(err, code.GetTokenBadCredentials) {
		t.Errorf("no credential: %v", err)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				if err := unwrap(t.Context(), s, "at once"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(false); err != nil {
		t.Error(err)
	}
}

// A library that crashes or hangs costs the calls that it was in; sessions go on.
func TestCrash(t *testing.T) {
	program, library := build(t)
	p, s := load(t, loader.Config{Program: program}, library)
	other, err := p.OpenSession(t.Context(), credential("ok"))
	if err != nil {
		t.Fatal(err)
	}
	if err := unwrap(t.Context(), s, "crash"); !errors.Is(err, code.AgentUnreachable) {
		t.Errorf("a library that crashes each time: %v", err)
	}
	if _, err := s.CreateKey(t.Context(), "n", 99); !errors.Is(err, code.AgentOutcomeUnknown) {
		t.Errorf("a crash in the making of a key: %v", err)
	}
	for _, s := range []ekm.Session{s, other} {
		if err := unwrap(t.Context(), s, "next"); err != nil {
			t.Errorf("the call after a crash: %v", err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := unwrap(ctx, s, "hang"); !errors.Is(err, code.AgentTimeout) {
		t.Errorf("a library that hangs: %v", err)
	}
	if err := unwrap(t.Context(), s, "after"); err != nil {
		t.Errorf("the call after one that hangs: %v", err)
	}
}

func TestWhatIsNotLoaded(t *testing.T) {
	program, library := build(t)
	l := loader.New(loader.Config{Program: program, TempDir: t.TempDir()})
	refused := func(what, path, text string) {
		t.Helper()
		if p, err := l.Load(t.Context(), path); !errors.Is(err, loader.ErrLibrary) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, %v", what, p, err)
		}
	}
	refused("a relative path", "fragile.so", "not absolute")
	refused("nothing", library+"x", "no such file")
	refused("a folder", filepath.Dir(library), "no file")
	text := filepath.Join(filepath.Dir(library), "text.so")
	if err := os.WriteFile(text, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a text", text, "text.so")
	source, none := filepath.Join(t.TempDir(), "none.c"), filepath.Join(t.TempDir(), "none.so")
	if err := os.WriteFile(source, []byte("int nothing;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-o", none, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	refused("a library of something else", none, "function 1 of the interface is missing")
	var missing *loader.MissingError
	if _, err := l.Load(t.Context(), none); !errors.As(err, &missing) || missing.Missing() != 1 {
		t.Errorf("a library of something else: %v", err)
	}
	refused("another library", "/lib/x86_64-linux-gnu/libc.so.6", "function 1 ")
	if err := os.Chmod(library, 0o666); err != nil {
		t.Fatal(err)
	}
	refused("a library that others may change", library, "changed by others")
	if err := os.Chmod(library, 0o644); err != nil {
		t.Fatal(err)
	}
	l = loader.New(loader.Config{Program: program, TempDir: t.TempDir(), Env: []string{"FRAGILE_INIT=2058"}})
	if _, err := l.Load(t.Context(), library); !errors.Is(err, code.FailureInRegistry) {
		t.Errorf("a library that does not initialise: %v", err)
	}
	l = loader.New(loader.Config{Program: "/nowhere", TempDir: t.TempDir()})
	if _, err := l.Load(t.Context(), library); err == nil || !strings.Contains(err.Error(), "starting the loader") {
		t.Errorf("without the program: %v", err)
	}
}
