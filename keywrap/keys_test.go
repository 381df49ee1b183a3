package keywrap_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"latchkey/keywrap"
)

// fixtureRSA returns a public test key of the vector files, so that tests need not generate large keys.
func fixtureRSA(t testing.TB, bits int) *keywrap.Key {
	t.Helper()
	key, err := keywrap.ParseDER(fixturePKCS8(t, bits))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func fixturePKCS8(t testing.TB, bits int) []byte {
	t.Helper()
	name := map[int]string{2048: "rsa_oaep_2048", 3072: "rsa_oaep_3072", 4096: "rsa_oaep_4096"}[bits] + "_sha256_mgf1sha256_test.json"
	data, err := os.ReadFile(filepath.Join("testdata", "wycheproof", name))
	if err != nil {
		t.Fatal(err)
	}
	var file vectorFile
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	return file.TestGroups[0].PKCS8
}

func generate(t testing.TB, s keywrap.Spec) *keywrap.Key {
	t.Helper()
	key, err := keywrap.Generate(s)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// allKeys returns one key of every kind, size and curve.
func allKeys(t testing.TB) []*keywrap.Key {
	t.Helper()
	keys := []*keywrap.Key{fixtureRSA(t, 2048), fixtureRSA(t, 3072), fixtureRSA(t, 4096)}
	for _, c := range []keywrap.Curve{keywrap.P256, keywrap.P384, keywrap.P521, keywrap.P256K} {
		keys = append(keys, generate(t, keywrap.Spec{Kind: keywrap.EC, Curve: c}))
	}
	for _, bits := range []int{128, 192, 256, 384, 512} {
		keys = append(keys, generate(t, keywrap.Spec{Kind: keywrap.Oct, Bits: bits}))
	}
	return keys
}

func long() bool { return os.Getenv("LATCHKEY_LONG") == "1" }

// flipped returns a copy with one bit changed.
func flipped(b []byte, i int) []byte {
	c := append([]byte{}, b...)
	c[i] ^= 1
	return c
}
