package key_test

import (
	"errors"
	"testing"

	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/credential"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/principal"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

const strong = "Correct-Horse-1"

// A symmetric key opens by each of its encryptors, and is always the same key.
func TestSymmetricKeyOpensByEachEncryptor(t *testing.T) {
	f := catalogtest.New(t, nil)
	f.EnableEKM()
	f.MustDo(1, &principal.CreateLogin{Name: "dba", Password: &principal.Password{Text: catalogtest.Secret(strong)}}, &principal.ServerMember{Role: "sysadmin", Member: "dba"})
	u := key.Use{Caller: catalog.Caller{Login: f.State().FindLogin("dba").ID, Database: model.Master}}
	do := func(op catalog.Operation) {
		t.Helper()
		if _, err := f.Do(t.Context(), u.Caller, op); err != nil {
			t.Fatalf("%T: %v", op, err)
		}
	}
	do(&credential.CreateProvider{Name: "P", Path: catalogtest.Path})
	do(&credential.Create{Name: "cred", Identity: "v", Secret: catalogtest.Secret("s"), Provider: "P"})
	do(&credential.Map{Login: "dba", Credential: "cred"})
	do(&key.CreateAsymmetric{Name: "ekm", Provided: key.Provided{Provider: "P", KeyName: "n", Existing: true}})
	do(&key.CreateMaster{Password: catalogtest.Secret(strong)})
	do(&key.CreateAsymmetric{Name: "akey", Algorithm: "RSA_2048", Password: catalogtest.Secret("Other-Horse-2")})
	do(&key.CreateCertificate{Name: "cert", Subject: "s"})
	by := func(kind, name, pw string) key.Encryptor {
		e := key.Encryptor{Kind: kind, Name: name}
		if pw != "" {
			e.Password = catalogtest.Secret(pw)
		}
		return e
	}
	do(&key.CreateSymmetric{Name: "s", Algorithm: "AES_256", Encryptors: []key.Encryptor{
		by("PASSWORD", "", strong), by("CERTIFICATE", "cert", ""), by("ASYMMETRIC KEY", "akey", ""), by("ASYMMETRIC KEY", "ekm", ""),
	}})
	open := func(e key.Encryptor) (*secret.Bytes, error) {
		return key.OpenSymmetric(t.Context(), f.Catalog, u, "s", e)
	}
	first, err := open(by("PASSWORD", "", strong))
	if err != nil || first.Len() != 32 {
		t.Fatal(first, err)
	}
	do(&key.CreateSymmetric{Name: "outer", Algorithm: "AES_128", Encryptors: []key.Encryptor{by("PASSWORD", "", strong)}})
	outer, err := key.OpenSymmetric(t.Context(), f.Catalog, u, "outer", by("PASSWORD", "", strong))
	if err != nil {
		t.Fatal(err)
	}
	do(&key.AlterSymmetric{Name: "s", Key: first, Encryptors: []key.Encryptor{{Kind: "SYMMETRIC KEY", Name: "outer", Key: outer}}})
	check := func() {
		t.Helper()
		for _, e := range []key.Encryptor{by("CERTIFICATE", "cert", ""), by("ASYMMETRIC KEY", "akey", "Other-Horse-2"), by("ASYMMETRIC KEY", "ekm", ""), {Kind: "SYMMETRIC KEY", Name: "outer", Key: outer}} {
			got, err := open(e)
			if err != nil || !got.Equal(first.Expose()) {
				t.Errorf("by %s %s: %v", e.Kind, e.Name, err)
			}
		}
	}
	check()
	f.Reopen()
	check()
	// A new master key takes over what the old one protects.
	do(&key.AlterMaster{Action: "REGENERATE", Password: catalogtest.Secret("New-Horse-3")})
	check()
	if _, err := key.OpenMaster(f.State(), u.Caller, catalogtest.Secret(strong)); !errors.Is(err, code.Msg(15313)) {
		t.Errorf("the old password: %v", err)
	}
	// Without the service master key's encryption it must be opened in the session.
	do(&key.AlterMaster{Action: "DROP ENCRYPTION", Service: true})
	if _, err := open(by("CERTIFICATE", "cert", "")); !errors.Is(err, code.Msg(15581)) {
		t.Errorf("by the certificate without the master key: %v", err)
	}
	dmk, err := key.OpenMaster(f.State(), u.Caller, catalogtest.Secret("New-Horse-3"))
	if err != nil {
		t.Fatal(err)
	}
	u.Open = dmk
	check()

	for _, c := range []struct {
		e      key.Encryptor
		number int
	}{
		{by("PASSWORD", "", "Wrong-Horse-9"), 15313},
		{by("ASYMMETRIC KEY", "akey", ""), 15334},
		{by("ASYMMETRIC KEY", "akey", "Wrong-Horse-9"), 15465},
		{by("CERTIFICATE", "cert", strong), 15147},
		{by("CERTIFICATE", "nope", ""), 15151},
		{by("SYMMETRIC KEY", "outer", ""), 15315},
		{by("", "", ""), 15288},
	} {
		if _, err := open(c.e); !errors.Is(err, code.Msg(c.number)) {
			t.Errorf("by %s %s: %v, want %d", c.e.Kind, c.e.Name, err, c.number)
		}
	}
	// What encrypts a key cannot be dropped.
	for _, op := range []catalog.Operation{&key.DropAsymmetric{Name: "akey"}, &key.DropCertificate{Name: "cert"}, &key.DropSymmetric{Name: "outer"}} {
		if _, err := f.Do(t.Context(), u.Caller, op); !errors.Is(err, code.Msg(15580)) {
			t.Errorf("%T: %v, want 15580", op, err)
		}
	}
	if _, err := f.Do(t.Context(), u.Caller, &key.AlterSymmetric{Name: "s", Key: first, Encryptors: []key.Encryptor{by("CERTIFICATE", "cert", "")}}); !errors.Is(err, code.Msg(15579)) {
		t.Errorf("a second time by the certificate: %v", err)
	}
}

// The same KEY_SOURCE and IDENTITY_VALUE give the same key on another server.
func TestKeySource(t *testing.T) {
	var got [2]*secret.Bytes
	var guid [2][16]byte
	for i := range got {
		f := catalogtest.New(t, nil)
		f.MustDo(1, &key.CreateSymmetric{
			Name: "s", Algorithm: "AES_128", Source: catalogtest.Secret("source"), Identity: catalogtest.Secret("identity"),
			Encryptors: []key.Encryptor{{Kind: "PASSWORD", Password: catalogtest.Secret(strong)}},
		})
		k, err := key.OpenSymmetric(t.Context(), f.Catalog, key.Use{Caller: catalogtest.SA()}, "s", key.Encryptor{Kind: "PASSWORD", Password: catalogtest.Secret(strong)})
		if err != nil {
			t.Fatal(err)
		}
		got[i], guid[i] = k, f.State().FindSymmetricKey(1, "s").GUID
	}
	if !got[0].Equal(got[1].Expose()) || guid[0] != guid[1] {
		t.Error("the keys differ")
	}
}

// A certificate that was backed up goes to another server with its private key.
func TestCertificateTravels(t *testing.T) {
	a, b := catalogtest.New(t, nil), catalogtest.New(t, nil)
	a.MustDo(1, &key.CreateMaster{Password: catalogtest.Secret(strong)})
	a.MustDo(1, &key.CreateCertificate{Name: "c", Subject: "s"})
	var der, sealed []byte
	a.MustDo(1, &key.BackupCertificate{Name: "c", Private: true, Encrypt: catalogtest.Secret("Travel-Horse-1"), Write: func(d, s []byte) error { der, sealed = d, s; return nil }})
	load := func(pw string) error {
		_, err := b.Do(t.Context(), catalogtest.SA(), &key.CreateCertificate{
			Name: "c", DER: der, PrivateKey: secret.New(sealed), Decrypt: catalogtest.Secret(pw), Encrypt: catalogtest.Secret(strong),
		})
		return err
	}
	if err := load("Wrong-Horse-1"); !errors.Is(err, code.Msg(15465)) {
		t.Errorf("a wrong password: %v", err)
	}
	if err := load("Travel-Horse-1"); err != nil {
		t.Fatal(err)
	}
	k1, err := key.CertificateKey(t.Context(), a.Catalog, key.Use{Caller: catalogtest.SA()}, "c", nil)
	if err != nil {
		t.Fatal(err)
	}
	k2, err := key.CertificateKey(t.Context(), b.Catalog, key.Use{Caller: catalogtest.SA()}, "c", catalogtest.Secret(strong))
	if err != nil || !k1.Equal(k2) {
		t.Errorf("another key arrived: %v", err)
	}
}

// A native asymmetric key works with its public half, and not for who lacks CONTROL.
func TestPrivate(t *testing.T) {
	f := catalogtest.New(t, nil)
	f.MustDo(1, &key.CreateAsymmetric{Name: "a", Algorithm: "RSA_2048", Password: catalogtest.Secret(strong)})
	row := f.State().FindAsymmetricKey(1, "a")
	if len(row.Thumbprint) != 8 || len(row.SID) != 32 {
		t.Errorf("thumbprint %x, sid %x", row.Thumbprint, row.SID)
	}
	pub, err := key.PublicKey(row)
	if err != nil {
		t.Fatal(err)
	}
	ct, err := pub.WrapKey(keywrap.RSA15, []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := key.Private(t.Context(), f.Catalog, key.Use{Caller: catalogtest.SA()}, "a", catalogtest.Secret(strong))
	if err != nil {
		t.Fatal(err)
	}
	if pt, err := k.UnwrapKey(keywrap.RSA15, ct); err != nil || string(pt) != "text" {
		t.Errorf("%q, %v", pt, err)
	}
	if _, err := key.Private(t.Context(), f.Catalog, key.Use{Caller: catalog.Caller{Login: 999, Database: 1}}, "a", catalogtest.Secret(strong)); !errors.Is(err, code.Msg(15151)) {
		t.Errorf("a stranger: %v", err)
	}
}

// REMOVE PROVIDER KEY that the provider refuses leaves the drop done, with a warning.
func TestRemoveProviderKey(t *testing.T) {
	f := catalogtest.New(t, nil)
	f.EnableEKM()
	f.MustDo(1, &principal.CreateLogin{Name: "dba", Password: &principal.Password{Text: catalogtest.Secret(strong)}}, &principal.ServerMember{Role: "sysadmin", Member: "dba"})
	dba := catalog.Caller{Login: f.State().FindLogin("dba").ID, Database: model.Master}
	f.MustDo(1, &credential.CreateProvider{Name: "P", Path: catalogtest.Path})
	f.MustDo(1, &credential.Create{Name: "cred", Identity: "v", Secret: catalogtest.Secret("s"), Provider: "P"}, &credential.Map{Login: "dba", Credential: "cred"})
	if _, err := f.Do(t.Context(), dba, &key.CreateAsymmetric{Name: "k", Provided: key.Provided{Provider: "P", KeyName: "n", Existing: true}}); err != nil {
		t.Fatal(err)
	}
	f.Provider.DropError = code.NotSupported
	r, err := f.Do(t.Context(), dba, &key.DropAsymmetric{Name: "k", Remove: true})
	if err != nil || len(r.Notes) != 1 || r.Notes[0].Number != 33036 || f.State().FindAsymmetricKey(1, "k") != nil {
		t.Errorf("%v, %v", r.Notes, err)
	}
	// Under EXECUTE AS no credential is used.
	dba.Impersonated = true
	_, err = f.Do(t.Context(), dba, &key.CreateAsymmetric{Name: "k", Provided: key.Provided{Provider: "P", KeyName: "n", Existing: true}})
	if !errors.Is(err, code.Msg(33048)) {
		t.Errorf("under EXECUTE AS: %v", err)
	}
}
