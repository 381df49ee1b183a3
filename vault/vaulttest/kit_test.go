package vaulttest_test

import (
	"bytes"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/vault/vaulttest"
)

func TestAzureClient(t *testing.T) {
	s := vaulttest.New(t, nil)
	key := s.MustRSA(t, "kv1", "sqlkey")
	c := s.MustAzure(t, s.VaultURL("kv1"), s.Admin())
	plain := []byte("0123456789abcdef0123456789abcdef")
	wrapped, err := c.WrapKey(t.Context(), "sqlkey", "", azkeys.KeyOperationParameters{
		Algorithm: to.Ptr(azkeys.EncryptionAlgorithmRSAOAEP256), Value: plain,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if string(*wrapped.KID) != key.Key.KID {
		t.Errorf("wrapped with %q, want %q", *wrapped.KID, key.Key.KID)
	}
	got, err := c.UnwrapKey(t.Context(), "sqlkey", wrapped.KID.Version(), azkeys.KeyOperationParameters{
		Algorithm: to.Ptr(azkeys.EncryptionAlgorithmRSAOAEP256), Value: wrapped.Result,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Result, plain) {
		t.Errorf("unwrapped %x, want %x", got.Result, plain)
	}
}

func TestStopAndStart(t *testing.T) {
	s := vaulttest.New(t, nil)
	s.MustKey(t, "kv1", "k", nil)
	addr := s.Addr
	s.Stop()
	if _, err := s.Client().Get(s.VaultURL("kv1")); err == nil {
		t.Fatal("a stopped server answers")
	}
	s.Start(t)
	if s.Addr != addr {
		t.Errorf("address changed from %s to %s", addr, s.Addr)
	}
	s.MustCall(t, "GET", s.VaultURL("kv1")+"/keys/k", nil, nil)
}
