package protect_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"latchkey/engine/catalog/protect"
	"latchkey/internal/secret"
)

func TestSealedValuesOpenInTheirPlaceAlone(t *testing.T) {
	k, other := protect.Generate(), protect.Generate()
	plain := secret.FromString("canary secret")
	sealed, err := k.Seal("credential", "7", plain)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("canary")) {
		t.Fatal("the secret is in clear")
	}
	got, err := k.Open("credential", "7", sealed)
	if err != nil || !got.Equal([]byte("canary secret")) {
		t.Fatalf("opened %v, %v", got, err)
	}
	for name, open := range map[string]func() (*secret.Bytes, error){
		"other key":     func() (*secret.Bytes, error) { return other.Open("credential", "7", sealed) },
		"other purpose": func() (*secret.Bytes, error) { return k.Open("key", "7", sealed) },
		"other place":   func() (*secret.Bytes, error) { return k.Open("credential", "8", sealed) },
		"short":         func() (*secret.Bytes, error) { return k.Open("credential", "7", sealed[:20]) },
		"as password":   func() (*secret.Bytes, error) { return protect.OpenWithPassword(plain, "credential", "7", sealed) },
	} {
		if _, err := open(); !errors.Is(err, protect.ErrOpen) {
			t.Errorf("%s: %v, want ErrOpen", name, err)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 0x40
		if _, err := k.Open("credential", "7", bad); !errors.Is(err, protect.ErrOpen) {
			t.Fatalf("byte %d changed: %v", i, err)
		}
	}
}

func TestPasswords(t *testing.T) {
	k := protect.Generate()
	pw := secret.FromString("Correct-Horse-1")
	sealed, err := k.SealKeyWithPassword(pw, "dmk", "5")
	if err != nil {
		t.Fatal(err)
	}
	back, err := protect.OpenKeyWithPassword(pw, "dmk", "5", sealed)
	if err != nil {
		t.Fatal(err)
	}
	under, err := back.Seal("x", "y", secret.FromString("z"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Open("x", "y", under); err != nil {
		t.Errorf("the key that came back is another: %v", err)
	}
	if _, err := protect.OpenKeyWithPassword(secret.FromString("wrong"), "dmk", "5", sealed); !errors.Is(err, protect.ErrOpen) {
		t.Errorf("wrong password: %v", err)
	}
	if s := fmt.Sprintf("%v %+v", k, pw); bytes.Contains([]byte(s), []byte("Horse")) {
		t.Errorf("printed %s", s)
	}
}

func FuzzOpen(f *testing.F) {
	k := protect.Generate()
	good, _ := k.Seal("p", "1", secret.FromString("s"))
	f.Add(good)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := k.Open("p", "1", b); err == nil && !bytes.Equal(b, good) {
			t.Errorf("%x opened", b)
		}
	})
}
