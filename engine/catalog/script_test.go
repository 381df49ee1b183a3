package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"latchkey/ekm/code"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/credential"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/journal"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/principal"
	"latchkey/engine/catalog/views"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// setUp is the documented set-up of an encrypted database, as far as metadata goes, with the login dba in place of a domain login.
func setUp(t *testing.T, f *catalogtest.Fixture) (db int) {
	t.Helper()
	f.EnableEKM()
	f.MustDo(model.Master, &principal.CreateLogin{Name: "dba", Password: &principal.Password{Text: catalogtest.Secret("Correct-Horse-1")}})
	f.MustDo(model.Master, &principal.ServerMember{Role: "sysadmin", Member: "dba"})
	dba := catalog.Caller{Login: f.State().FindLogin("dba").ID, Database: model.Master}
	do := func(caller catalog.Caller, ops ...catalog.Operation) {
		t.Helper()
		if _, err := f.Do(t.Context(), caller, ops...); err != nil {
			t.Fatalf("%T: %v", ops[0], err)
		}
	}
	do(dba, &credential.CreateProvider{Name: "AzureKeyVault_EKM", Path: catalogtest.Path})
	do(dba, &credential.Create{
		Name: "sysadmin_ekm_cred", Identity: "DocsSampleEKMKeyVault", Secret: catalogtest.Secret("d956f6b9000000000000000000000000canary-secret"), Provider: "AzureKeyVault_EKM",
	})
	do(dba, &credential.Map{Login: "dba", Credential: "sysadmin_ekm_cred"})
	do(dba, &key.CreateAsymmetric{Name: "EKMSampleASYKey", Provided: key.Provided{Provider: "AzureKeyVault_EKM", KeyName: "ContosoRSAKey0", Existing: true}})
	do(dba, &principal.CreateLogin{Name: "TDE_Login", From: principal.FromKey, FromName: "EKMSampleASYKey"})
	do(dba, &credential.Unmap{Login: "dba", Credential: "sysadmin_ekm_cred"})
	do(dba, &credential.Map{Login: "TDE_Login", Credential: "sysadmin_ekm_cred"})
	create := &database.Create{Name: "TestTDE"}
	do(dba, create)
	if create.ID != model.FirstUser {
		t.Errorf("the first user database has the id %d", create.ID)
	}
	dba.Database = create.ID
	do(dba, &database.CreateKey{Algorithm: "AES_256", Kind: database.ByAsymmetricKey, Name: "EKMSampleASYKey"})
	do(dba, &database.SetEncryption{Name: "TestTDE", On: true})
	return create.ID
}

func TestDocumentedSetUpRotationAndCleanUp(t *testing.T) {
	f := catalogtest.New(t, nil)
	db := setUp(t, f)
	f.Reopen()

	// The two views of the page agree on the thumbprint.
	env := views.Env{State: f.State(), Caller: catalogtest.SA()}
	keys := column(t, env, "sys.asymmetric_keys", "name", "algorithm_desc", "thumbprint")
	deks := column(t, env, "sys.dm_database_encryption_keys", "database_id", "encryptor_type", "encryption_state_desc", "encryptor_thumbprint")
	if len(keys) != 1 || len(deks) != 2 || !strings.HasPrefix(keys[0], "EKMSampleASYKey RSA_2048 0x") {
		t.Fatalf("keys %q, DEKs %q", keys, deks)
	}
	thumb := strings.TrimPrefix(keys[0], "EKMSampleASYKey RSA_2048 ")
	if want := fmt.Sprintf("%d ASYMMETRIC KEY ENCRYPTED %s", db, thumb); deks[1] != want || len(thumb) != 42 {
		t.Errorf("DEK %q, want %q", deks[1], want)
	}

	// The engine's own access: the protector by its thumbprint, the credential of its login.
	d := f.State().Databases.Get(db)
	p, err := database.ProtectorOf(f.State(), d.Key.Encryptor, d.Key.Thumbprint)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := f.CredentialFor(catalogtest.SA(), p.Login, p.Provider.ID)
	if err != nil || cred.Identity != "DocsSampleEKMKeyVault" || !bytes.HasSuffix(cred.Secret.Expose(), []byte("canary-secret")) {
		t.Fatalf("the credential of TDE_Login: %v, %v", cred, err)
	}
	_, err = database.ProtectorOf(f.State(), d.Key.Encryptor, []byte{1, 2})
	wantMessage(t, err, 33111, 16, 4, "Cannot find server asymmetric key with thumbprint '0x0102'.")

	// Rotation.
	f.MustDo(model.Master,
		&credential.Unmap{Login: "TDE_Login", Credential: "sysadmin_ekm_cred"})
	dba := catalog.Caller{Login: f.State().FindLogin("dba").ID, Database: model.Master}
	for _, op := range []catalog.Operation{
		&credential.Map{Login: "dba", Credential: "sysadmin_ekm_cred"},
		&key.CreateAsymmetric{Name: "MASTER_KEY2", Provided: key.Provided{Provider: "AzureKeyVault_EKM", KeyName: "Key2", Existing: true}},
		&principal.CreateLogin{Name: "TDE_Login2", From: principal.FromKey, FromName: "MASTER_KEY2"},
		&credential.Unmap{Login: "dba", Credential: "sysadmin_ekm_cred"},
		&credential.Map{Login: "TDE_Login2", Credential: "sysadmin_ekm_cred"},
	} {
		if _, err := f.Do(t.Context(), dba, op); err != nil {
			t.Fatalf("%T: %v", op, err)
		}
	}
	f.MustDo(db, &database.AlterKey{Kind: database.ByAsymmetricKey, Name: "MASTER_KEY2"})
	if got := f.State().Databases.Get(db).Key.Thumbprint; !bytes.Equal(got, f.State().FindAsymmetricKey(model.Master, "MASTER_KEY2").Thumbprint) {
		t.Errorf("the DEK's protector is %x", got)
	}

	// Clean-up, in the documented order.
	f.MustDo(model.Master, &database.Set{Name: "TestTDE", Options: []database.Option{{Name: "SINGLE_USER"}}})
	f.MustDo(model.Master, &database.Drop{Name: "TestTDE"})
	f.MustDo(model.Master, &credential.Unmap{Login: "TDE_Login2", Credential: "sysadmin_ekm_cred"})
	for _, op := range []catalog.Operation{
		&principal.DropLogin{Name: "TDE_Login"}, &principal.DropLogin{Name: "TDE_Login2"}, &credential.Drop{Name: "sysadmin_ekm_cred"},
		&key.DropAsymmetric{Name: "EKMSampleASYKey"}, &key.DropAsymmetric{Name: "MASTER_KEY2"}, &credential.DropProvider{Name: "AzureKeyVault_EKM"},
	} {
		f.MustDo(model.Master, op)
	}
	if r, _ := f.State().Records(); bytes.Contains(fmt.Append(nil, r), []byte("TestTDE")) || f.State().Principals.Len(db) != 0 {
		t.Error("something of the database is left")
	}
}

// column renders columns of a view's rows.
func column(t *testing.T, env views.Env, view string, names ...string) []string {
	t.Helper()
	rows, err := views.Rows(view, env)
	if err != nil {
		t.Fatalf("%s: %v", view, err)
	}
	cols := views.Columns(view)
	var out []string
	for _, r := range rows {
		var f []string
		for _, n := range names {
			for i, c := range cols {
				if c.Name != n {
					continue
				}
				switch v := r[i]; {
				case v.IsNull():
					f = append(f, "NULL")
				case c.Type.Kind.IsBinary():
					f = append(f, fmt.Sprintf("0x%X", v.Bytes()))
				case v.Kind().IsText():
					f = append(f, v.Text())
				default:
					f = append(f, fmt.Sprint(v.Int()))
				}
			}
		}
		out = append(out, strings.Join(f, " "))
	}
	return out
}

func wantMessage(t *testing.T, err error, number, level, state int, text string) {
	t.Helper()
	m := msg.Messages(err)
	if len(m) == 0 || m[0].Number != number || m[0].Severity != level || m[0].State != state || text != "" && m[0].Text != text {
		t.Errorf("got  %v\nwant Msg %d, Level %d, State %d: %s", err, number, level, state, text)
		return
	}
	if !errors.Is(err, code.Msg(number)) {
		t.Errorf("%v is not code.Msg(%d)", err, number)
	}
}

// No secret and no password is in any file, nor in the records that a store sees.
func TestNothingLeaks(t *testing.T) {
	mem := fsys.NewMem()
	f := catalogtest.New(t, mem)
	db := setUp(t, f)
	f.MustDo(db, &key.CreateMaster{Password: catalogtest.Secret("canary-Password-1")})
	f.MustDo(db, &key.CreateCertificate{Name: "c", Subject: "s"})
	f.MustDo(db, &key.CreateAsymmetric{Name: "a", Algorithm: "RSA_2048", Password: catalogtest.Secret("canary-Password-2")})
	f.MustDo(db, &key.CreateSymmetric{
		Name: "s", Algorithm: "AES_256", Source: catalogtest.Secret("canary source"), Identity: catalogtest.Secret("canary identity"),
		Encryptors: []key.Encryptor{{Kind: "PASSWORD", Password: catalogtest.Secret("canary-Password-3")}},
	})
	r, err := f.State().Records()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r {
		for _, bad := range []string{"canary", "Correct-Horse", "Y2FuYXJ5"} {
			if bytes.Contains(x.Value, []byte(bad)) {
				t.Errorf("record %s %d/%d holds %q", x.Table, x.DB, x.ID, bad)
			}
		}
	}
	for _, name := range []string{journal.SnapshotName, journal.JournalName} {
		b, err := fsys.ReadFile(mem, "/data/"+name, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"canary", "Correct-Horse", "TestTDE", "DocsSample"} {
			if bytes.Contains(b, []byte(bad)) {
				t.Errorf("%s holds %q", name, bad)
			}
		}
	}
	for _, view := range views.Names() {
		rows, err := views.Rows(view, views.Env{State: f.State(), Caller: catalog.Caller{Login: model.SA, Database: db}})
		if err != nil {
			t.Errorf("%s: %v", view, err)
		}
		if s := fmt.Sprintf("%+v", rows); strings.Contains(s, "canary") {
			t.Errorf("%s shows a secret", view)
		}
	}
}

// The operations destroy the secrets that they were given, also when they are refused.
func TestSecretsAreDestroyed(t *testing.T) {
	f := catalogtest.New(t, nil)
	nobody := catalog.Caller{Login: 9999, Database: model.Master}
	for _, caller := range []catalog.Caller{catalogtest.SA(), nobody} {
		s := []*secret.Bytes{catalogtest.Secret("Some-Secret-1"), catalogtest.Secret("Some-Secret-2")}
		_, _ = f.Do(t.Context(), caller, &credential.Create{Name: "c", Secret: s[0]}, &principal.CreateLogin{Name: "l", Password: &principal.Password{Text: s[1]}})
		for i, x := range s {
			if x.Len() != 0 {
				t.Errorf("caller %d: secret %d is still there", caller.Login, i)
			}
		}
	}
}

// A change that the store refuses is not there, and what is in memory stays what is on disk, for a failure at each operation.
func TestFailuresOfTheStore(t *testing.T) {
	for n := 1; n < 12; n++ {
		mem := fsys.NewMem()
		hook := &fsys.Nth{Kinds: fsys.OpWrite | fsys.OpSync, Err: errors.New("fault")}
		f := catalogtest.New(t, fsys.NewFaulty(mem, func(op fsys.Op) error { return hook.Hook(op) }))
		*hook = fsys.Nth{Kinds: fsys.OpWrite | fsys.OpSync, N: n, Err: errors.New("fault")}
		var done []string
		for i := range 5 {
			name := fmt.Sprintf("c%d", i)
			if _, err := f.Do(t.Context(), catalogtest.SA(), &credential.Create{Name: name, Identity: "i"}); err == nil {
				done = append(done, name)
			}
		}
		if got := credentials(f.State()); got != strings.Join(done, " ") {
			t.Errorf("operation %d: in memory %s, acknowledged %v", n, got, done)
		}
		f.Reopen()
		got := credentials(f.State())
		for _, name := range done {
			if !strings.Contains(got, name) {
				t.Errorf("operation %d: %s was acknowledged and is lost (%s)", n, name, got)
			}
		}
	}
}

func credentials(s *model.State) string {
	var out []string
	for _, c := range s.Credentials.All(0) {
		out = append(out, c.Name)
	}
	return strings.Join(out, " ")
}

// Several operations in one Do are one change.
func TestOneDoIsOneChange(t *testing.T) {
	f := catalogtest.New(t, nil)
	before := f.State()
	_, err := f.Do(t.Context(), catalogtest.SA(), &credential.Create{Name: "a"}, &credential.Create{Name: "A "})
	wantMessage(t, err, 15530, 16, 1, `The credential with name "A " already exists.`)
	if f.State() != before || credentials(before) != "" {
		t.Error("half of the change is there")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Do(ctx, catalogtest.SA(), &credential.Create{Name: "a"}); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context ended: %v", err)
	}
}

func TestConcurrentChangesAndReaders(t *testing.T) {
	f := catalogtest.New(t, nil)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				if _, err := f.Do(t.Context(), catalogtest.SA(), &credential.Create{Name: fmt.Sprintf("c%d-%d", i, j), Secret: catalogtest.Secret("x")}); err != nil {
					t.Error(err)
				}
				for _, v := range []string{"sys.credentials", "sys.server_principals", "sys.databases"} {
					if _, err := views.Rows(v, views.Env{State: f.State(), Caller: catalogtest.SA()}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	if n := f.State().Credentials.Len(0); n != 80 {
		t.Errorf("%d credentials", n)
	}
	f.Reopen()
	if n := f.State().Credentials.Len(0); n != 80 {
		t.Errorf("%d credentials after a restart", n)
	}
}

// messages are the numbers of what an error sends.
func messages(err error) string {
	var out []string
	for _, m := range msg.Messages(err) {
		out = append(out, fmt.Sprint(m.Number))
	}
	return strings.Join(out, " ")
}
