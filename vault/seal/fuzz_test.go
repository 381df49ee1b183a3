package seal_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"latchkey/ekm/code"
	"latchkey/internal/secret"
	"latchkey/vault/seal"
	"latchkey/vault/store"
	"latchkey/vault/store/storetest"
)

// fixedRoot is test data: a root key that everybody knows.
func fixedRoot() *seal.RootKey {
	r, err := seal.ParseRootKey([]byte(strings.Repeat("5a", seal.RootKeyLen)))
	if err != nil {
		panic(err)
	}
	return r
}

// FuzzRing gives arbitrary bytes as the ring and as the record of the backup keys.
func FuzzRing(f *testing.F) {
	st := storetest.NewMem()
	s, err := seal.Open(f.Context(), seal.Config{Store: st, Root: fixedRoot()})
	if err != nil {
		f.Fatal(err)
	}
	if _, err := seal.OpenBackupKeys(f.Context(), s); err != nil {
		f.Fatal(err)
	}
	ring, err := st.Get(f.Context(), "seal/ring")
	if err != nil {
		f.Fatal(err)
	}
	backups, err := st.Get(f.Context(), "seal/backup")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ring.Value, backups.Value)
	f.Add([]byte(`{"sha256":"","ring":{}}`), []byte(`{"latchkey-backup-keys":1}`))
	f.Add([]byte(`{"sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","ring":{}}`), []byte(`{}`))
	root := fixedRoot()
	f.Fuzz(func(t *testing.T, ring, backups []byte) {
		st := storetest.NewMem()
		put := func(key string, value []byte) {
			if _, err := st.Commit(t.Context(), nil, []store.Op{{Key: key, Value: value}}); err != nil {
				t.Skip(err)
			}
		}
		put("seal/ring", ring)
		s, err := seal.Open(t.Context(), seal.Config{Store: st, Root: root})
		if err != nil {
			if code.Of(err) == 0 {
				t.Errorf("an error without a code: %v", err)
			}
			st = storetest.NewMem()
			if s, err = seal.Open(t.Context(), seal.Config{Store: st, Root: root}); err != nil {
				t.Fatal(err)
			}
		}
		defer s.Close() // locked pages are few
		put("seal/backup", backups)
		b, err := seal.OpenBackupKeys(t.Context(), s)
		if err == nil {
			b.Close()
		} else if code.Of(err) == 0 {
			t.Errorf("an error without a code: %v", err)
		}
	})
}

// FuzzSealed gives arbitrary bytes as a sealed value and as a backup: neither opens, neither panics.
func FuzzSealed(f *testing.F) {
	s, err := seal.Open(f.Context(), seal.Config{Store: storetest.NewMem(), Root: fixedRoot()})
	if err != nil {
		f.Fatal(err)
	}
	backups, err := seal.OpenBackupKeys(f.Context(), s)
	if err != nil {
		f.Fatal(err)
	}
	value, err := s.Seal(purpose, "n", []byte("plain"))
	if err != nil {
		f.Fatal(err)
	}
	blob, err := backups.Seal("c", []byte("plain"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(value)
	f.Add(blob)
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := s.Open(purpose, "n", b); code.Of(err) == 0 && !bytes.Equal(b, value) {
			t.Errorf("opened, or an error without a code: %v", err)
		}
		if _, _, err := s.Renew(purpose, "n", b); err != nil && code.Of(err) == 0 {
			t.Errorf("an error without a code: %v", err)
		}
		if _, err := backups.Open("c", b); code.Of(err) == 0 && !bytes.Equal(b, blob) {
			t.Errorf("opened, or an error without a code: %v", err)
		}
	})
}

// FuzzSource gives arbitrary text as a specification and arbitrary bytes as a key.
func FuzzSource(f *testing.F) {
	for _, s := range []string{"file:/x", "env:A", "prompt", "credential:a", "dev", strings.Repeat("5a", 32), strings.Repeat("A", 43)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := seal.ParseSource(text); err == nil {
			if again, err := seal.ParseSource(s.String()); err != nil || again != s {
				t.Errorf("%q reads back as %q, %v", text, again, err)
			}
		} else if !errors.Is(err, code.SealKeyInvalid) {
			t.Error(err)
		}
		r, err := seal.ParseRootKey([]byte(text))
		if err != nil && len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows the input: %v", err)
		}
		r.Destroy()
	})
}

// TestDamagedExports: what is not an export, or no longer one, is refused and says why.
func TestDamagedExports(t *testing.T) {
	b, err := seal.OpenBackupKeys(t.Context(), mustOpen(t, storetest.NewMem(), fixedRoot()))
	if err != nil {
		t.Fatal(err)
	}
	pass := secret.FromString("a long enough passphrase")
	good, err := b.Export(b.Active(), pass)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, text string) []byte {
		if !bytes.Contains(good, []byte(old)) {
			t.Fatalf("the export has no %q", old)
		}
		return bytes.Replace(good, []byte(old), []byte(text), 1)
	}
	for _, tc := range []struct {
		name string
		text []byte
		want code.Code
	}{
		{"empty", nil, code.SealDamaged},
		{"cut", good[:len(good)/2], code.SealDamaged},
		{"giant", bytes.Repeat([]byte(" "), 1<<20), code.SealDamaged},
		{"newer", replace(`backup-key": 1`, `backup-key": 2`), code.SealVersion},
		{"no version", replace(`latchkey-backup-key`, `latchkey-backup-kex`), code.SealDamaged},
		{"weak parameters", replace(`"memoryKiB": 65536`, `"memoryKiB": 8`), code.SealDamaged},
		{"greedy parameters", replace(`"memoryKiB": 65536`, `"memoryKiB": 4194304`), code.SealDamaged},
		{"another identifier", replace(b.Active().String(), strings.Repeat("0", 32)), code.BackupPassphraseWrong},
		{"no identifier", replace(b.Active().String(), "x"), code.SealDamaged},
	} {
		if _, err := b.Import(t.Context(), tc.text, pass); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
