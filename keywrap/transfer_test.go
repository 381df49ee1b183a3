package keywrap_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"errors"
	"testing"

	kwp "github.com/tink-crypto/tink-go/v2/kwp/subtle"

	"latchkey/keywrap"
)

func TestTransfer(t *testing.T) {
	exchange := fixtureRSA(t, 2048)
	other := fixtureRSA(t, 3072)
	for _, alg := range []keywrap.Algorithm{keywrap.RSAAESKeyWrap, keywrap.RSAAESKeyWrap256, keywrap.RSAAESKeyWrap384} {
		for _, target := range allKeys(t) {
			blob, err := exchange.Public().WrapTransfer(alg, target)
			if err != nil {
				t.Fatalf("%s of %s: %v", alg, target, err)
			}
			got, err := exchange.UnwrapTransfer(alg, blob, target.Kind())
			if err != nil || !got.Equal(target) || got.String() != target.String() {
				t.Errorf("%s of %s: got %v, %v", alg, target, got, err)
			}
			for _, i := range []int{0, 255, 256, len(blob) - 1} {
				if got, err := exchange.UnwrapTransfer(alg, flipped(blob, i), target.Kind()); err != keywrap.ErrDecrypt || got != nil {
					t.Errorf("%s of %s, byte %d altered: got %v, %v", alg, target, i, got, err)
				}
			}
		}
		target := generate(t, keywrap.Spec{Kind: keywrap.EC})
		blob, err := exchange.Public().WrapTransfer(alg, target)
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			key  *keywrap.Key
			alg  keywrap.Algorithm
			blob []byte
			kind keywrap.Kind
			want error
		}{
			"not the kind":     {exchange, alg, blob, keywrap.RSA, keywrap.ErrInvalidKey},
			"too long for oct": {exchange, alg, blob, keywrap.Oct, keywrap.ErrInvalidKey},
			"unknown kind":     {exchange, alg, blob, "AKP", keywrap.ErrParameter},
			"empty":            {exchange, alg, nil, keywrap.EC, keywrap.ErrLength},
			"head only":        {exchange, alg, blob[:256], keywrap.EC, keywrap.ErrLength},
			"cut":              {exchange, alg, blob[:len(blob)-1], keywrap.EC, keywrap.ErrLength},
			"cut by a block":   {exchange, alg, blob[:len(blob)-8], keywrap.EC, keywrap.ErrDecrypt},
			"larger key":       {other, alg, append(make([]byte, 128), blob...), keywrap.EC, keywrap.ErrDecrypt},
			"not an RSA key":   {target, alg, blob, keywrap.EC, keywrap.ErrKeyType},
			"not a transfer":   {exchange, keywrap.RSAOAEP, blob, keywrap.EC, keywrap.ErrAlgorithm},
		} {
			if got, err := c.key.UnwrapTransfer(c.alg, c.blob, c.kind); !errors.Is(err, c.want) || got != nil {
				t.Errorf("%s, %s: got %v, %v, want %v", alg, name, got, err, c.want)
			}
		}
	}
	if _, err := generate(t, keywrap.Spec{Kind: keywrap.EC}).Public().WrapTransfer(keywrap.RSAAESKeyWrap, exchange); !errors.Is(err, keywrap.ErrKeyType) {
		t.Errorf("EC as exchange key: %v", err)
	}
}

// TestTransferFromTool opens a blob made the way a bring-your-own-key tool makes it, with the libraries directly.
func TestTransferFromTool(t *testing.T) {
	exchange := fixtureRSA(t, 4096)
	parsed, err := x509.ParsePKCS8PrivateKey(fixturePKCS8(t, 4096))
	if err != nil {
		t.Fatal(err)
	}
	pub := &parsed.(*rsa.PrivateKey).PublicKey
	want := fixtureRSA(t, 2048)
	for _, size := range []int{16, 24, 32} {
		aesKey := make([]byte, size)
		rand.Read(aesKey)
		head, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, pub, aesKey, nil)
		if err != nil {
			t.Fatal(err)
		}
		wrapKey := aesKey
		if size == 24 {
			wrapKey = make([]byte, 32) // the library cannot make such a blob either
		}
		w, err := kwp.NewKWP(wrapKey)
		if err != nil {
			t.Fatal(err)
		}
		tail, err := w.Wrap(fixturePKCS8(t, 2048))
		if err != nil {
			t.Fatal(err)
		}
		got, err := exchange.UnwrapTransfer(keywrap.RSAAESKeyWrap, append(head, tail...), keywrap.RSA)
		if size == 24 {
			if err != keywrap.ErrDecrypt || got != nil {
				t.Errorf("192 bits: got %v, %v", got, err)
			}
		} else if err != nil || !got.Equal(want) {
			t.Errorf("%d bytes: got %v, %v", size, got, err)
		}
	}
}
