package backup_test

import (
	"errors"
	"testing"

	"latchkey/internal/secret"
	"latchkey/vault/backup"
	"latchkey/vault/keydb"
	"latchkey/vault/seal"
	"latchkey/vault/store/storetest"
)

func keys(t testing.TB) *seal.BackupKeys {
	t.Helper()
	s, err := seal.Open(t.Context(), seal.Config{Store: storetest.NewMem(), Root: seal.GenerateRootKey()})
	if err != nil {
		t.Fatal(err)
	}
	b, err := seal.OpenBackupKeys(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	k := keys(t)
	blob, err := backup.Seal(k, &backup.Content{Name: "k", Current: "v", Versions: []backup.Version{{Public: &keydb.Version{ID: "v"}, Private: []byte("private")}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := backup.Open(k, blob)
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "k" || string(got.Versions[0].Private) != "private" {
		t.Errorf("opened %+v", got)
	}
	got.Wipe()
	if string(got.Versions[0].Private) != "\x00\x00\x00\x00\x00\x00\x00" {
		t.Error("not wiped")
	}
	for i := range blob {
		blob[i] ^= 1
		if _, err := backup.Open(k, blob); err == nil {
			t.Fatalf("altered at %d, it opens", i)
		}
		blob[i] ^= 1
	}
}

func TestTooLarge(t *testing.T) {
	_, err := backup.Seal(keys(t), &backup.Content{Versions: []backup.Version{{Private: make([]byte, backup.MaxBlob)}}})
	if !errors.Is(err, backup.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if _, err := backup.Open(keys(t), make([]byte, backup.MaxBlob+1)); !errors.Is(err, backup.ErrMalformed) {
		t.Errorf("got %v", err)
	}
}

// open lets everything through, so that the fuzzer reaches what is behind the seal.
type open struct{}

func (open) Seal(_ string, p []byte) ([]byte, error)        { return p, nil }
func (open) Open(_ string, b []byte) (*secret.Bytes, error) { return secret.New(b), nil }

func FuzzOpen(f *testing.F) {
	f.Add([]byte("&LatchkeyKeyBackup\x01{\"name\":\"k\",\"versions\":[{\"public\":{\"id\":\"v\"},\"private\":\"AAAA\"}]}"))
	f.Add([]byte("&LatchkeyKeyBackup\x02{}"))
	f.Add([]byte(""))
	sealed := keys(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := backup.Open(open{}, b); err == nil {
			if _, err := backup.Seal(open{}, c); err != nil {
				t.Fatal(err)
			}
			c.Wipe()
		}
		if _, err := backup.Open(sealed, b); err == nil {
			t.Fatal("a made-up blob opens")
		}
	})
}
