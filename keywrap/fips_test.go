package keywrap_test

import (
	"crypto/fips140"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"latchkey/keywrap"
)

// TestFIPSOnly runs TestFIPSOnlyChild in a process where Go refuses what FIPS 140-3 does not approve.
func TestFIPSOnly(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a process")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPSOnlyChild$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only", "KEYWRAP_FIPS_CHILD=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestFIPSOnlyChild") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestFIPSOnlyChild: in that mode approved algorithms work, all others give ErrAlgorithm, and nothing panics.
func TestFIPSOnlyChild(t *testing.T) {
	if os.Getenv("KEYWRAP_FIPS_CHILD") == "" {
		t.Skip("run by TestFIPSOnly")
	}
	if !fips140.Enforced() {
		t.Fatal("not in FIPS 140-only mode")
	}
	keys := []*keywrap.Key{generate(t, keywrap.Spec{Kind: keywrap.RSA})}
	for _, c := range []keywrap.Curve{keywrap.P256, keywrap.P384, keywrap.P521} {
		keys = append(keys, generate(t, keywrap.Spec{Kind: keywrap.EC, Curve: c}))
	}
	for _, bits := range []int{128, 192, 256, 384, 512} {
		keys = append(keys, generate(t, keywrap.Spec{Kind: keywrap.Oct, Bits: bits}))
	}
	for _, spec := range []keywrap.Spec{{Kind: keywrap.EC, Curve: keywrap.P256K}, {Kind: keywrap.RSA, PublicExponent: 3}} {
		if _, err := keywrap.Generate(spec); !errors.Is(err, keywrap.ErrParameter) {
			t.Errorf("generate %+v: %v", spec, err)
		}
	}
	k1, err := keywrap.ImportEC(keywrap.ECMembers{Curve: keywrap.P256K, D: []byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	keys = append(keys, k1)
	for _, key := range keys {
		for _, info := range keywrap.Algorithms() {
			if info.Fits(key.Kind(), key.Curve(), key.Bits()) != nil || info.Ops == keywrap.OpTransfer {
				continue
			}
			if !info.FIPS {
				for op, err := range calls(info, key) {
					if !errors.Is(err, keywrap.ErrAlgorithm) {
						t.Errorf("%s on %s, %s: got %v", info.Name, key, op, err)
					}
				}
				continue
			}
			if info.Ops.Has(keywrap.OpSign) {
				roundTripSign(t, info, key)
			}
			if info.Ops.Has(keywrap.OpEncrypt) {
				roundTripEncrypt(t, info, key)
			}
			if info.Ops.Has(keywrap.OpWrap) {
				roundTripWrap(t, info, key)
			}
		}
	}
	for _, alg := range []keywrap.Algorithm{keywrap.RSAAESKeyWrap256, keywrap.RSAAESKeyWrap384} {
		blob, err := keys[0].Public().WrapTransfer(alg, keys[1])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := keys[0].UnwrapTransfer(alg, blob, keywrap.EC); err != nil || !got.Equal(keys[1]) {
			t.Errorf("%s: %v, %v", alg, got, err)
		}
	}
	if _, err := keys[0].Public().WrapTransfer(keywrap.RSAAESKeyWrap, keys[1]); !errors.Is(err, keywrap.ErrAlgorithm) {
		t.Errorf("transfer with SHA-1: %v", err)
	}
}
