package httpapi_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"latchkey/akv"
	"latchkey/internal/secret"
	"latchkey/keywrap"
	"latchkey/vault"
	"latchkey/vault/seal"
	"latchkey/vault/store/storetest"
	"latchkey/vault/vaulttest"
)

func TestBackupAcrossVaultsAndInstallations(t *testing.T) {
	two := []vault.Properties{{Name: "kv1", Premium: true}, {Name: "kv2"}, {Name: "hsm1", HSM: true}}
	s := vaulttest.New(t, &vaulttest.Options{Vaults: two})
	other := vaulttest.New(t, &vaulttest.Options{Vaults: two})
	s.MustRSA(t, "kv1", "k")
	s.MustRSA(t, "kv1", "k")
	last := s.MustKey(t, "kv1", "k", &akv.CreateKey{Kty: "EC", Tags: map[string]string{"a": "b"}})
	id, _ := akv.ParseKeyID(last.Key.KID)
	s.MustCall(t, "PUT", s.VaultURL("kv1")+"/keys/k/rotationpolicy", map[string]any{"attributes": map[string]any{"expiryTime": "P90D"}}, nil)
	var b akv.Backup
	s.MustCall(t, "POST", s.VaultURL("kv1")+"/keys/k/backup", nil, &b)

	restore := func(on *vaulttest.Server, url string) *vaulttest.Response {
		t.Helper()
		return on.Call(t, on.Admin(), "POST", url+"/keys/restore", b)
	}
	verify := func(on *vaulttest.Server, url string) {
		t.Helper()
		var got akv.KeyBundle
		on.MustCall(t, "GET", url+"/keys/k", nil, &got)
		if gotID, _ := akv.ParseKeyID(got.Key.KID); gotID.Version != id.Version || got.Tags["a"] != "b" || *got.Attributes.Created != *last.Attributes.Created || !bytes.Equal(got.Key.X, last.Key.X) {
			t.Errorf("restored %+v", got)
		}
		r := on.MustCall(t, "GET", url+"/keys/k/versions", nil, nil)
		if n := strings.Count(string(r.Body), `"kid"`); n != 3 {
			t.Errorf("%d versions restored, want 3", n)
		}
		if r := on.MustCall(t, "GET", url+"/keys/k/rotationpolicy", nil, nil); !strings.Contains(string(r.Body), "P90D") {
			t.Errorf("policy restored: %s", r.Body)
		}
		var sig akv.OpResult
		on.MustCall(t, "POST", url+"/keys/k/sign", akv.OpParams{Alg: "ES256", Value: make([]byte, 32)}, &sig)
		var ok akv.VerifyResult
		s.MustCall(t, "POST", s.VaultURL("kv2")+"/keys/k/verify", akv.VerifyParams{Alg: "ES256", Digest: make([]byte, 32), Value: sig.Value}, &ok)
		if !ok.Value {
			t.Error("the restored key is another one")
		}
	}
	wantErr(t, "over a live key", restore(s, s.VaultURL("kv1")), 409, "Conflict", "")
	if r := restore(s, s.VaultURL("kv2")); r.Status != 200 {
		t.Fatalf("into another vault: %d %s", r.Status, r.Body)
	}
	verify(s, s.VaultURL("kv2"))
	s.MustCall(t, "DELETE", s.VaultURL("kv1")+"/keys/k", nil, nil)
	wantErr(t, "over a deleted key", restore(s, s.VaultURL("kv1")), 409, "Conflict", "ObjectIsDeletedButRecoverable")
	s.MustCall(t, "DELETE", s.VaultURL("kv1")+"/deletedkeys/k", nil, nil)
	if r := restore(s, s.VaultURL("kv1")); r.Status != 200 {
		t.Fatalf("after a purge: %d %s", r.Status, r.Body)
	}
	wantErr(t, "into a Managed HSM", restore(s, s.HSMURL("hsm1")), 400, "BadParameter", "")

	// Another installation needs the backup key.
	wantErr(t, "another installation", restore(other, other.VaultURL("kv1")), 400, "BadParameter", "")
	pass := secret.FromString("correct horse battery staple")
	exported, err := s.Backups.Export(s.Backups.Active(), pass)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Backups.Import(t.Context(), exported, pass); err != nil {
		t.Fatal(err)
	}
	if r := restore(other, other.VaultURL("kv1")); r.Status != 200 {
		t.Fatalf("with the backup key: %d %s", r.Status, r.Body)
	}
	verify(other, other.VaultURL("kv1"))

	for i := 0; i < len(b.Value); i += max(1, len(b.Value)/40) {
		bad := bytes.Clone(b.Value)
		bad[i] ^= 1
		wantErr(t, fmt.Sprint("altered at ", i), s.Call(t, s.Admin(), "POST", s.VaultURL("kv2")+"/keys/restore", akv.Backup{Value: bad}), 400, "BadParameter", "")
	}
}

// More versions than one commit of the store takes.
func TestBackupOfManyVersions(t *testing.T) {
	s := vaulttest.New(t, &vaulttest.Options{Vaults: []vault.Properties{{Name: "kv1"}, {Name: "kv2"}}})
	for range 310 {
		s.MustKey(t, "kv1", "k", nil)
	}
	var b akv.Backup
	s.MustCall(t, "POST", s.VaultURL("kv1")+"/keys/k/backup", nil, &b)
	s.MustCall(t, "POST", s.VaultURL("kv2")+"/keys/restore", b, nil)
	n := 0
	for next := s.VaultURL("kv2") + "/keys/k/versions"; next != ""; {
		var l akv.KeyList
		s.MustCall(t, "GET", next, nil, &l)
		n += len(l.Value)
		next = ""
		if l.NextLink != nil {
			next = *l.NextLink
		}
	}
	if n != 310 {
		t.Errorf("%d versions restored, want 310", n)
	}
}

// No private byte lies in clear in the store: not of a generated key, an imported one, a backup or a signer.
func TestNothingPrivateInTheStore(t *testing.T) {
	st := storetest.NewMem()
	s := vaulttest.New(t, &vaulttest.Options{Store: st})
	priv, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	d := priv.D.Bytes()
	s.MustCall(t, "PUT", s.VaultURL("kv1")+"/keys/imported", akv.ImportKey{Key: &akv.JWK{
		Kty: "RSA", N: priv.N.Bytes(), E: []byte{1, 0, 1}, D: d, P: priv.Primes[0].Bytes(), Q: priv.Primes[1].Bytes(),
		DP: priv.Precomputed.Dp.Bytes(), DQ: priv.Precomputed.Dq.Bytes(), QI: priv.Precomputed.Qinv.Bytes(),
	}}, nil)
	oct := []byte("canary: thirty-two bytes of key!")
	s.MustCall(t, "PUT", s.HSMURL("hsm1")+"/keys/oct", akv.ImportKey{Key: &akv.JWK{Kty: "oct", K: oct}}, nil)
	s.MustHSMKey(t, "hsm1", "att", nil)
	s.MustCall(t, "GET", s.HSMURL("hsm1")+"/keys/att/attestation", nil, nil) // makes the signer
	var blob akv.Backup
	s.MustCall(t, "POST", s.VaultURL("kv1")+"/keys/imported/backup", nil, &blob)
	items, _, err := st.List(t.Context(), "", "", 0)
	if err != nil {
		t.Fatal(err)
	}
	hay := [][]byte{blob.Value}
	for _, it := range items {
		hay = append(hay, []byte(it.Key), it.Value)
	}
	for _, secretBytes := range [][]byte{d, priv.Primes[0].Bytes(), priv.Primes[1].Bytes(), priv.Precomputed.Qinv.Bytes(), oct} {
		part := secretBytes[:16]
		for _, needle := range [][]byte{
			part, []byte(hex.EncodeToString(part)), []byte(base64.StdEncoding.EncodeToString(part)[:20]), []byte(base64.RawURLEncoding.EncodeToString(part)[:20]),
			[]byte(new(big.Int).SetBytes(secretBytes).String()[:30]),
		} {
			for i, h := range hay {
				if bytes.Contains(h, needle) {
					t.Errorf("private bytes in clear in record %d", i)
				}
			}
		}
	}
	for _, r := range s.Audit.Records() {
		if text, _ := json.Marshal(r); bytes.Contains(text, []byte("canary")) {
			t.Errorf("private bytes in the audit log: %s", text)
		}
	}
}

// Bring your own key: wrapped outside for an exchange key of the vault.
func TestTransferImport(t *testing.T) {
	s := vaulttest.New(t, nil)
	kek := s.MustKey(t, "kv1", "kek", &akv.CreateKey{Kty: "RSA-HSM", KeyOps: []string{"import"}})
	plain := s.MustKey(t, "kv1", "plain", &akv.CreateKey{Kty: "RSA-HSM"})
	target, err := keywrap.Generate(keywrap.Spec{Kind: keywrap.RSA})
	if err != nil {
		t.Fatal(err)
	}
	send := func(name string, exchange *akv.KeyBundle, kid string) *vaulttest.Response {
		t.Helper()
		pub, err := keywrap.NewRSAPublicKey(exchange.Key.N, exchange.Key.E)
		if err != nil {
			t.Fatal(err)
		}
		ct, err := pub.WrapTransfer(keywrap.RSAAESKeyWrap, target)
		if err != nil {
			t.Fatal(err)
		}
		blob := fmt.Sprintf(`{"schema_version":"1.0.0","header":{"kid":%q,"alg":"dir","enc":"CKM_RSA_AES_KEY_WRAP"},"ciphertext":%q,"generator":"test"}`, kid, base64.RawURLEncoding.EncodeToString(ct))
		return s.Call(t, s.Admin(), "PUT", s.VaultURL("kv1")+"/keys/"+name, akv.ImportKey{Key: &akv.JWK{Kty: "RSA-HSM", KeyHSM: akv.Bytes(blob)}})
	}
	r := send("byok", kek, kek.Key.KID)
	if r.Status != 200 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	var got akv.KeyBundle
	if err := json.Unmarshal(r.Body, &got); err != nil {
		t.Fatal(err)
	}
	want, _ := target.Public().RSA()
	if !bytes.Equal(got.Key.N, want.N) || got.Key.Kty != "RSA-HSM" {
		t.Errorf("imported %s", r.Body)
	}
	wantErr(t, "exchange key without import", send("x", plain, plain.Key.KID), 403, "Forbidden", "KeyOperationForbidden")
	wantErr(t, "wrong exchange key", send("x", plain, kek.Key.KID), 400, "BadParameter", "")
	wantErr(t, "exchange key elsewhere", send("x", kek, "https://other.vault.azure.net/keys/kek/"+strings.Repeat("0", 32)), 400, "BadParameter", "")
}

// The same store, opened again: everything is still there.
func TestReopen(t *testing.T) {
	st, root := storetest.NewMem(), seal.GenerateRootKey()
	first := vaulttest.New(t, &vaulttest.Options{Store: st, Root: root})
	key := first.MustRSA(t, "kv1", "k")
	var w akv.OpResult
	first.MustCall(t, "POST", first.VaultURL("kv1")+"/keys/k/wrapkey", akv.OpParams{Alg: "RSA-OAEP", Value: []byte("dek")}, &w)
	first.Stop()
	second := vaulttest.New(t, &vaulttest.Options{Store: st, Root: root})
	var u akv.OpResult
	second.MustCall(t, "POST", second.VaultURL("kv1")+"/keys/k/unwrapkey", akv.OpParams{Alg: "RSA-OAEP", Value: w.Value}, &u)
	if string(u.Value) != "dek" || key.Key == nil {
		t.Errorf("unwrapped %q", u.Value)
	}
}
