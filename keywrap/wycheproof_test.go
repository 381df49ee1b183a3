package keywrap_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/keywrap"
)

// hexBytes is hexadecimal text in a vector file.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) error {
	b := make([]byte, hex.DecodedLen(len(text)))
	_, err := hex.Decode(b, text)
	*h = b
	return err
}

type vectorFile struct {
	NumberOfTests int           `json:"numberOfTests"`
	TestGroups    []vectorGroup `json:"testGroups"`
}

type vectorGroup struct {
	Type      string    `json:"type"`
	KeySize   int       `json:"keySize"`
	IVSize    int       `json:"ivSize"`
	TagSize   int       `json:"tagSize"`
	Sha       string    `json:"sha"`
	MGFSha    string    `json:"mgfSha"`
	SLen      int       `json:"sLen"`
	PKCS8     hexBytes  `json:"privateKeyPkcs8"`
	PublicKey publicKey `json:"publicKey"`
	Tests     []vector  `json:"tests"`
}

type publicKey struct {
	Modulus        hexBytes `json:"modulus"`
	PublicExponent hexBytes `json:"publicExponent"`
	WX             hexBytes `json:"wx"`
	WY             hexBytes `json:"wy"`
}

type vector struct {
	TcID    int      `json:"tcId"`
	Comment string   `json:"comment"`
	Flags   []string `json:"flags"`
	Key     hexBytes `json:"key"`
	IV      hexBytes `json:"iv"`
	AAD     hexBytes `json:"aad"`
	Msg     hexBytes `json:"msg"`
	CT      hexBytes `json:"ct"`
	Tag     hexBytes `json:"tag"`
	Sig     hexBytes `json:"sig"`
	Label   hexBytes `json:"label"`
	Result  string   `json:"result"`
}

// tally is what became of the vectors of a file; its fields add up to all vectors in the file.
type tally struct {
	Accepted    int // gave the expected result
	Refused     int // gave ErrDecrypt itself, or ErrSignature
	BadLength   int // invalid by a length anybody can see, gave ErrLength
	Unsupported int // parameters outside the API; gave the error that the runner names
}

// runner runs one vector and says which field of the tally it belongs to.
type runner func(t *testing.T, g *vectorGroup, v *vector, n *tally)

// TestWycheproof runs every vector of every file through the exported functions. The rules:
//   - valid: must give the result.
//   - invalid: must be refused, by ErrDecrypt itself where something is decrypted, unless the length of the input alone, which
//     is public, rules it out: then ErrLength.
//   - acceptable: see the runners; each names the flags it decides on and fails on others.
//   - parameters that the API has not: must be refused with the error named in the runner, and are counted.
func TestWycheproof(t *testing.T) {
	for _, f := range []struct {
		file string
		run  runner
		want tally
	}{
		{"rsa_oaep_2048_sha1_mgf1sha1", runRSADecrypt(keywrap.RSAOAEP), tally{Accepted: 10, Refused: 14, BadLength: 5, Unsupported: 7}},
		{"rsa_oaep_2048_sha256_mgf1sha256", runRSADecrypt(keywrap.RSAOAEP256), tally{Accepted: 10, Refused: 14, BadLength: 5, Unsupported: 8}},
		{"rsa_oaep_3072_sha256_mgf1sha256", runRSADecrypt(keywrap.RSAOAEP256), tally{Accepted: 10, Refused: 14, BadLength: 5, Unsupported: 8}},
		{"rsa_oaep_4096_sha256_mgf1sha256", runRSADecrypt(keywrap.RSAOAEP256), tally{Accepted: 10, Refused: 14, BadLength: 5, Unsupported: 8}},
		{"rsa_pkcs1_2048", runRSADecrypt(keywrap.RSA15), tally{Accepted: 42, Refused: 20, BadLength: 5}},
		{"rsa_pkcs1_3072", runRSADecrypt(keywrap.RSA15), tally{Accepted: 41, Refused: 21, BadLength: 5}},
		{"rsa_signature_2048_sha256", runRSAVerify(keywrap.RS256), tally{Accepted: 9, Refused: 250}},
		{"rsa_signature_2048_sha384", runRSAVerify(keywrap.RS384), tally{Accepted: 7, Refused: 251}},
		{"rsa_signature_2048_sha512", runRSAVerify(keywrap.RS512), tally{Accepted: 8, Refused: 251}},
		{"rsa_signature_3072_sha256", runRSAVerify(keywrap.RS256), tally{Accepted: 8, Refused: 251}},
		{"rsa_signature_3072_sha384", runRSAVerify(keywrap.RS384), tally{Accepted: 7, Refused: 252}},
		{"rsa_signature_3072_sha512", runRSAVerify(keywrap.RS512), tally{Accepted: 8, Refused: 252}},
		{"rsa_signature_4096_sha256", runRSAVerify(keywrap.RS256), tally{Accepted: 7, Refused: 251}},
		{"rsa_signature_4096_sha512", runRSAVerify(keywrap.RS512), tally{Accepted: 7, Refused: 252}},
		{"rsa_pkcs1_2048_sig_gen", runRSASign(), tally{Accepted: 27, Unsupported: 16}},
		{"rsa_pkcs1_3072_sig_gen", runRSASign(), tally{Accepted: 26}},
		{"rsa_pkcs1_4096_sig_gen", runRSASign(), tally{Accepted: 24}},
		{"rsa_pss_2048_sha256_mgf1_32", runRSAVerify(keywrap.PS256), tally{Accepted: 63, Refused: 45}},
		{"rsa_pss_2048_sha256_mgf1_0", runRSAVerify(keywrap.PS256), tally{Accepted: 1, Refused: 41, Unsupported: 61}},
		{"rsa_pss_2048_sha384_mgf1_48", runRSAVerify(keywrap.PS384), tally{Accepted: 95, Refused: 46}},
		{"rsa_pss_3072_sha256_mgf1_32", runRSAVerify(keywrap.PS256), tally{Accepted: 63, Refused: 45}},
		{"rsa_pss_4096_sha512_mgf1_64", runRSAVerify(keywrap.PS512), tally{Accepted: 132, Refused: 47}},
		{"ecdsa_secp256r1_sha256_p1363", runECVerify(keywrap.ES256, keywrap.P256), tally{Accepted: 173, Refused: 89}},
		{"ecdsa_secp384r1_sha384_p1363", runECVerify(keywrap.ES384, keywrap.P384), tally{Accepted: 193, Refused: 87}},
		{"ecdsa_secp521r1_sha512_p1363", runECVerify(keywrap.ES512, keywrap.P521), tally{Accepted: 231, Refused: 87}},
		{"ecdsa_secp256k1_sha256_p1363", runECVerify(keywrap.ES256K, keywrap.P256K), tally{Accepted: 167, Refused: 85}},
		{"aes_gcm", runGCM, tally{Accepted: 116, Refused: 81, Unsupported: 119}},
		{"aes_cbc_pkcs5", runCBC, tally{Accepted: 72, Refused: 141, BadLength: 3}},
		{"aes_wrap", runKW, tally{Accepted: 36, Refused: 72, BadLength: 54, Unsupported: 3}},
		{"aes_kwp", runKWP, tally{Accepted: 34, Refused: 103, BadLength: 16, Unsupported: 101}},
		{"hmac_sha256", runHMAC(keywrap.HS256), tally{Accepted: 30, Refused: 54, Unsupported: 90}},
		{"hmac_sha384", runHMAC(keywrap.HS384), tally{Accepted: 30, Refused: 54, Unsupported: 90}},
		{"hmac_sha512", runHMAC(keywrap.HS512), tally{Accepted: 30, Refused: 54, Unsupported: 90}},
	} {
		t.Run(f.file, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(filepath.Join("testdata", "wycheproof", f.file+"_test.json"))
			if err != nil {
				t.Fatal(err)
			}
			var file vectorFile
			if err := json.Unmarshal(data, &file); err != nil {
				t.Fatal(err)
			}
			var got tally
			ran := 0
			for i := range file.TestGroups {
				g := &file.TestGroups[i]
				for j := range g.Tests {
					f.run(t, g, &g.Tests[j], &got)
					ran++
				}
			}
			if ran != file.NumberOfTests || got.Accepted+got.Refused+got.BadLength+got.Unsupported != ran {
				t.Errorf("ran %d vectors, counted %+v, file has %d", ran, got, file.NumberOfTests)
			}
			if diff := cmp.Diff(f.want, got); diff != "" {
				t.Errorf("tally (-want +got):\n%s", diff)
			}
		})
	}
}

// decrypted judges the result of a decryption.
func decrypted(t *testing.T, v *vector, n *tally, possibleLength bool, plain []byte, err error) {
	t.Helper()
	switch {
	case v.Result == "valid":
		if err != nil || !bytes.Equal(plain, v.Msg) {
			t.Errorf("valid vector %d: got %x, %v", v.TcID, plain, err)
		}
		n.Accepted++
	case v.Result != "invalid":
		t.Errorf("vector %d: no rule for %q with flags %q", v.TcID, v.Result, v.Flags)
	case possibleLength:
		if err != keywrap.ErrDecrypt || plain != nil { // the very value: no detail may differ
			t.Errorf("invalid vector %d: got %d bytes, %v", v.TcID, len(plain), err)
		}
		n.Refused++
	default:
		wantError(t, v, err, keywrap.ErrLength)
		n.BadLength++
	}
}

func wantError(t *testing.T, v *vector, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("vector %d (%s): got error %v, want %v", v.TcID, v.Result, err, want)
	}
}

// verified judges the result of a verification.
func verified(t *testing.T, v *vector, n *tally, accept bool, err error) {
	t.Helper()
	if accept {
		if err != nil {
			t.Errorf("%s vector %d: %v", v.Result, v.TcID, err)
		}
		n.Accepted++
		return
	}
	if err != keywrap.ErrSignature {
		t.Errorf("%s vector %d: got error %v, want ErrSignature", v.Result, v.TcID, err)
	}
	n.Refused++
}

func privateOf(t *testing.T, g *vectorGroup, cache map[*vectorGroup]*keywrap.Key) *keywrap.Key {
	t.Helper()
	if cache[g] == nil {
		key, err := keywrap.ParseDER(g.PKCS8)
		if err != nil {
			t.Fatalf("key of the group: %v", err)
		}
		cache[g] = key
	}
	return cache[g]
}

// runRSADecrypt decrypts. Vectors with an OAEP label are outside the API, which has none: they must not open.
func runRSADecrypt(alg keywrap.Algorithm) runner {
	keys := map[*vectorGroup]*keywrap.Key{}
	return func(t *testing.T, g *vectorGroup, v *vector, n *tally) {
		key := privateOf(t, g, keys)
		plain, err := key.UnwrapKey(alg, v.CT)
		plain2, err2 := key.Decrypt(alg, keywrap.Message{Value: v.CT})
		if !bytes.Equal(plain, plain2) || !errors.Is(err2, err) && err.Error() != err2.Error() {
			t.Errorf("vector %d: unwrap gave %x, %v; decrypt gave %x, %v", v.TcID, plain, err, plain2, err2)
		}
		if len(v.Label) != 0 && v.Result == "valid" {
			wantError(t, v, err, keywrap.ErrDecrypt)
			n.Unsupported++
			return
		}
		decrypted(t, v, n, len(v.CT)*8 == key.Bits(), plain, err)
	}
}

// runRSAVerify verifies. Acceptable: only MissingNull (a DigestInfo without its NULL), which must be refused. PSS with a
// salt that is not as long as the hash is outside the API and must not verify; one vector of such a group is invalid there only because
// its salt is as long as the hash, and so it verifies here.
func runRSAVerify(alg keywrap.Algorithm) runner {
	return func(t *testing.T, g *vectorGroup, v *vector, n *tally) {
		pub, err := keywrap.NewRSAPublicKey(g.PublicKey.Modulus, g.PublicKey.PublicExponent)
		if err != nil {
			t.Fatal(err)
		}
		digest := digestOf(t, g.Sha, v.Msg)
		err = pub.Verify(alg, digest, v.Sig)
		if v.Result == "acceptable" && !cmp.Equal(v.Flags, []string{"MissingNull"}) {
			t.Errorf("vector %d: no rule for acceptable with flags %q", v.TcID, v.Flags)
		}
		if g.Type == "RsassaPssVerify" && g.SLen != len(digest) && v.Result == "valid" {
			wantError(t, v, err, keywrap.ErrSignature)
			n.Unsupported++
			return
		}
		ourSalt := g.Type == "RsassaPssVerify" && g.SLen != len(digest) && v.Comment == fmt.Sprint("s_len changed to ", len(digest))
		verified(t, v, n, v.Result == "valid" || ourSalt, err)
	}
}

// runRSASign reproduces signatures. Acceptable: SmallPublicKey (e = 3) must be signed like the rest. SHA-1 and SHA-224 are outside
// the API: no algorithm takes their digests.
func runRSASign() runner {
	keys := map[*vectorGroup]*keywrap.Key{}
	return func(t *testing.T, g *vectorGroup, v *vector, n *tally) {
		alg := map[string]keywrap.Algorithm{"SHA-256": keywrap.RS256, "SHA-384": keywrap.RS384, "SHA-512": keywrap.RS512}[g.Sha]
		key := privateOf(t, g, keys)
		if alg == "" {
			_, err := key.Sign(keywrap.RS256, make([]byte, map[string]int{"SHA-1": 20, "SHA-224": 28}[g.Sha]))
			wantError(t, v, err, keywrap.ErrLength)
			n.Unsupported++
			return
		}
		if v.Result != "valid" && !cmp.Equal(v.Flags, []string{"SmallPublicKey"}) {
			t.Errorf("vector %d: no rule for %q with flags %q", v.TcID, v.Result, v.Flags)
		}
		digest := digestOf(t, g.Sha, v.Msg)
		sig, err := key.Sign(alg, digest)
		if err != nil || !bytes.Equal(sig, v.Sig) {
			t.Errorf("vector %d: got %x, %v", v.TcID, sig, err)
		}
		verified(t, v, n, true, key.Verify(alg, digest, sig))
	}
}

func runECVerify(alg keywrap.Algorithm, curve keywrap.Curve) runner {
	return func(t *testing.T, g *vectorGroup, v *vector, n *tally) {
		pub, err := keywrap.NewECPublicKey(curve, g.PublicKey.WX, g.PublicKey.WY)
		if err != nil {
			t.Fatal(err)
		}
		err = pub.Verify(alg, digestOf(t, g.Sha, v.Msg), v.Sig)
		if v.Result == "acceptable" {
			t.Errorf("vector %d: no rule for acceptable with flags %q", v.TcID, v.Flags)
		}
		verified(t, v, n, v.Result == "valid", err)
	}
}

// runGCM opens. Other iv sizes than 12 bytes are outside the API and give ErrLength, also where the vector is invalid.
func runGCM(t *testing.T, g *vectorGroup, v *vector, n *tally) {
	alg := map[int]keywrap.Algorithm{128: keywrap.A128GCM, 192: keywrap.A192GCM, 256: keywrap.A256GCM}[g.KeySize]
	plain, err := oct(t, v.Key).Decrypt(alg, keywrap.Message{Value: v.CT, IV: v.IV, AAD: v.AAD, Tag: v.Tag})
	if g.IVSize != 96 {
		wantError(t, v, err, keywrap.ErrLength)
		n.Unsupported++
		return
	}
	decrypted(t, v, n, true, plain, err)
}

func runCBC(t *testing.T, g *vectorGroup, v *vector, n *tally) {
	alg := map[int]keywrap.Algorithm{128: keywrap.A128CBCPAD, 192: keywrap.A192CBCPAD, 256: keywrap.A256CBCPAD}[g.KeySize]
	key := oct(t, v.Key)
	plain, err := key.Decrypt(alg, keywrap.Message{Value: v.CT, IV: v.IV})
	decrypted(t, v, n, len(v.CT) > 0 && len(v.CT)%16 == 0, plain, err)
	if v.Result == "valid" {
		sealed, err := key.Encrypt(alg, keywrap.Message{Value: v.Msg, IV: v.IV})
		if err != nil || !bytes.Equal(sealed.Value, v.CT) {
			t.Errorf("vector %d: encrypting gave %x, %v", v.TcID, sealed.Value, err)
		}
	}
}

// runKW unwraps and wraps. Acceptable: only ShortKey (8 bytes wrapped, which RFC 3394 does not define); ErrLength both ways.
func runKW(t *testing.T, g *vectorGroup, v *vector, n *tally) {
	key := oct(t, v.Key)
	sized := map[int]keywrap.Algorithm{128: keywrap.A128KW, 192: keywrap.A192KW, 256: keywrap.A256KW}[g.KeySize]
	for i, alg := range []keywrap.Algorithm{sized, keywrap.AESKeyWrap} {
		if i == 1 {
			n = &tally{} // count each vector once
		}
		plain, err := key.UnwrapKey(alg, v.CT)
		wrapped, werr := key.WrapKey(alg, v.Msg)
		if v.Result == "acceptable" && cmp.Equal(v.Flags, []string{"ShortKey"}) {
			wantError(t, v, err, keywrap.ErrLength)
			wantError(t, v, werr, keywrap.ErrLength)
			n.Unsupported++
			continue
		}
		decrypted(t, v, n, len(v.CT) >= 24 && len(v.CT)%8 == 0, plain, err)
		if v.Result == "valid" && (werr != nil || !bytes.Equal(wrapped, v.CT)) {
			t.Errorf("vector %d: wrapping gave %x, %v", v.TcID, wrapped, werr)
		}
	}
}

// runKWP unwraps and wraps. Keys of 192 bits are outside (ErrKeyType). Of short contents, those up to 8 bytes are outside (ErrLength);
// 9 to 15 bytes unwrap but are not wrapped.
func runKWP(t *testing.T, g *vectorGroup, v *vector, n *tally) {
	key := oct(t, v.Key)
	plain, err := key.UnwrapKey(keywrap.AESKeyWrapPad, v.CT)
	switch {
	case g.KeySize == 192:
		wantError(t, v, err, keywrap.ErrKeyType)
		n.Unsupported++
		return
	case v.Result == "valid" && len(v.Msg) <= 8:
		wantError(t, v, err, keywrap.ErrLength)
		n.Unsupported++
		return
	}
	decrypted(t, v, n, len(v.CT) >= 24 && len(v.CT)%8 == 0, plain, err)
	if v.Result != "valid" {
		return
	}
	wrapped, err := key.WrapKey(keywrap.AESKeyWrapPad, v.Msg)
	if len(v.Msg) < 16 {
		wantError(t, v, err, keywrap.ErrLength)
	} else if err != nil || !bytes.Equal(wrapped, v.CT) {
		t.Errorf("vector %d: wrapping gave %x, %v", v.TcID, wrapped, err)
	}
}

// runHMAC verifies and signs. Truncated tags are outside the API and must not verify; a 520 bit key cannot be imported.
func runHMAC(alg keywrap.Algorithm) runner {
	return func(t *testing.T, g *vectorGroup, v *vector, n *tally) {
		if g.KeySize > 8*keywrap.MaxOctSize {
			_, err := keywrap.ImportOct(v.Key)
			wantError(t, v, err, keywrap.ErrInvalidKey)
			n.Unsupported++
			return
		}
		key := oct(t, v.Key)
		err := key.Verify(alg, v.Msg, v.Tag)
		if fmt.Sprint("HS", g.TagSize) != string(alg) {
			wantError(t, v, err, keywrap.ErrSignature)
			n.Unsupported++
			return
		}
		verified(t, v, n, v.Result == "valid", err)
		mac, err := key.Sign(alg, v.Msg)
		if err != nil || bytes.Equal(mac, v.Tag) != (v.Result == "valid") {
			t.Errorf("vector %d: signing gave %x, %v", v.TcID, mac, err)
		}
	}
}

func oct(t testing.TB, k []byte) *keywrap.Key {
	t.Helper()
	key, err := keywrap.ImportOct(k)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func digestOf(t *testing.T, sha string, msg []byte) []byte {
	t.Helper()
	switch sha {
	case "SHA-256":
		d := sha256.Sum256(msg)
		return d[:]
	case "SHA-384":
		d := sha512.Sum384(msg)
		return d[:]
	case "SHA-512":
		d := sha512.Sum512(msg)
		return d[:]
	}
	t.Fatalf("hash %q", sha)
	return nil
}
