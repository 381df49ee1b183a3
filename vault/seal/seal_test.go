package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
	"latchkey/vault/seal"
	"latchkey/vault/store"
	"latchkey/vault/store/storetest"
)

const purpose seal.Purpose = "test"

func mustOpen(t *testing.T, st store.Store, root *seal.RootKey) *seal.Sealer {
	t.Helper()
	s, err := seal.Open(t.Context(), seal.Config{Store: st, Root: root})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustSeal(t *testing.T, s *seal.Sealer, name, plain string) []byte {
	t.Helper()
	b, err := s.Seal(purpose, name, []byte(plain))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustReveal(t *testing.T, s *seal.Sealer, name string, sealed []byte, want string) {
	t.Helper()
	p, err := s.Open(purpose, name, sealed)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Equal([]byte(want)) {
		t.Fatal("another value came out")
	}
}

func passphrase(t *testing.T, s string) *seal.RootKey {
	t.Helper()
	r, err := seal.Passphrase([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestValuesOpenOnlyWhereTheyBelong(t *testing.T) {
	st := storetest.NewMem()
	root := seal.GenerateRootKey()
	s := mustOpen(t, st, root)
	sealed := mustSeal(t, s, "v/a", "the value")
	if len(sealed) != len("the value")+seal.Overhead {
		t.Errorf("overhead is %d", len(sealed)-len("the value"))
	}
	if bytes.Equal(sealed, mustSeal(t, s, "v/a", "the value")) {
		t.Error("sealing twice gives the same bytes")
	}
	mustReveal(t, s, "v/a", sealed, "the value")
	mustReveal(t, mustOpen(t, st, root), "v/a", sealed, "the value")
	if _, err := s.Open(purpose, "v/b", sealed); !errors.Is(err, code.SealDamaged) {
		t.Errorf("under another name: %v", err)
	}
	if _, err := s.Open("other", "v/a", sealed); !errors.Is(err, code.SealDamaged) {
		t.Errorf("for another purpose: %v", err)
	}
	if _, err := mustOpen(t, storetest.NewMem(), root).Open(purpose, "v/a", sealed); !errors.Is(err, code.SealKeyUnknown) {
		t.Errorf("in another installation: %v", err)
	}
	for i := range sealed {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(sealed)
			bad[i] ^= bit
			if _, err := s.Open(purpose, "v/a", bad); code.Of(err) == 0 {
				t.Fatalf("byte %d changed: %v", i, err)
			}
		}
		if _, err := s.Open(purpose, "v/a", sealed[:i]); !errors.Is(err, code.SealDamaged) {
			t.Fatalf("cut to %d bytes: %v", i, err)
		}
	}
	sealed[0] = 2
	if _, err := s.Open(purpose, "v/a", sealed); !errors.Is(err, code.SealVersion) {
		t.Errorf("newer version: %v", err)
	}
	s.Close()
	if _, err := s.Seal(purpose, "v/a", []byte("x")); err == nil {
		t.Error("a closed Sealer seals")
	}
}

func TestWrongKeyIsToldFromDamage(t *testing.T) {
	st := storetest.NewMem()
	mustOpen(t, st, passphrase(t, "correct horse battery"))
	open := func(r *seal.RootKey) error {
		_, err := seal.Open(t.Context(), seal.Config{Store: st, Root: r})
		return err
	}
	if err := open(passphrase(t, "correct horse battery")); err != nil {
		t.Error(err)
	}
	for _, r := range []*seal.RootKey{passphrase(t, "correct horse batterY"), seal.GenerateRootKey()} {
		if err := open(r); !errors.Is(err, code.SealKeyWrong) || errors.Is(err, code.SealDamaged) {
			t.Errorf("wrong key: %v", err)
		}
	}
	if err := open(nil); !errors.Is(err, code.SealKeyMissing) {
		t.Errorf("no key: %v", err)
	}
	ring, err := st.Get(t.Context(), "seal/ring")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(ring.Value); i += 7 {
		bad := bytes.Clone(ring.Value)
		bad[i] ^= 1
		mustPut(t, st, "seal/ring", bad)
		if err := open(seal.GenerateRootKey()); !errors.Is(err, code.SealDamaged) {
			t.Fatalf("byte %d of the ring changed: %v", i, err)
		}
	}
	mustDelete(t, st, "seal/ring")
	mustPut(t, st, "v/x", []byte("data"))
	if err := open(seal.GenerateRootKey()); !errors.Is(err, code.SealMissing) {
		t.Errorf("data without a seal: %v", err)
	}
}

func mustPut(t *testing.T, st store.Store, key string, value []byte) {
	t.Helper()
	if _, err := st.Commit(t.Context(), nil, []store.Op{{Key: key, Value: value}}); err != nil {
		t.Fatal(err)
	}
}

func mustDelete(t *testing.T, st store.Store, key string) {
	t.Helper()
	if _, err := st.Commit(t.Context(), nil, []store.Op{{Key: key, Delete: true}}); err != nil {
		t.Fatal(err)
	}
}

func TestChangeRootIsOneWriteAndFinal(t *testing.T) {
	st := storetest.NewMem()
	first, second := seal.GenerateRootKey(), seal.GenerateRootKey()
	s := mustOpen(t, st, first)
	sealed := mustSeal(t, s, "n", "x")
	derived, err := s.Derive("audit")
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	st.FailCommits(func([]store.Op) error { return boom })
	if err := s.ChangeRoot(t.Context(), second); !errors.Is(err, boom) {
		t.Fatalf("failing store: %v", err)
	}
	writes := 0
	st.FailCommits(func(ops []store.Op) error { writes += len(ops); return nil })
	mustOpen(t, st, first)
	if err := s.ChangeRoot(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if writes != 1 {
		t.Errorf("%d writes", writes)
	}
	if _, err := s.NewDataKey(t.Context()); err != nil { // the ring stays usable
		t.Fatal(err)
	}
	if _, err := seal.Open(t.Context(), seal.Config{Store: st, Root: first}); !errors.Is(err, code.SealKeyWrong) {
		t.Errorf("the old key: %v", err)
	}
	again := mustOpen(t, st, second)
	mustReveal(t, again, "n", sealed, "x")
	if d, err := again.Derive("audit"); err != nil || !d.Equal(derived.Expose()) {
		t.Errorf("a derived key changed (%v)", err)
	}
	if d, _ := again.Derive("other"); d.Equal(derived.Expose()) {
		t.Error("two uses share a key")
	}
}

// TestResealGoesOnWhereItStopped interrupts the walk at each of its commits.
func TestResealGoesOnWhereItStopped(t *testing.T) {
	const n = 150
	st, root := storetest.NewMem(), seal.GenerateRootKey()
	s := mustOpen(t, st, root)
	backups, err := seal.OpenBackupKeys(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	name := func(i int) string { return fmt.Sprintf("v/%03d", i) }
	for i := range n {
		mustPut(t, st, name(i), mustSeal(t, s, name(i), fmt.Sprint("value ", i)))
	}
	old := s.Info()
	if _, err := s.NewDataKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	visited := 0
	walk := func(key string, value []byte) ([]byte, bool, error) {
		visited++
		return s.Renew(purpose, key, value)
	}
	if err := s.DropOldKeys(t.Context(), walk); err == nil {
		t.Fatal("keys in use were dropped")
	}
	visited = 0
	boom := errors.New("boom")
	left, changed := 0, 0
	for rounds := 0; ; rounds++ {
		left = 40
		st.FailCommits(func([]store.Op) error {
			if left--; left < 0 {
				return boom
			}
			return nil
		})
		c, err := s.Reseal(t.Context(), walk)
		changed += c
		if err == nil {
			break
		}
		if !errors.Is(err, boom) || rounds > 20 {
			t.Fatal(err)
		}
	}
	st.FailCommits(nil)
	if changed != n+1 { // and the backup keys
		t.Errorf("%d records changed", changed)
	}
	if visited > 2*n+200 {
		t.Errorf("%d visits: the walk began anew each time", visited)
	}
	if err := s.DropOldKeys(t.Context(), walk); err != nil {
		t.Fatal(err)
	}
	if info := s.Info(); info.DataKeys != 1 || info.Active == old.Active {
		t.Errorf("%+v", info)
	}
	if _, err := backups.Rotate(t.Context()); err != nil { // its record was changed underneath
		t.Fatal(err)
	}
	s = mustOpen(t, st, root)
	for i := range n {
		it, err := st.Get(t.Context(), name(i))
		if err != nil {
			t.Fatal(err)
		}
		mustReveal(t, s, name(i), it.Value, fmt.Sprint("value ", i))
	}
	if b, err := seal.OpenBackupKeys(t.Context(), s); err != nil || len(b.IDs()) != 2 {
		t.Errorf("backup keys: %v", err)
	}
}

func TestResealKeepsWhatOthersWrote(t *testing.T) {
	st := storetest.NewMem()
	s := mustOpen(t, st, seal.GenerateRootKey())
	mustPut(t, st, "v/a", mustSeal(t, s, "v/a", "before"))
	if _, err := s.NewDataKey(t.Context()); err != nil {
		t.Fatal(err)
	}
	once := true
	_, err := s.Reseal(t.Context(), func(key string, value []byte) ([]byte, bool, error) {
		if once { // someone else writes between reading and replacing
			once = false
			mustPut(t, st, "v/a", mustSeal(t, s, "v/a", "after"))
		}
		return s.Renew(purpose, key, value)
	})
	if err != nil {
		t.Fatal(err)
	}
	it, err := st.Get(t.Context(), "v/a")
	if err != nil {
		t.Fatal(err)
	}
	mustReveal(t, s, "v/a", it.Value, "after")
}

func TestBackupKeysTravel(t *testing.T) {
	open := func() *seal.BackupKeys {
		b, err := seal.OpenBackupKeys(t.Context(), mustOpen(t, storetest.NewMem(), seal.GenerateRootKey()))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	home := open()
	id := home.Active()
	blob, err := home.Seal("key", []byte("backup"))
	if err != nil {
		t.Fatal(err)
	}
	next, err := home.Rotate(t.Context())
	if err != nil || next == id || home.Active() != next {
		t.Fatalf("rotate: %v", err)
	}
	check := func(b *seal.BackupKeys) {
		t.Helper()
		p, err := b.Open("key", blob)
		if err != nil || !p.Equal([]byte("backup")) {
			t.Fatalf("the backup does not open: %v", err)
		}
	}
	check(home)
	if _, err := home.Open("other", blob); !errors.Is(err, code.SealDamaged) {
		t.Errorf("in another context: %v", err)
	}
	pass := secret.FromString("a long enough passphrase")
	text, err := home.Export(id, pass)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.key")
	if err := home.ExportFile(fsys.OS{}, file, id); err != nil {
		t.Fatal(err)
	}
	if err := home.ExportFile(fsys.OS{}, file, id); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}

	away := open()
	active := away.Active()
	if _, err := away.Open("key", blob); !errors.Is(err, code.BackupKeyUnknown) || !strings.Contains(err.Error(), id.String()) {
		t.Errorf("unknown key: %v", err)
	}
	if _, err := away.Import(t.Context(), text, secret.FromString("some other passphrase")); !errors.Is(err, code.BackupPassphraseWrong) {
		t.Errorf("wrong passphrase: %v", err)
	}
	for range 2 {
		if got, err := away.Import(t.Context(), text, pass); err != nil || got != id {
			t.Fatalf("import: %v", err)
		}
	}
	check(away)
	if away.Active() != active || len(away.IDs()) != 2 {
		t.Error("an imported key became the active one")
	}
	third := open()
	if got, err := third.ImportFile(t.Context(), file); err != nil || got != id {
		t.Fatalf("import from a file: %v", err)
	}
	check(third)
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := open().ImportFile(t.Context(), file); !errors.Is(err, code.SealKeyExposed) {
		t.Errorf("readable by the group: %v", err)
	}
	if _, err := home.Export(id, secret.FromString("short")); !errors.Is(err, code.SealKeyInvalid) {
		t.Errorf("short passphrase: %v", err)
	}
}

// TestNothingIsInClear looks for the secrets in everything that the store holds.
func TestNothingIsInClear(t *testing.T) {
	st := storetest.NewMem()
	s := mustOpen(t, st, passphrase(t, "canary passphrase"))
	b, err := seal.OpenBackupKeys(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "k")
	if err := b.ExportFile(fsys.OS{}, file, b.Active()); err != nil {
		t.Fatal(err)
	}
	clear, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, st, "v/a", mustSeal(t, s, "v/a", "canary value"))
	items, _, err := st.List(t.Context(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	digits := strings.TrimSpace(string(clear[bytes.LastIndexByte(clear, ':')+1:]))
	for _, it := range items {
		for _, leak := range []string{"canary", digits} {
			if bytes.Contains(it.Value, []byte(leak)) {
				t.Errorf("%q holds a secret in clear", it.Key)
			}
		}
	}
	var v any
	if ring, err := st.Get(t.Context(), "seal/ring"); err != nil || json.Unmarshal(ring.Value, &v) != nil {
		t.Errorf("the ring is not JSON: %v", err)
	}
}

// TestApprovedAlgorithmsOnly runs sealing, opening and rotation in a process that allows nothing else.
func TestApprovedAlgorithmsOnly(t *testing.T) {
	if os.Getenv("GODEBUG") == "fips140=only" {
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^(TestValuesOpen|TestChangeRoot|TestReseal|TestSources)")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func BenchmarkOpen(b *testing.B) {
	s, err := seal.Open(b.Context(), seal.Config{Store: storetest.NewMem(), Root: seal.GenerateRootKey()})
	if err != nil {
		b.Fatal(err)
	}
	v, err := s.Seal(purpose, "v/latchkey-dev/k/ContosoRSAKey0", make([]byte, 1700))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Open(purpose, "v/latchkey-dev/k/ContosoRSAKey0", v); err != nil {
			b.Fatal(err)
		}
	}
}
