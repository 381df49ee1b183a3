// Package password hashes and checks the passwords of SQL logins, and judges their strength.
//
// [Hash] makes the form that SQL Server 2025 stores: 0x0300, a salt of 4 bytes, and 64 bytes of PBKDF2-HMAC-SHA-512 with 100,000 rounds
// over the password in UTF-16LE. [Check] also takes the form of 2012 to 2022 (0x0200, salt, one SHA-512), so that logins scripted
// from a real server with PASSWORD = 0x... HASHED keep working. The older SHA-1 form (0x0100) is refused. One check of the new
// form takes some 50 ms on purpose; [Decoy] spends the same time where there is no login, so that timing tells nobody which
// names exist.
//
// The salt is as short as the form has it. Go's FIPS 140-only mode refuses PBKDF2 with such a salt: logins with passwords do not work
// in that mode, and Hash says so.
package password

import (
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"latchkey/engine/catalog/msg"
	"latchkey/internal/secret"
)

// Lengths of passwords in characters.
const (
	MinLength = 8
	MaxLength = 128
)

const (
	rounds   = 100_000
	saltSize = 4
	hashSize = 2 + saltSize + sha512.Size
)

// ErrForm means that bytes are no hash in a form that is taken.
var ErrForm = errors.New("not a password hash of version 0x0200 or 0x0300")

// Hash hashes a password under a fresh salt.
func Hash(pw *secret.Bytes) ([]byte, error) {
	out := make([]byte, 6, hashSize)
	out[0], out[1] = 3, 0
	rand.Read(out[2:6])
	sum, err := derive(pw, out[2:6])
	if err != nil {
		return nil, fmt.Errorf("hashing a password: %w", err)
	}
	return append(out, sum...), nil
}

// Valid reports whether hash has a form that Check takes.
func Valid(hash []byte) error {
	if len(hash) != hashSize || hash[1] != 0 || hash[0] != 2 && hash[0] != 3 {
		return ErrForm
	}
	return nil
}

// Check reports whether pw is the password of hash, in constant time for hashes of one form.
func Check(hash []byte, pw *secret.Bytes) bool { return check(derive, hash, pw) }

// check calls derive once, whatever hash is.
func check(derive func(*secret.Bytes, []byte) ([]byte, error), hash []byte, pw *secret.Bytes) bool {
	if Valid(hash) != nil {
		_, _ = derive(pw, noSalt())
		return false
	}
	salt, want := hash[2:6], hash[6:]
	if hash[0] == 2 {
		_, _ = derive(pw, noSalt())
		raw := utf16le(pw)
		defer secret.Wipe(raw)
		h := sha512.New()
		h.Write(raw)
		h.Write(salt)
		return subtle.ConstantTimeCompare(h.Sum(nil), want) == 1
	}
	sum, err := derive(pw, salt)
	return err == nil && subtle.ConstantTimeCompare(sum, want) == 1
}

// Decoy takes as long as Check of the form that Hash makes.
func Decoy(pw *secret.Bytes) { _, _ = derive(pw, noSalt()) }

func noSalt() []byte { return make([]byte, saltSize) }

func derive(pw *secret.Bytes, salt []byte) ([]byte, error) {
	raw := utf16le(pw)
	defer secret.Wipe(raw)
	return pbkdf2.Key(sha512.New, string(raw), salt, rounds, sha512.Size)
}

// utf16le is the password as SQL Server hashes it. The caller wipes it.
func utf16le(pw *secret.Bytes) []byte {
	var out []byte
	if pw == nil {
		return out
	}
	for _, u := range utf16.Encode([]rune(string(pw.Expose()))) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}

// Policy judges a password for a login as CHECK_POLICY asks: messages 33062 (too short), 33063 (too long) and 33064 (not complex
// enough: three of four kinds of characters, and not the login's name in it).
func Policy(pw *secret.Bytes, login string) error {
	text := ""
	if pw != nil {
		text = string(pw.Expose())
	}
	n := len([]rune(text))
	switch {
	case n < MinLength:
		return msg.New(33062, MinLength)
	case n > MaxLength:
		return msg.New(33063, MaxLength)
	}
	var upper, lower, digit, other int
	for _, r := range text {
		switch {
		case unicode.IsUpper(r):
			upper = 1
		case unicode.IsLower(r):
			lower = 1
		case unicode.IsDigit(r):
			digit = 1
		default:
			other = 1
		}
	}
	name := strings.ToLower(login)
	if i := strings.LastIndexByte(name, '\\'); i >= 0 {
		name = name[i+1:]
	}
	if upper+lower+digit+other < 3 || len([]rune(name)) >= 3 && strings.Contains(strings.ToLower(text), name) {
		return msg.New(33064, MinLength)
	}
	return nil
}

// Random makes a password of 130 random bits that Policy takes for every login: the letters are in pairs, so that no login's name is in
// it by chance. None of its characters means something to a shell or in a URL.
func Random() *secret.Bytes {
	text := []byte("Lk1")
	for i, r := range []byte(rand.Text()) {
		if i%2 == 0 {
			text = append(text, '-')
		}
		text = append(text, r)
	}
	return secret.Take(text)
}

// KeyPolicy judges a password that protects a key: as Policy, with the messages of the operating system's policy (15116, 15118).
func KeyPolicy(pw *secret.Bytes) error {
	err := Policy(pw, "")
	var e *msg.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Number == 33062:
		return msg.New(15116)
	}
	return msg.New(15118)
}
