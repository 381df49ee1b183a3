package ekm_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"latchkey/ekm"
)

// The two published pairs of modulus and thumbprint; the exponent is 65537.
func TestThumbprintVectors(t *testing.T) {
	for want, n := range map[string]string{
		"EA4D88DB3ABB940193A920780D6689C517DCCD06": "-6bm4CLkE8mu3Qt8rRoADmCFJrzFHgL7hA6Lf2StwHcyl8HxJmX2CjK8xPJlMK47VcZhWJZAM09glVSYmVbcCQrGYqdWd1CgTahtRrIiVaTDGCjYycAruV0Dx8k1Bb4PHYpP1h8yZnRzE6VgV9h7sgCkTIt8vAaRn_OxkxlsLnKj31HRIuMv6YoiRNbcWoxynD1mgnbWawLsG4ePCiH7Te3vOIEXlYBR0tgwrIRPHkLaD93qhuXVValn4FthAuwnlfGx1Y8NYfNq6vSXicuRbMCGlBYqN8nVIhMs2ZDikEln5-evk4HxO6jpzx4JiHuYHiBJg-5kFacDpnM4zEuqKQ",
		"38CF8C6A52C28E0E1890689377575D68B923111E": "15g3QZ2Guw_RqHfywkMwS3nRanjfO5AK2UL1VclJWBGRajASBPuDx4vreBQoc2fFSGTaD9Uh3Lssj3lrZhWiux1EuKCPJN8FyMt5z65-_SK2OCYKKyPG4oDkgbGRTm1jyTM9WmDbRArgJ8sorIWlKP25s_5nYVok8n-CpyTSgV6ylDVp7bpfg4nQNjzW6joBsRYpWasScYBmIEWfKhy_qS4c_dGehr6P0-ilAITFTTAqHksNKCLZD8YZD1acY5QuYjo05mQHuG0C8AxF2MgYBAzkS8eZelQxCArgdgjplRCOacCfAVPNtROEq1x3PWnhnaJBaFOmIwsOri7Es0lAgQ",
	} {
		b, err := base64.RawURLEncoding.DecodeString(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, mod := range [][]byte{b, append([]byte{0}, b...)} { // a leading zero octet must not matter
			got, err := ekm.PublicKey{N: mod, E: 65537}.Thumbprint()
			if err != nil || got.Hex() != want {
				t.Errorf("thumbprint = %v, %v; want %s", got, err, want)
			}
		}
		parsed, err := ekm.ParseThumbprint("0x" + want)
		if err != nil || parsed.Hex() != want || len(parsed) != ekm.ThumbprintLen {
			t.Errorf("ParseThumbprint = %v, %v", parsed, err)
		}
	}
}

func TestThumbprintRefusesNonsense(t *testing.T) {
	for _, k := range []ekm.PublicKey{{}, {N: make([]byte, 256), E: 65537}, {N: []byte{1, 2, 3}, E: 3}} {
		if _, err := k.Thumbprint(); !errors.Is(err, ekm.ErrPublicKey) {
			t.Errorf("Thumbprint(%v) = %v", k, err)
		}
	}
	for _, s := range []string{"", "0x", "zz", "0x123", string(make([]byte, 100))} {
		if _, err := ekm.ParseThumbprint(s); err == nil {
			t.Errorf("ParseThumbprint(%q) accepted", s)
		}
	}
}
