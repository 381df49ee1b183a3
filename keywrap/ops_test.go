package keywrap_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"latchkey/keywrap"
)

// TestEveryAlgorithmOnEveryKey tries all algorithms with all keys: where they fit, the operations must round-trip and refuse
// altered input; where they do not, every operation must give ErrKeyType; operations that the algorithm has not, ErrAlgorithm.
func TestEveryAlgorithmOnEveryKey(t *testing.T) {
	keys := allKeys(t)
	fits := map[keywrap.Algorithm]int{}
	for _, key := range keys {
		for _, info := range keywrap.Algorithms() {
			t.Run(fmt.Sprintf("%s/%s", info.Name, key), func(t *testing.T) {
				if err := info.Fits(key.Kind(), key.Curve(), key.Bits()); err != nil {
					refusesKey(t, info, key)
					return
				}
				fits[info.Name]++
				refusesOtherOps(t, info, key)
				if info.Ops.Has(keywrap.OpSign) {
					roundTripSign(t, info, key)
				}
				if info.Ops.Has(keywrap.OpEncrypt) {
					roundTripEncrypt(t, info, key)
				}
				if info.Ops.Has(keywrap.OpWrap) {
					roundTripWrap(t, info, key)
				}
			})
		}
	}
	want := map[string]int{"RSA": 3, "EC": 1, "A": 1, "HS": 5, "CKM_AES_KEY_WRAP": 3, "CKM_AES_KEY_WRAP_PAD": 2}
	for _, info := range keywrap.Algorithms() {
		n, ok := want[string(info.Name)]
		if !ok {
			n, ok = want[string(info.Kind)]
		}
		if !ok {
			n = want[strings.TrimRight(string(info.Name[:2]), "0123456789")]
		}
		if fits[info.Name] != n {
			t.Errorf("%s ran on %d keys, want %d", info.Name, fits[info.Name], n)
		}
	}
	if len(fits) != 34 {
		t.Errorf("%d algorithms ran, want 34", len(fits))
	}
}

// calls makes one call of every operation.
func calls(info keywrap.Info, key *keywrap.Key) map[keywrap.Op]error {
	digest := make([]byte, max(info.Digest, 1))
	errs := map[keywrap.Op]error{}
	_, errs[keywrap.OpEncrypt] = key.Encrypt(info.Name, keywrap.Message{Value: make([]byte, 16), IV: make([]byte, 16)})
	_, errs[keywrap.OpDecrypt] = key.Decrypt(info.Name, keywrap.Message{Value: make([]byte, 16), IV: make([]byte, 16)})
	_, errs[keywrap.OpWrap] = key.WrapKey(info.Name, make([]byte, 16))
	_, errs[keywrap.OpUnwrap] = key.UnwrapKey(info.Name, make([]byte, 24))
	_, errs[keywrap.OpSign] = key.Sign(info.Name, digest)
	errs[keywrap.OpVerify] = key.Verify(info.Name, digest, digest)
	return errs
}

func refusesKey(t *testing.T, info keywrap.Info, key *keywrap.Key) {
	t.Helper()
	for op, err := range calls(info, key) {
		want := keywrap.ErrKeyType
		if !info.Ops.Has(op) {
			want = keywrap.ErrAlgorithm
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", op, err, want)
		}
	}
}

func refusesOtherOps(t *testing.T, info keywrap.Info, key *keywrap.Key) {
	t.Helper()
	for op, err := range calls(info, key) {
		if !info.Ops.Has(op) && !errors.Is(err, keywrap.ErrAlgorithm) {
			t.Errorf("%s: got %v, want ErrAlgorithm", op, err)
		}
	}
}

func roundTripSign(t *testing.T, info keywrap.Info, key *keywrap.Key) {
	digest := make([]byte, info.Digest)
	if info.Digest == 0 {
		digest = make([]byte, 36)
	}
	rand.Read(digest)
	sig, err := key.Sign(info.Name, digest)
	if err != nil {
		t.Fatal(err)
	}
	width := map[keywrap.Algorithm]int{
		keywrap.ES256: 64, keywrap.ES384: 96, keywrap.ES512: 132, keywrap.ES256K: 64,
		keywrap.HS256: 32, keywrap.HS384: 48, keywrap.HS512: 64,
	}[info.Name]
	if key.Kind() == keywrap.RSA {
		width = key.Bits() / 8
	}
	if len(sig) != width {
		t.Errorf("signature is %d bytes, want %d", len(sig), width)
	}
	verify := []func(keywrap.Algorithm, []byte, []byte) error{key.Verify}
	if pub := key.Public(); pub != nil {
		verify = append(verify, pub.Verify)
	}
	for _, v := range verify {
		if err := v(info.Name, digest, sig); err != nil {
			t.Errorf("verify: %v", err)
		}
		for _, bad := range [][]byte{nil, sig[:len(sig)-1], append(sig[:len(sig):len(sig)], 0), flipped(sig, 0), flipped(sig, len(sig)-1), make([]byte, len(sig))} {
			if err := v(info.Name, digest, bad); err != keywrap.ErrSignature {
				t.Errorf("verify of a bad signature of %d bytes: got %v, want ErrSignature", len(bad), err)
			}
		}
		if err := v(info.Name, flipped(digest, 3), sig); err != keywrap.ErrSignature {
			t.Errorf("verify of another digest: got %v, want ErrSignature", err)
		}
	}
	if info.Digest == 0 {
		return
	}
	for _, n := range []int{0, info.Digest - 1, info.Digest + 1, 20} {
		if _, err := key.Sign(info.Name, make([]byte, n)); !errors.Is(err, keywrap.ErrLength) {
			t.Errorf("sign of %d bytes: got %v, want ErrLength", n, err)
		}
		if err := key.Verify(info.Name, make([]byte, n), sig); !errors.Is(err, keywrap.ErrLength) {
			t.Errorf("verify of %d bytes: got %v, want ErrLength", n, err)
		}
	}
}

func roundTripEncrypt(t *testing.T, info keywrap.Info, key *keywrap.Key) {
	sizes := []int{0, 1, 15, 16, 17, 32, 1000}
	noPad := strings.HasSuffix(string(info.Name), "CBC")
	if noPad {
		sizes = []int{16, 32, 1024}
	}
	if info.Kind == keywrap.RSA {
		room := key.Bits()/8 - map[keywrap.Algorithm]int{keywrap.RSA15: 11, keywrap.RSAOAEP: 42, keywrap.RSAOAEP256: 66}[info.Name]
		sizes = []int{0, 1, 32, room}
		if _, err := key.Encrypt(info.Name, keywrap.Message{Value: make([]byte, room+1)}); !errors.Is(err, keywrap.ErrLength) {
			t.Errorf("encrypt of %d bytes: got %v, want ErrLength", room+1, err)
		}
	}
	gcm := info.Tag != 0
	var in keywrap.Message
	if gcm {
		in.AAD = []byte("header")
	} else if info.IV != 0 {
		in.IV = make([]byte, info.IV)
		rand.Read(in.IV)
	}
	var sealed keywrap.Message
	for _, n := range sizes {
		plain := make([]byte, n)
		rand.Read(plain)
		in.Value = bytes.Clone(plain)
		var err error
		if sealed, err = key.Encrypt(info.Name, in); err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		got, err := key.Decrypt(info.Name, sealed)
		if err != nil || got == nil || !bytes.Equal(got, plain) || !bytes.Equal(in.Value, plain) {
			t.Errorf("%d bytes: got %x, %v", n, got, err)
		}
		if gcm && (len(sealed.IV) != 12 || len(sealed.Tag) != 16 || len(sealed.Value) != n) {
			t.Errorf("%d bytes: sealed as %v", n, sealed)
		}
	}
	// Alter each part of the last one.
	for name, alter := range map[string]func(m *keywrap.Message){
		"value first": func(m *keywrap.Message) { m.Value = flipped(m.Value, 0) },
		"value last":  func(m *keywrap.Message) { m.Value = flipped(m.Value, len(m.Value)-1) },
		"iv":          func(m *keywrap.Message) { m.IV = flipped(m.IV, 0) },
		"aad":         func(m *keywrap.Message) { m.AAD = flipped(m.AAD, 0) },
		"no aad":      func(m *keywrap.Message) { m.AAD = nil },
		"tag":         func(m *keywrap.Message) { m.Tag = flipped(m.Tag, 15) },
	} {
		bad := sealed
		if !gcm && !strings.HasPrefix(name, "value") {
			continue
		}
		alter(&bad)
		got, err := key.Decrypt(info.Name, bad)
		if !gcm && info.Kind == keywrap.Oct {
			// CBC is not authenticated: another plaintext may come out, but never the right one.
			if err == nil && bytes.Equal(got, in.Value) || err != nil && err != keywrap.ErrDecrypt {
				t.Errorf("%s altered: got %v", name, err)
			}
			continue
		}
		if err != keywrap.ErrDecrypt || got != nil {
			t.Errorf("%s altered: got %d bytes, %v, want ErrDecrypt", name, len(got), err)
		}
	}
	// Wrong sizes and parameters.
	for _, c := range []struct {
		name    string
		applies bool
		alter   func(m *keywrap.Message)
		want    error
	}{
		{"iv short", info.IV != 0, func(m *keywrap.Message) { m.IV = m.IV[:info.IV-1] }, keywrap.ErrLength},
		{"iv long", info.IV != 0, func(m *keywrap.Message) { m.IV = make([]byte, info.IV+1) }, keywrap.ErrLength},
		{"iv missing", info.IV != 0, func(m *keywrap.Message) { m.IV = nil }, keywrap.ErrLength},
		{"iv unused", info.IV == 0, func(m *keywrap.Message) { m.IV = make([]byte, 16) }, keywrap.ErrParameter},
		{"tag short", gcm, func(m *keywrap.Message) { m.Tag = m.Tag[:15] }, keywrap.ErrLength},
		{"tag missing", gcm, func(m *keywrap.Message) { m.Tag = nil }, keywrap.ErrLength},
		{"tag unused", !gcm, func(m *keywrap.Message) { m.Tag = make([]byte, 16) }, keywrap.ErrParameter},
		{"aad unused", !gcm, func(m *keywrap.Message) { m.AAD = []byte("x") }, keywrap.ErrParameter},
		{"value cut", !gcm, func(m *keywrap.Message) { m.Value = m.Value[:len(m.Value)-1] }, keywrap.ErrLength},
		{"value empty", !gcm, func(m *keywrap.Message) { m.Value = nil }, keywrap.ErrLength},
	} {
		if !c.applies {
			continue
		}
		bad := sealed
		c.alter(&bad)
		if _, err := key.Decrypt(info.Name, bad); !errors.Is(err, c.want) || errors.Is(err, keywrap.ErrDecrypt) {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
	if gcm {
		for _, m := range []keywrap.Message{{IV: make([]byte, 12)}, {Tag: make([]byte, 16)}} {
			if _, err := key.Encrypt(info.Name, m); !errors.Is(err, keywrap.ErrParameter) {
				t.Errorf("encrypt with %v: got %v, want ErrParameter", m, err)
			}
		}
		again, _ := key.Encrypt(info.Name, in)
		if bytes.Equal(again.IV, sealed.IV) {
			t.Error("iv repeated")
		}
	}
	if noPad {
		for _, n := range []int{0, 1, 15, 17} {
			if _, err := key.Encrypt(info.Name, keywrap.Message{Value: make([]byte, n), IV: in.IV}); !errors.Is(err, keywrap.ErrLength) {
				t.Errorf("encrypt of %d bytes: got %v, want ErrLength", n, err)
			}
		}
	}
}

func roundTripWrap(t *testing.T, info keywrap.Info, key *keywrap.Key) {
	padded := info.Name == keywrap.AESKeyWrapPad || info.Kind == keywrap.RSA
	for _, n := range []int{0, 8, 15, 16, 20, 24, 32, 64, 100, keywrap.MaxWrap, keywrap.MaxWrap + 1} {
		plain := make([]byte, n)
		rand.Read(plain)
		wrapped, err := key.WrapKey(info.Name, plain)
		bad := n < keywrap.MinWrap || n > keywrap.MaxWrap || !padded && n%8 != 0
		if info.Kind == keywrap.RSA {
			bad = n > 190
		}
		if bad {
			if !errors.Is(err, keywrap.ErrLength) {
				t.Errorf("%d bytes: got %v, want ErrLength", n, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d bytes: %v", n, err)
			continue
		}
		if got, err := key.UnwrapKey(info.Name, wrapped); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: unwrapped %d bytes, %v", n, len(got), err)
		}
		if n > 100 {
			continue
		}
		for i := range wrapped {
			if info.Kind == keywrap.RSA && i%100 != 0 {
				continue
			}
			if got, err := key.UnwrapKey(info.Name, flipped(wrapped, i)); err != keywrap.ErrDecrypt || got != nil {
				t.Errorf("byte %d of %d altered: got %d bytes, %v", i, len(wrapped), len(got), err)
			}
		}
		for _, cut := range [][]byte{nil, wrapped[:8], wrapped[:len(wrapped)-1], append(wrapped[:len(wrapped):len(wrapped)], 0)} {
			if _, err := key.UnwrapKey(info.Name, cut); !errors.Is(err, keywrap.ErrLength) {
				t.Errorf("%d bytes of %d: got %v, want ErrLength", len(cut), len(wrapped), err)
			}
		}
	}
}

func TestUnknownAlgorithm(t *testing.T) {
	key := generate(t, keywrap.Spec{Kind: keywrap.Oct})
	for _, name := range []keywrap.Algorithm{"", "rsa-oaep", "A256kw", "none", "RSA-OAEP-512", "HS1"} {
		if _, ok := keywrap.Lookup(name); ok {
			t.Errorf("%q is known", name)
		}
		for op, err := range calls(keywrap.Info{Name: name}, key) {
			if !errors.Is(err, keywrap.ErrAlgorithm) {
				t.Errorf("%s with %q: got %v", op, name, err)
			}
		}
	}
}

// TestWrongKeyIsOneError opens what another key of the same kind has sealed.
func TestWrongKeyIsOneError(t *testing.T) {
	a, b := generate(t, keywrap.Spec{Kind: keywrap.Oct}), generate(t, keywrap.Spec{Kind: keywrap.Oct})
	for _, alg := range []keywrap.Algorithm{keywrap.A256KW, keywrap.AESKeyWrap, keywrap.AESKeyWrapPad} {
		wrapped, err := a.WrapKey(alg, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.UnwrapKey(alg, wrapped); err != keywrap.ErrDecrypt {
			t.Errorf("%s: got %v", alg, err)
		}
	}
	sealed, err := a.Encrypt(keywrap.A256GCM, keywrap.Message{Value: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Decrypt(keywrap.A256GCM, sealed); err != keywrap.ErrDecrypt {
		t.Errorf("GCM: got %v", err)
	}
	r, s := fixtureRSA(t, 2048), generate(t, keywrap.Spec{Kind: keywrap.RSA})
	for _, alg := range []keywrap.Algorithm{keywrap.RSA15, keywrap.RSAOAEP, keywrap.RSAOAEP256} {
		wrapped, err := r.Public().WrapKey(alg, make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		// RSA1_5 opens with another key by chance, about once in 30,000.
		if got, err := s.UnwrapKey(alg, wrapped); err != keywrap.ErrDecrypt && alg != keywrap.RSA15 || len(got) == 32 {
			t.Errorf("%s: got %d bytes, %v", alg, len(got), err)
		}
	}
}

// TestCBCPaddingIsOneError decrypts a block with every last byte: each either opens to what its padding says or gives ErrDecrypt itself.
func TestCBCPaddingIsOneError(t *testing.T) {
	key := generate(t, keywrap.Spec{Kind: keywrap.Oct})
	opened := 0
	for last := range 256 {
		block := bytes.Repeat([]byte{4}, 16)
		block[15] = byte(last)
		sealed, err := key.Encrypt(keywrap.A256CBC, keywrap.Message{Value: block, IV: make([]byte, 16)})
		if err != nil {
			t.Fatal(err)
		}
		got, err := key.Decrypt(keywrap.A256CBCPAD, sealed)
		switch {
		case last == 1 || last == 4:
			if err != nil || len(got) != 16-last {
				t.Errorf("last byte %d: got %d bytes, %v", last, len(got), err)
			}
			opened++
		case err != keywrap.ErrDecrypt || got != nil:
			t.Errorf("last byte %d: got %d bytes, %v", last, len(got), err)
		}
	}
	if opened != 2 {
		t.Errorf("%d opened, want 2", opened)
	}
}

// TestRSNULL signs a DigestInfo made by hand, which must give the RS256 signature.
func TestRSNULL(t *testing.T) {
	key := fixtureRSA(t, 2048)
	digest := sha256.Sum256([]byte("message"))
	prefix, _ := hex.DecodeString("3031300d060960864801650304020105000420") // RFC 8017 9.2 note 1
	want, err := key.Sign(keywrap.RS256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	got, err := key.Sign(keywrap.RSNULL, append(prefix, digest[:]...))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, %v", got, err)
	}
	for _, n := range []int{0, 246} {
		if _, err := key.Sign(keywrap.RSNULL, make([]byte, n)); !errors.Is(err, keywrap.ErrLength) {
			t.Errorf("%d bytes: got %v, want ErrLength", n, err)
		}
	}
	if _, err := key.Sign(keywrap.RSNULL, make([]byte, 245)); err != nil {
		t.Error(err)
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	k := []byte("0123456789abcdef0123456789abcdef")
	key := oct(t, k)
	members := keywrap.RSAMembers{D: k}
	point := keywrap.ECMembers{D: k}
	message := keywrap.Message{Value: k}
	var out strings.Builder
	log := slog.New(slog.NewTextHandler(&out, nil))
	log.Info("x", "key", key, "rsa", members, "ec", point, "message", message)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		fmt.Fprintf(&out, verb, key)
		fmt.Fprintf(&out, verb, members)
		fmt.Fprintf(&out, verb, point)
		fmt.Fprintf(&out, verb, message)
		fmt.Fprintf(&out, verb, struct{ K *keywrap.Key }{key})
	}
	for _, form := range []string{string(k), hex.EncodeToString(k), fmt.Sprint(k), "48 49 50", "0x30, 0x31", "MDEyMzQ1"} {
		if strings.Contains(strings.ToLower(out.String()), strings.ToLower(form)) {
			t.Errorf("output contains the key as %q:\n%s", form, out.String())
		}
	}
	if got, want := key.String(), "oct-256 key [redacted]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestConcurrentUse(t *testing.T) {
	keys := allKeys(t)
	var wg sync.WaitGroup
	for range 4 {
		for _, key := range keys {
			wg.Go(func() {
				for _, info := range keywrap.Algorithms() {
					if info.Fits(key.Kind(), key.Curve(), key.Bits()) != nil {
						continue
					}
					calls(info, key)
				}
				if _, err := key.MarshalPrivate(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

// TestZeroKey: the zero value refuses everything.
func TestZeroKey(t *testing.T) {
	key, pub := new(keywrap.Key), new(keywrap.PublicKey)
	for _, info := range keywrap.Algorithms() {
		for op, err := range calls(info, key) {
			if err == nil {
				t.Errorf("%s with %s succeeded", op, info.Name)
			}
		}
		if pub.Verify(info.Name, make([]byte, info.Digest), nil) == nil {
			t.Errorf("verify with %s succeeded", info.Name)
		}
	}
	if _, err := key.MarshalPrivate(); !errors.Is(err, keywrap.ErrInvalidKey) {
		t.Errorf("marshal: %v", err)
	}
}
