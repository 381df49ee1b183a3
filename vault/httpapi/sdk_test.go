package httpapi_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/vault/vaulttest"
)

// Every operation of the unmodified Go client, every check on, against a vault and a Managed HSM.
func TestAzkeysEveryOperation(t *testing.T) {
	s := vaulttest.New(t, nil)
	for _, host := range []struct{ name, url string }{{"vault", s.VaultURL("kv1")}, {"hsm", s.HSMURL("hsm1")}} {
		t.Run(host.name, func(t *testing.T) {
			ctx := t.Context()
			c := s.MustAzure(t, host.url, s.Admin())
			hsm := host.name == "hsm"
			created, err := c.CreateKey(ctx, "rsa1", azkeys.CreateKeyParameters{Kty: to.Ptr(azkeys.KeyTypeRSA), Tags: map[string]*string{"a": to.Ptr("b")}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]azkeys.KeyType{false: azkeys.KeyTypeRSA, true: azkeys.KeyTypeRSAHSM}[hsm]; *created.Key.Kty != want {
				t.Errorf("kty %s, want %s", *created.Key.Kty, want)
			}
			if len(created.Key.N) != 256 || len(created.Key.KeyOps) != 6 {
				t.Errorf("modulus of %d bytes, %d operations; want 256 and 6", len(created.Key.N), len(created.Key.KeyOps))
			}
			v := created.Key.KID.Version()

			got, err := c.GetKey(ctx, "rsa1", "", nil)
			check(t, err)
			if *got.Key.KID != *created.Key.KID {
				t.Errorf("got %s, created %s", *got.Key.KID, *created.Key.KID)
			}
			_, err = c.GetKey(ctx, "rsa1", v, nil)
			check(t, err)
			upd, err := c.UpdateKey(ctx, "rsa1", v, azkeys.UpdateKeyParameters{Tags: map[string]*string{"x": to.Ptr("y")}}, nil)
			check(t, err)
			if len(upd.Tags) != 1 || *upd.Tags["x"] != "y" {
				t.Errorf("tags after update: %v", upd.Tags)
			}

			// Encrypt, decrypt, wrap, unwrap.
			plain := []byte("0123456789abcdef")
			for _, alg := range []azkeys.EncryptionAlgorithm{azkeys.EncryptionAlgorithmRSA15, azkeys.EncryptionAlgorithmRSAOAEP, azkeys.EncryptionAlgorithmRSAOAEP256} {
				enc, err := c.Encrypt(ctx, "rsa1", "", azkeys.KeyOperationParameters{Algorithm: &alg, Value: plain}, nil)
				check(t, err)
				dec, err := c.Decrypt(ctx, "rsa1", v, azkeys.KeyOperationParameters{Algorithm: &alg, Value: enc.Result}, nil)
				check(t, err)
				wrap, err := c.WrapKey(ctx, "rsa1", v, azkeys.KeyOperationParameters{Algorithm: &alg, Value: plain}, nil)
				check(t, err)
				unwrap, err := c.UnwrapKey(ctx, "rsa1", "", azkeys.KeyOperationParameters{Algorithm: &alg, Value: wrap.Result}, nil)
				check(t, err)
				if !bytes.Equal(dec.Result, plain) || !bytes.Equal(unwrap.Result, plain) {
					t.Errorf("%s: decrypted %x, unwrapped %x", alg, dec.Result, unwrap.Result)
				}
			}
			// Sign and verify.
			digest := sha256.Sum256([]byte("message"))
			for _, alg := range []azkeys.SignatureAlgorithm{azkeys.SignatureAlgorithmRS256, azkeys.SignatureAlgorithmPS256} {
				sig, err := c.Sign(ctx, "rsa1", "", azkeys.SignParameters{Algorithm: &alg, Value: digest[:]}, nil)
				check(t, err)
				ok, err := c.Verify(ctx, "rsa1", "", azkeys.VerifyParameters{Algorithm: &alg, Digest: digest[:], Signature: sig.Result}, nil)
				check(t, err)
				if !*ok.Value {
					t.Errorf("%s: own signature does not verify", alg)
				}
				sig.Result[5] ^= 1
				ok, err = c.Verify(ctx, "rsa1", "", azkeys.VerifyParameters{Algorithm: &alg, Digest: digest[:], Signature: sig.Result}, nil)
				check(t, err)
				if *ok.Value {
					t.Errorf("%s: an altered signature verifies", alg)
				}
			}
			_, err = c.CreateKey(ctx, "ec1", azkeys.CreateKeyParameters{Kty: to.Ptr(azkeys.KeyTypeEC), Curve: to.Ptr(azkeys.CurveNameP256K)}, nil)
			check(t, err)
			sig, err := c.Sign(ctx, "ec1", "", azkeys.SignParameters{Algorithm: to.Ptr(azkeys.SignatureAlgorithmES256K), Value: digest[:]}, nil)
			check(t, err)
			if len(sig.Result) != 64 {
				t.Errorf("ES256K signature of %d bytes", len(sig.Result))
			}

			// Import.
			priv, err := rsa.GenerateKey(rand.Reader, 2048)
			check(t, err)
			d := priv.D.Bytes()
			if hsm {
				d = append([]byte{0}, d...) // a leading zero octet is accepted
			}
			_, err = c.ImportKey(ctx, "imported", azkeys.ImportKeyParameters{HSM: to.Ptr(hsm), Key: &azkeys.JSONWebKey{
				Kty: to.Ptr(azkeys.KeyTypeRSA), N: priv.N.Bytes(), E: []byte{1, 0, 1}, D: d,
				P: priv.Primes[0].Bytes(), Q: priv.Primes[1].Bytes(), DP: priv.Precomputed.Dp.Bytes(), DQ: priv.Precomputed.Dq.Bytes(), QI: priv.Precomputed.Qinv.Bytes(),
			}}, nil)
			check(t, err)
			ecPriv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			check(t, err)
			raw, err := ecPriv.Bytes()
			check(t, err)
			pub, err := ecPriv.PublicKey.Bytes()
			check(t, err)
			_, err = c.ImportKey(ctx, "imported-ec", azkeys.ImportKeyParameters{Key: &azkeys.JSONWebKey{
				Kty: to.Ptr(azkeys.KeyTypeEC), Crv: to.Ptr(azkeys.CurveNameP256), D: raw, X: pub[1:33], Y: pub[33:],
			}}, nil)
			check(t, err)

			// Rotation.
			_, err = c.UpdateKeyRotationPolicy(ctx, "rsa1", azkeys.KeyRotationPolicy{
				Attributes:      &azkeys.KeyRotationPolicyAttributes{ExpiryTime: to.Ptr("P90D")},
				LifetimeActions: []*azkeys.LifetimeAction{{Action: &azkeys.LifetimeActionType{Type: to.Ptr(azkeys.KeyRotationPolicyActionRotate)}, Trigger: &azkeys.LifetimeActionTrigger{TimeBeforeExpiry: to.Ptr("P30D")}}},
			}, nil)
			check(t, err)
			policy, err := c.GetKeyRotationPolicy(ctx, "rsa1", nil)
			check(t, err)
			if *policy.Attributes.ExpiryTime != "P90D" {
				t.Errorf("expiry time %s", *policy.Attributes.ExpiryTime)
			}
			rotated, err := c.RotateKey(ctx, "rsa1", nil)
			check(t, err)
			if rotated.Key.KID.Version() == v || rotated.Attributes.Expires == nil {
				t.Errorf("rotated to %s with expiry %v", rotated.Key.KID.Version(), rotated.Attributes.Expires)
			}

			// Lists.
			names := map[string]bool{}
			for pager := c.NewListKeyPropertiesPager(nil); pager.More(); {
				page, err := pager.NextPage(ctx)
				check(t, err)
				for _, k := range page.Value {
					names[k.KID.Name()] = true
				}
			}
			if len(names) != 4 {
				t.Errorf("listed %v, want 4 keys", names)
			}
			n := 0
			for pager := c.NewListKeyPropertiesVersionsPager("rsa1", nil); pager.More(); {
				page, err := pager.NextPage(ctx)
				check(t, err)
				n += len(page.Value)
			}
			if n != 2 {
				t.Errorf("listed %d versions, want 2", n)
			}

			// Backup, delete, deleted lists, recover, purge, restore.
			backup, err := c.BackupKey(ctx, "rsa1", nil)
			check(t, err)
			deleted, err := c.DeleteKey(ctx, "rsa1", nil)
			check(t, err)
			if deleted.RecoveryID == nil || deleted.ScheduledPurgeDate == nil {
				t.Error("no recovery id or purge date")
			}
			_, err = c.GetDeletedKey(ctx, "rsa1", nil)
			check(t, err)
			_, err = c.GetKey(ctx, "rsa1", "", nil)
			wantCode(t, err, 404, "KeyNotFound")
			_, err = c.RecoverDeletedKey(ctx, "rsa1", nil)
			check(t, err)
			_, err = c.DeleteKey(ctx, "rsa1", nil)
			check(t, err)
			n = 0
			for pager := c.NewListDeletedKeyPropertiesPager(nil); pager.More(); {
				page, err := pager.NextPage(ctx)
				check(t, err)
				n += len(page.Value)
			}
			if n != 1 {
				t.Errorf("listed %d deleted keys, want 1", n)
			}
			_, err = c.PurgeDeletedKey(ctx, "rsa1", nil)
			check(t, err)
			restored, err := c.RestoreKey(ctx, azkeys.RestoreKeyParameters{KeyBackup: backup.Value}, nil)
			check(t, err)
			if *restored.Key.KID != *rotated.Key.KID {
				t.Errorf("restored %s, want %s", *restored.Key.KID, *rotated.Key.KID)
			}

			_, err = c.GetRandomBytes(ctx, azkeys.GetRandomBytesParameters{Count: to.Ptr(int32(32))}, nil)
			if hsm {
				check(t, err)
				_, err = c.CreateKey(ctx, "oct1", azkeys.CreateKeyParameters{Kty: to.Ptr(azkeys.KeyTypeOct), KeySize: to.Ptr(int32(256))}, nil)
				check(t, err)
				enc, err := c.Encrypt(ctx, "oct1", "", azkeys.KeyOperationParameters{Algorithm: to.Ptr(azkeys.EncryptionAlgorithmA256GCM), Value: plain, AdditionalAuthenticatedData: []byte("aad")}, nil)
				check(t, err)
				dec, err := c.Decrypt(ctx, "oct1", "", azkeys.KeyOperationParameters{
					Algorithm: to.Ptr(azkeys.EncryptionAlgorithmA256GCM), Value: enc.Result, IV: enc.IV, AuthenticationTag: enc.AuthenticationTag, AdditionalAuthenticatedData: []byte("aad"),
				}, nil)
				check(t, err)
				if !bytes.Equal(dec.Result, plain) {
					t.Errorf("A256GCM: decrypted %x", dec.Result)
				}
			} else {
				wantCode(t, err, 404, "NotFound")
			}
			att, err := c.GetKeyAttestation(ctx, map[bool]string{true: "rsa1", false: "hsmkey"}[hsm], "", nil)
			if hsm {
				check(t, err)
				if att.Attributes.Attestation == nil || len(att.Attributes.Attestation.CertificatePEMFile) == 0 {
					t.Error("no attestation")
				}
			} else {
				wantCode(t, err, 404, "KeyNotFound")
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, err error, status int, code string) {
	t.Helper()
	var re *azcore.ResponseError
	if !errors.As(err, &re) || re.StatusCode != status || re.ErrorCode != code {
		t.Fatalf("got %v, want %d %s", err, status, code)
	}
}
