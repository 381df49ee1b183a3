package keywrap_test

import (
	"bytes"
	"errors"
	"testing"

	"latchkey/keywrap"
)

// FuzzParsePrivate: what parses must be written back to the same bytes, or to bytes that parse to the same key; the rest is ErrInvalidKey.
func FuzzParsePrivate(f *testing.F) {
	for _, key := range allKeys(f) {
		data, err := key.MarshalPrivate()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := keywrap.ParsePrivate(data)
		if err != nil {
			if !errors.Is(err, keywrap.ErrInvalidKey) || key != nil {
				t.Fatalf("got %v, %v", key, err)
			}
			return
		}
		again, err := key.MarshalPrivate()
		if err != nil {
			t.Fatal(err)
		}
		if key2, err := keywrap.ParsePrivate(again); err != nil || !key2.Equal(key) {
			t.Fatalf("came back as %v, %v", key2, err)
		}
	})
}

// FuzzParseDER: what parses can be written and parses again to the same key.
func FuzzParseDER(f *testing.F) {
	for _, key := range allKeys(f) {
		if der, err := key.MarshalPKCS8(); err == nil {
			f.Add(der)
		}
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		key, err := keywrap.ParseDER(der)
		if err != nil {
			if !errors.Is(err, keywrap.ErrInvalidKey) || key != nil {
				t.Fatalf("got %v, %v", key, err)
			}
			return
		}
		again, err := key.MarshalPKCS8()
		if err != nil {
			t.Fatal(err)
		}
		if key2, err := keywrap.ParseDER(again); err != nil || !key2.Equal(key) {
			t.Fatalf("came back as %v, %v", key2, err)
		}
	})
}

// FuzzImport: members of any shape never panic, and a key that is accepted works.
func FuzzImport(f *testing.F) {
	m := members(f, fixturePKCS8(f, 2048))
	f.Add("RSA", m.N, m.E, m.D, m.P, m.Q, m.DP, m.DQ, m.QI)
	f.Add("RSA", m.N, m.E, m.D, m.P, m.Q, []byte{}, []byte{}, []byte{})
	f.Add("RSA", m.N, m.E, m.D, m.N, []byte{1}, []byte{}, m.DQ, []byte{0})
	for _, c := range []keywrap.Curve{keywrap.P256, keywrap.P384, keywrap.P521, keywrap.P256K} {
		p, _ := generate(f, keywrap.Spec{Kind: keywrap.EC, Curve: c}).Public().EC()
		f.Add(string(c), p.X, p.Y, []byte{1}, []byte{}, []byte{}, []byte{}, []byte{}, []byte{})
		f.Add(string(c), []byte{}, []byte{}, []byte{1}, []byte{}, []byte{}, []byte{}, []byte{}, []byte{})
	}
	f.Add("oct", bytes.Repeat([]byte{1}, 16), []byte{}, []byte{}, []byte{}, []byte{}, []byte{}, []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, kind string, a, b, c, d, e, g, h, i []byte) {
		var key *keywrap.Key
		var err error
		switch kind {
		case "RSA":
			key, err = keywrap.ImportRSA(keywrap.RSAMembers{N: a, E: b, D: c, P: d, Q: e, DP: g, DQ: h, QI: i})
		case "oct":
			key, err = keywrap.ImportOct(a)
		default:
			key, err = keywrap.ImportEC(keywrap.ECMembers{Curve: keywrap.Curve(kind), X: a, Y: b, D: c})
		}
		if err != nil {
			if !errors.Is(err, keywrap.ErrInvalidKey) || key != nil {
				t.Fatalf("got %v, %v", key, err)
			}
			return
		}
		for _, info := range keywrap.Algorithms() {
			if info.Digest == 0 || info.Fits(key.Kind(), key.Curve(), key.Bits()) != nil {
				continue
			}
			digest := make([]byte, info.Digest)
			sig, err := key.Sign(info.Name, digest)
			if err != nil {
				t.Fatal(err)
			}
			if err := key.Verify(info.Name, digest, sig); err != nil {
				t.Fatalf("%s with %s: %v", info.Name, key, err)
			}
		}
	})
}

// FuzzDecrypt: hostile ciphertexts, ivs, tags, blobs and signatures give one of the documented errors; key wrap that opens is what
// wrapping gives.
func FuzzDecrypt(f *testing.F) {
	secret := bytes.Repeat([]byte{7}, 32)
	keys := []*keywrap.Key{fixtureRSA(f, 2048), oct(f, secret[:16]), oct(f, secret[:24]), oct(f, secret)}
	infos := keywrap.Algorithms()
	for i, info := range infos {
		for _, key := range keys {
			if info.Fits(key.Kind(), key.Curve(), key.Bits()) != nil {
				continue
			}
			iv := make([]byte, info.IV)
			if info.Tag != 0 {
				iv = nil
			}
			if m, err := key.Encrypt(info.Name, keywrap.Message{Value: make([]byte, 32), IV: iv}); err == nil {
				f.Add(i, m.Value, m.IV, m.Tag)
			}
			if w, err := key.WrapKey(info.Name, make([]byte, 32)); err == nil {
				f.Add(i, w, []byte{}, []byte{})
			}
			if key.Kind() == keywrap.RSA && info.Ops == keywrap.OpTransfer {
				if blob, err := key.Public().WrapTransfer(info.Name, keys[3]); err == nil {
					f.Add(i, blob, []byte{}, []byte{})
				}
			}
		}
	}
	allowed := []error{nil, keywrap.ErrDecrypt, keywrap.ErrLength, keywrap.ErrKeyType, keywrap.ErrAlgorithm, keywrap.ErrParameter, keywrap.ErrSignature, keywrap.ErrInvalidKey}
	expect := func(t *testing.T, what string, err error) {
		for _, a := range allowed {
			if errors.Is(err, a) {
				return
			}
		}
		t.Fatalf("%s: undocumented error %v", what, err)
	}
	f.Fuzz(func(t *testing.T, which int, value, iv, tag []byte) {
		info := infos[uint(which)%uint(len(infos))]
		for _, key := range keys {
			_, err := key.Decrypt(info.Name, keywrap.Message{Value: value, IV: iv, Tag: tag})
			expect(t, "decrypt", err)
			plain, err := key.UnwrapKey(info.Name, value)
			expect(t, "unwrap", err)
			if err == nil && key.Kind() == keywrap.Oct && len(plain) >= keywrap.MinWrap {
				if again, err := key.WrapKey(info.Name, plain); err != nil || !bytes.Equal(again, value) {
					t.Fatalf("%s: unwrapped %x, which wraps to %x, %v", info.Name, plain, again, err)
				}
			}
			expect(t, "verify", key.Verify(info.Name, tag, value))
			for _, kind := range []keywrap.Kind{keywrap.RSA, keywrap.EC, keywrap.Oct} {
				_, err := key.UnwrapTransfer(info.Name, value, kind)
				expect(t, "unwrap transfer", err)
			}
		}
	})
}
