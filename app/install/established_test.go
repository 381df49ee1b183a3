package install_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"latchkey/app/install"
	"latchkey/ekm/code"
)

// made is a directory with everything in it, closed.
func made(t *testing.T, spec string) string {
	t.Helper()
	dir := t.TempDir()
	in := open(t, dir, spec)
	if err := in.OpenEntra(t.Context(), nil, nil); err != nil {
		t.Fatal(err)
	}
	_, apps, err := in.EnsurePrincipals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.EnsureSecrets(t.Context(), apps); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func start(t *testing.T, dir string) error {
	t.Helper()
	in, err := install.Open(t.Context(), install.Process{}, dir, "")
	if err != nil {
		return err
	}
	defer in.Close()
	if err := in.OpenEntra(t.Context(), nil, nil); err != nil {
		return err
	}
	_, apps, err := in.EnsurePrincipals(t.Context())
	if err == nil {
		_, err = in.EnsureSecrets(t.Context(), apps)
	}
	return err
}

// A lost store or token authority is said, and nothing new is made in its place.
func TestLostFiles(t *testing.T) {
	for name, want := range map[string]code.Code{"vault.db": code.StoreDamaged, "entra/entra.json": code.EntraStateDamaged} {
		dir := made(t, sealKey(t))
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		clients, err := os.ReadFile(filepath.Join(dir, "clients.sealed"))
		if err != nil {
			t.Fatal(err)
		}
		if err := start(t, dir); code.Of(err) != want || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was made anew: %v", name, err)
		}
		if now, err := os.ReadFile(filepath.Join(dir, "clients.sealed")); err != nil || string(now) != string(clients) {
			t.Errorf("%s: the clients' secrets were overwritten (%v)", name, err)
		}
	}
}

func TestDamagedClients(t *testing.T) {
	dir := made(t, sealKey(t))
	name := filepath.Join(dir, "clients.sealed")
	for _, content := range []string{"", "\x01", "rubbish"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := start(t, dir); code.Of(err) != code.SealDamaged {
			t.Errorf("%q: %v", content, err)
		}
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := start(t, dir); err != nil {
		t.Error(err)
	}
}

// A directory that others may write to is taken from them: who may put files there administers the vault.
func TestDirectoryIsTightened(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	open(t, dir, sealKey(t))
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
}

// What a cut-off change of the seal leaves is told at each start, and not taken for the seal.
func TestLeftDevelopmentKey(t *testing.T) {
	dir, spec := t.TempDir(), sealKey(t)
	if err := open(t, dir, spec).Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "INSECURE-development-seal.key")
	if err := os.WriteFile(name, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	in, err := install.Open(t.Context(), install.Process{Log: slog.New(slog.NewTextHandler(&log, nil))}, dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if in.SealSource() != spec || !strings.Contains(log.String(), name) {
		t.Errorf("%s: %s", in.SealSource(), log.String())
	}
}
