package install_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"latchkey/app/install"
	"latchkey/ekm/code"
)

func open(t *testing.T, dir, spec string) *install.Installation {
	t.Helper()
	in, err := install.Open(t.Context(), install.Process{}, dir, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in
}

func sealKey(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "seal")
	if err := os.WriteFile(name, bytes.Repeat([]byte("k"), 32), 0o600); err != nil {
		t.Fatal(err)
	}
	return "file:" + name
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	in := open(t, dir, sealKey(t))
	if _, err := install.Open(t.Context(), install.Process{}, dir, ""); !errors.Is(err, install.ErrInUse) {
		t.Errorf("got %v", err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, "")
}

// The directory remembers where its seal key comes from; a wrong one opens nothing and changes nothing.
func TestSealSourceIsRemembered(t *testing.T) {
	dir := t.TempDir()
	spec := sealKey(t)
	in := open(t, dir, spec)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err := install.Source(install.Process{}, dir, ""); err != nil || s.String() != spec {
		t.Errorf("%v, %v", s, err)
	}
	other := filepath.Join(t.TempDir(), "other")
	if err := os.WriteFile(other, bytes.Repeat([]byte("x"), 32), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := install.Open(t.Context(), install.Process{}, dir, "file:"+other); code.Of(err) != code.SealKeyWrong {
		t.Errorf("got %v", err)
	}
	again := open(t, dir, "")
	if again.SealSource() != spec {
		t.Errorf("a wrong key's source was noted: %s", again.SealSource())
	}
}

// A lost development key is said; a new one would only hide it.
func TestLostDevelopmentKey(t *testing.T) {
	dir := t.TempDir()
	in := open(t, dir, "dev")
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Glob(filepath.Join(dir, "INSECURE*"))
	if err != nil || len(keys) != 1 {
		t.Fatalf("%v, %v", keys, err)
	}
	if err := os.Remove(keys[0]); err != nil {
		t.Fatal(err)
	}
	_, err = install.Open(t.Context(), install.Process{}, dir, "")
	if code.Of(err) != code.SealKeyMissing || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(keys[0]); err == nil {
		t.Error("a new key was made")
	}
}

func TestFilesAreBoundToTheirName(t *testing.T) {
	in := open(t, t.TempDir(), sealKey(t))
	sealed, err := in.Files.Seal("a", []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("plain")) {
		t.Error("sealed in clear")
	}
	if b, err := in.Files.Open("a", sealed); err != nil || string(b) != "plain" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := in.Files.Open("b", sealed); err == nil {
		t.Error("opened under another name")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := in.Files.Open("a", bad); err == nil {
			t.Errorf("a change of byte %d is not noticed", i)
		}
	}
	for n := range sealed {
		if _, err := in.Files.Open("a", sealed[:n]); err == nil {
			t.Errorf("cut to %d bytes it opens", n)
		}
	}
	other := open(t, t.TempDir(), sealKey(t))
	if _, err := other.Files.Open("a", sealed); err == nil {
		t.Error("another installation opens it")
	}
}

// Principals and secrets survive a restart, are renewed before they end, and are made good after a crash in the middle.
func TestPrincipalsAndSecrets(t *testing.T) {
	dir, spec := t.TempDir(), sealKey(t)
	secrets := func() (id, secret string) {
		in := open(t, dir, spec)
		defer in.Close()
		if err := in.OpenEntra(t.Context(), nil, nil); err != nil {
			t.Fatal(err)
		}
		_, apps, err := in.EnsurePrincipals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s, err := in.EnsureSecrets(t.Context(), apps)
		if err != nil {
			t.Fatal(err)
		}
		return apps[install.OperatorName].ClientID, string(s.ClientSecret.Expose())
	}
	id, secret := secrets()
	if id2, secret2 := secrets(); id2 != id || secret2 != secret {
		t.Error("a restart changed them")
	}
	// The file of the secrets is lost: new ones are made, again and again, without running into a limit.
	for range 4 {
		if err := os.Remove(filepath.Join(dir, "clients.sealed")); err != nil {
			t.Fatal(err)
		}
		id2, secret2 := secrets()
		if id2 != id || secret2 == secret {
			t.Errorf("%s %s", id2, secret2)
		}
	}
}
