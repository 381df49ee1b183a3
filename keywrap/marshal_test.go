package keywrap_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"latchkey/keywrap"
)

func TestPrivateForm(t *testing.T) {
	for _, key := range allKeys(t) {
		data, err := key.MarshalPrivate()
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		if string(data[:4]) != "LKK\x01" {
			t.Errorf("%s: starts %x", key, data[:4])
		}
		source := bytes.Clone(data)
		again, err := keywrap.ParsePrivate(source)
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		clear(source) // the parsed key keeps nothing of it
		if data2, err := again.MarshalPrivate(); err != nil || !bytes.Equal(data, data2) || !again.Equal(key) || again.String() != key.String() {
			t.Errorf("%s: came back as %s, %v", key, again, err)
		}
		for name, bad := range map[string][]byte{
			"empty": nil, "header only": data[:5], "cut": data[:len(data)-1],
			"magic": flipped(data, 0), "kind": flipped(data, 4),
		} {
			if got, err := keywrap.ParsePrivate(bad); !errors.Is(err, keywrap.ErrInvalidKey) {
				// A shorter symmetric key is a key; the seal around the form protects its length.
				if key.Kind() == keywrap.Oct && name == "cut" && got != nil && got.Bits() == key.Bits()-8 {
					continue
				}
				t.Errorf("%s, %s: got %v, %v", key, name, got, err)
			}
		}
		if key.Kind() != keywrap.Oct {
			if _, err := keywrap.ParsePrivate(append(data[:len(data):len(data)], 0)); !errors.Is(err, keywrap.ErrInvalidKey) {
				t.Errorf("%s with a byte more: got %v", key, err)
			}
		}
		newer := bytes.Clone(data)
		newer[3] = 2
		if _, err := keywrap.ParsePrivate(newer); !errors.Is(err, keywrap.ErrInvalidKey) || !strings.Contains(err.Error(), "format version 2") {
			t.Errorf("newer version: %v", err)
		}
	}
}

// TestStoredForm reads keys written by version 1, so that the form cannot change by accident.
func TestStoredForm(t *testing.T) {
	for kind, text := range map[string]string{
		"EC-P-256K key [redacted]": "TEtLAQMAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHw==",
		"oct-128 key [redacted]":   "TEtLAQQAAQIDBAUGBwgJCgsMDQ4P",
		"EC-P-256 key [redacted]": "TEtLAQIwgYcCAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEbTBrAgEBBCAAAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eH6FE" +
			"A0IABHpZMYCGDEA3yDwSdJhFyO4UJN0pf63LiV41glXSx9KyqMolWA8mJv5XkGL/G5n/kcJKDaBvsytb4gFIySSfVlA=",
	} {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		key, err := keywrap.ParsePrivate(data)
		if err != nil || key.String() != kind {
			t.Errorf("%s: got %v, %v", kind, key, err)
			continue
		}
		if again, err := key.MarshalPrivate(); err != nil || !bytes.Equal(again, data) {
			t.Errorf("%s: written as %s", kind, base64.StdEncoding.EncodeToString(again))
		}
	}
}

func TestDER(t *testing.T) {
	for _, key := range allKeys(t) {
		der, err := key.MarshalPKCS8()
		if key.Kind() == keywrap.Oct {
			if !errors.Is(err, keywrap.ErrInvalidKey) {
				t.Errorf("%s: %v", key, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keywrap.ParseDER(der); err != nil || !got.Equal(key) {
			t.Errorf("%s: came back as %v, %v", key, got, err)
		}
		for name, bad := range map[string][]byte{"huge": make([]byte, 1<<20), "cut": der[:len(der)-1], "more": append(der[:len(der):len(der)], 0), "empty": nil} {
			if got, err := keywrap.ParseDER(bad); !errors.Is(err, keywrap.ErrInvalidKey) || got != nil {
				t.Errorf("%s, %s: got %v, %v", key, name, got, err)
			}
		}
		parsed, err := x509.ParsePKCS8PrivateKey(der)
		if key.Curve() == keywrap.P256K {
			continue // the standard library does not know it; TestDERFromOpenSSL has another's
		}
		if err != nil {
			t.Fatal(err)
		}
		var old []byte
		switch priv := parsed.(type) {
		case *rsa.PrivateKey:
			old = x509.MarshalPKCS1PrivateKey(priv)
		case *ecdsa.PrivateKey:
			old, _ = x509.MarshalECPrivateKey(priv)
		}
		if got, err := keywrap.ParseDER(old); err != nil || !got.Equal(key) {
			t.Errorf("%s from PKCS#1 or SEC 1: got %v, %v", key, got, err)
		}
	}
}

// TestDERFromOpenSSL reads secp256k1 test keys that OpenSSL 3 wrote.
func TestDERFromOpenSSL(t *testing.T) {
	var keys []*keywrap.Key
	for _, text := range []string{
		"MHQCAQEEIMHVv6uobll/1sSAErbjlBeyHgIr5U+aHvtgiQAOjIwqoAcGBSuBBAAKoUQDQgAEZn3F0H7/LaiB2qkwW8AY9DbGgj2E2Lg/Q6Y7qlztMsd5TuErQXqrwnLszPmp9DvYJLCuG8JJ7MJXTdZcE167hg==",                     // SEC 1
		"MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgwdW/q6huWX/WxIAStuOUF7IeAivlT5oe+2CJAA6MjCqhRANCAARmfcXQfv8tqIHaqTBbwBj0NsaCPYTYuD9DpjuqXO0yx3lO4StBeqvCcuzM+an0O9gksK4bwknswldN1lwTXruG", // PKCS#8
	} {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		key, err := keywrap.ParseDER(der)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		// Both forms end in the public point.
		if _, err := keywrap.ParseDER(flipped(der, len(der)-1)); !errors.Is(err, keywrap.ErrInvalidKey) {
			t.Errorf("altered point: %v", err)
		}
	}
	if !keys[0].Equal(keys[1]) || keys[0].Curve() != keywrap.P256K {
		t.Errorf("got %s and %s", keys[0], keys[1])
	}
	again, err := keys[0].MarshalPKCS8()
	if err != nil || base64.StdEncoding.EncodeToString(again) != "MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgwdW/q6huWX/WxIAStuOUF7IeAivlT5oe+2CJAA6MjCqhRANCAARmfcXQfv8tqIHaqTBbwBj0NsaCPYTYuD9DpjuqXO0yx3lO4StBeqvCcuzM+an0O9gksK4bwknswldN1lwTXruG" {
		t.Errorf("PKCS#8 differs from OpenSSL's: %x, %v", again, err)
	}
}
