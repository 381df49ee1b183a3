package password_test

import (
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"testing"
	"unicode/utf16"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/password"
	"latchkey/internal/secret"
)

func TestHashAndCheck(t *testing.T) {
	pw := secret.FromString("Pa$$w0rd-é")
	h, err := password.Hash(pw)
	if err != nil {
		t.Fatal(err)
	}
	if len(h) != 70 || h[0] != 3 || h[1] != 0 {
		t.Fatalf("hash %x", h)
	}
	if !password.Check(h, pw) || password.Check(h, secret.FromString("Pa$$w0rd-e")) || password.Check(h[:69], pw) {
		t.Error("Check is wrong")
	}
	again, _ := password.Hash(pw)
	if string(again) == string(h) {
		t.Error("two hashes of a password are the same")
	}
}

func TestOlderForm(t *testing.T) {
	old := []byte{2, 0, 1, 2, 3, 4}
	h := sha512.New()
	for _, u := range utf16.Encode([]rune("APassword")) {
		h.Write(binary.LittleEndian.AppendUint16(nil, u))
	}
	h.Write(old[2:6])
	old = h.Sum(old)
	if !password.Check(old, secret.FromString("APassword")) || password.Check(old, secret.FromString("apassword")) {
		t.Error("a hash of 2012 to 2022 is not checked right")
	}
	old[0] = 1
	if err := password.Valid(old); !errors.Is(err, password.ErrForm) {
		t.Errorf("0x0100: %v", err)
	}
}

func TestPolicy(t *testing.T) {
	long := make([]byte, 129)
	for i := range long {
		long[i] = "aA1"[i%3]
	}
	for _, c := range []struct {
		pw, login string
		want, key int
		text      string
	}{
		{"Ab1!", "x", 33062, 15116, "Password validation failed. The password does not meet SQL Server password policy requirements because it is too short. The password must be at least 8 characters."},
		{string(long), "x", 33063, 15118, "Password validation failed. The password does not meet SQL Server password policy requirements because it is too long. The password must be at most 128 characters."},
		{"abcdefgh1", "x", 33064, 15118, "Password validation failed. The password does not meet SQL Server password policy requirements because it is not complex enough. The password must be at least 8 characters long and contain characters from three of the following four sets: Uppercase letters, Lowercase letters, Base 10 digits, and Symbols."},
		{"Abcdefgh1", "x", 0, 0, ""},
		{"xAlice-12", "alice", 33064, 0, ""},
	} {
		err := password.Policy(secret.FromString(c.pw), c.login)
		var e *msg.Error
		errors.As(err, &e)
		switch {
		case c.want == 0 && err != nil, c.want != 0 && (e == nil || e.Number != c.want), c.text != "" && e.Text != c.text:
			t.Errorf("%q: %v, want %d", c.pw, err, c.want)
		}
		var k *msg.Error
		if err := password.KeyPolicy(secret.FromString(c.pw)); errors.As(err, &k) && k.Number != c.key || err == nil && c.key != 0 {
			t.Errorf("key %q: %v, want %d", c.pw, err, c.key)
		}
	}
}

// A check of any form costs one computation of today's form.
func TestCostOfACheck(t *testing.T) {
	h, err := password.Hash(secret.FromString("x"))
	if err != nil {
		t.Fatal(err)
	}
	old := append([]byte{2, 0}, h[2:]...)
	for _, hash := range [][]byte{h, old, nil, {1, 0, 3}} {
		if n := password.Derivations(hash, secret.FromString("Pa$$")); n != 1 {
			t.Errorf("%d computations for a hash of %d bytes", n, len(hash))
		}
	}
}

// A password made for a new server is taken for every name: base 32 text has any three letters in it once in some thousand times.
func TestRandom(t *testing.T) {
	seen := map[string]bool{}
	for range 20000 {
		p := password.Random()
		if err := password.Policy(p, "dba"); err != nil {
			t.Fatalf("%q: %v", p.Expose(), err)
		}
		seen[string(p.Expose())] = true
	}
	if len(seen) != 20000 {
		t.Errorf("%d different ones of 20000", len(seen))
	}
}
