package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/app/running"
	"latchkey/internal/fsys"
)

// keys is a client for the server's vault, as latchkey key uses it.
func (s *server) keys(t testing.TB) *azkeys.Client {
	t.Helper()
	r := s.info(t)
	c, err := r.Keys(fsys.OS{}, r.VaultURL)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (s *server) info(t testing.TB) *running.Info {
	t.Helper()
	r, err := running.Read(fsys.OS{}, s.dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func ptr[T any](v T) *T { return &v }

// jwkOf is a private RSA key as the API takes it.
func jwkOf(k *rsa.PrivateKey) *azkeys.JSONWebKey {
	k.Precompute()
	return &azkeys.JSONWebKey{
		Kty: ptr(azkeys.KeyTypeRSA), N: k.N.Bytes(), E: big.NewInt(int64(k.E)).Bytes(), D: k.D.Bytes(),
		P: k.Primes[0].Bytes(), Q: k.Primes[1].Bytes(),
		DP: k.Precomputed.Dp.Bytes(), DQ: k.Precomputed.Dq.Bytes(), QI: k.Precomputed.Qinv.Bytes(),
	}
}

// works proves that a version's private half is whole: it signs, and unwraps what was wrapped.
func works(ctx context.Context, c *azkeys.Client, name, version string) error {
	got, err := c.GetKey(ctx, name, version, nil)
	if err != nil {
		return fmt.Errorf("getting %s/%s: %w", name, version, err)
	}
	if *got.Key.Kty == azkeys.KeyTypeEC {
		digest := sha256.Sum256([]byte(name))
		sig, err := c.Sign(ctx, name, version, azkeys.SignParameters{Algorithm: ptr(azkeys.SignatureAlgorithmES256), Value: digest[:]}, nil)
		if err != nil {
			return fmt.Errorf("signing with %s/%s: %w", name, version, err)
		}
		ok, err := c.Verify(ctx, name, version, azkeys.VerifyParameters{Algorithm: ptr(azkeys.SignatureAlgorithmES256), Digest: digest[:], Signature: sig.Result}, nil)
		if err != nil {
			return fmt.Errorf("verifying with %s/%s: %w", name, version, err)
		}
		if !*ok.Value {
			return fmt.Errorf("%s/%s signs what its public half does not verify", name, version)
		}
		return nil
	}
	want := make([]byte, 32)
	rand.Read(want)
	// Wrapped here with the public half as read: the two halves must belong together.
	pub := &rsa.PublicKey{N: new(big.Int).SetBytes(got.Key.N), E: int(new(big.Int).SetBytes(got.Key.E).Int64())}
	blob, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, want, nil)
	if err != nil {
		return err
	}
	plain, err := c.UnwrapKey(ctx, name, version, azkeys.KeyOperationParameters{Algorithm: ptr(azkeys.EncryptionAlgorithmRSAOAEP256), Value: blob}, nil)
	if err != nil {
		return fmt.Errorf("unwrapping with %s/%s: %w", name, version, err)
	}
	if string(plain.Result) != string(want) {
		return fmt.Errorf("%s/%s unwraps to something else", name, version)
	}
	return nil
}

// versions lists the versions of a key, empty if it is not there.
func versions(ctx context.Context, c *azkeys.Client, name string) ([]string, error) {
	var all []string
	for p := c.NewListKeyPropertiesVersionsPager(name, nil); p.More(); {
		page, err := p.NextPage(ctx)
		if isStatus(err, http.StatusNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for _, v := range page.Value {
			all = append(all, v.KID.Version())
		}
	}
	return all, nil
}

func isStatus(err error, status int) bool {
	var resp *azcore.ResponseError
	return errors.As(err, &resp) && resp.StatusCode == status
}
