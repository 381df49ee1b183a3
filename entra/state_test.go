package entra_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/ekm/code"
	"latchkey/entra"
	"latchkey/internal/fsys"
)

func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(t.Context())
}

func TestRestartKeepsEverything(t *testing.T) {
	k := newKit(t, nil)
	_, cert, text := clientCert(t, k.clock.Now().Add(-time.Hour), k.clock.Now().Add(time.Hour))
	if _, err := k.AddCertificate(t.Context(), clientID, "c", text); err != nil {
		t.Fatal(err)
	}
	if _, err := k.AddFederated(t.Context(), clientID, entra.Federated{Issuer: "https://issuer.example", Subject: "s"}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.SetPrincipal(t.Context(), clientID, tenantID, []string{strings.ToUpper(tenantID)}); err != nil {
		t.Fatal(err)
	}
	apps, tenants, raw := k.Apps(""), k.Tenants(), k.token()
	k.reopen()
	if d := cmp.Diff(apps, k.Apps(strings.ToUpper(tenantID))); d != "" {
		t.Errorf("applications (-before +after):\n%s", d)
	}
	if d := cmp.Diff(tenants, k.Tenants()); d != "" {
		t.Errorf("tenants (-before +after):\n%s", d)
	}
	p, err := k.validate(raw, vault)
	if err != nil || p.ObjectID != objectID || len(p.Groups) != 1 || p.Groups[0] != tenantID {
		t.Errorf("a token from before: %+v, %v", p, err)
	}
	k.token()
	if !bytes.Equal(k.Apps("")[0].Certificates[0].DER, cert.Raw) {
		t.Error("the certificate changed")
	}
	if err := k.Reseal(t.Context()); err != nil {
		t.Fatal(err)
	}
	k.reopen()
	if _, err := k.validate(raw, vault); err != nil {
		t.Errorf("after resealing: %v", err)
	}
}

func TestCredentialsComeAndGo(t *testing.T) {
	k := newKit(t, nil)
	ctx := t.Context()
	second, s, err := k.AddSecret(ctx, strings.ToUpper(clientID), "second", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	plain := string(s.Expose())
	if !strings.HasPrefix(plain, "lk1~") || len(plain) != 47 {
		t.Errorf("secret of %d bytes", len(plain))
	}
	if _, _, err := k.AddSecret(ctx, clientID, "third", 0); !errors.Is(err, code.EntraConflict) {
		t.Errorf("a third secret: %v", err)
	}
	if r := k.post(tokenPath, k.form("client_secret", plain)); r.status != 200 {
		t.Errorf("the second secret: %s", r.text)
	}
	k.token()
	list := k.Apps("")[0].Secrets
	if len(list) != 2 || !list[1].Expires.Equal(k.clock.Now().Add(time.Hour)) || list[1].KeyID != second.KeyID {
		t.Errorf("secrets %+v", list)
	}
	k.clock.Advance(2 * time.Hour) // the second expires and makes room
	third, s, err := k.AddSecret(ctx, clientID, "third", 0)
	if err != nil {
		t.Fatal(err)
	}
	plain = string(s.Expose())
	if err := k.RemoveCredential(ctx, clientID, third.KeyID); err != nil {
		t.Fatal(err)
	}
	wantCode(t, k.post(tokenPath, k.form("client_secret", plain)), 401, 7000215, "invalid_client")
	k.token()
	if err := k.Disable(ctx, clientID, true); err != nil {
		t.Fatal(err)
	}
	wantCode(t, k.post(tokenPath, k.form()), 401, 7000112, "unauthorized_client")
	if err := k.Disable(ctx, clientID, false); err != nil {
		t.Fatal(err)
	}
	k.token()
	if err := k.DeleteApp(ctx, clientID); err != nil {
		t.Fatal(err)
	}
	wantCode(t, k.post(tokenPath, k.form()), 400, 700016, "unauthorized_client")
}

func TestSeveralTenants(t *testing.T) {
	k := newKit(t, nil)
	const other = "22222222-2222-3333-4444-555555555555"
	if _, err := k.CreateTenant(t.Context(), entra.Tenant{ID: other, Name: "Fabrikam"}); err != nil {
		t.Fatal(err)
	}
	path := "/" + other + "/oauth2/v2.0/token"
	wantCode(t, k.post(path, k.form()), 400, 700016, "unauthorized_client")
	p, err := k.SetPrincipal(t.Context(), clientID, other, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := k.post(path, k.form()).body["access_token"].(string)
	who, err := k.validate(raw, vault)
	if err != nil || who.TenantID != other || who.ObjectID != p.ObjectID || who.Issuer != "https://sts.windows.net/"+other+"/" {
		t.Errorf("%+v, %v", who, err)
	}
}

func TestAdminRefusals(t *testing.T) {
	k := newKit(t, nil)
	ctx := t.Context()
	now := k.clock.Now()
	key, _, good := clientCert(t, now.Add(-time.Hour), now.Add(time.Hour))
	_, _, old := clientCert(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if _, err := k.AddCertificate(ctx, clientID, "c", good); err != nil {
		t.Fatal(err)
	}
	before, err := fsys.ReadFile(k.fs, "/data/entra/entra.json", 0)
	if err != nil {
		t.Fatal(err)
	}
	e := func(_ any, err error) error { return err }
	for name, tc := range map[string]struct {
		err  error
		want code.Code
	}{
		"tenant id":           {e(k.CreateTenant(ctx, entra.Tenant{ID: "x"})), code.EntraInvalid},
		"tenant domain":       {e(k.CreateTenant(ctx, entra.Tenant{Domains: []string{"no domain"}})), code.EntraInvalid},
		"tenant exists":       {e(k.CreateTenant(ctx, entra.Tenant{ID: tenantID})), code.EntraConflict},
		"domain exists":       {e(k.CreateTenant(ctx, entra.Tenant{Domains: []string{"CONTOSO.example"}})), code.EntraConflict},
		"app without tenant":  {e(k.CreateApp(ctx, entra.NewApp{})), code.EntraNotFound},
		"app, unknown tenant": {e(k.CreateApp(ctx, entra.NewApp{TenantID: clientID})), code.EntraNotFound},
		"client exists":       {e(k.CreateApp(ctx, entra.NewApp{TenantID: tenantID, ClientID: clientID})), code.EntraConflict},
		"object exists":       {e(k.CreateApp(ctx, entra.NewApp{TenantID: tenantID, ObjectID: objectID})), code.EntraConflict},
		"managed and public":  {e(k.CreateApp(ctx, entra.NewApp{TenantID: tenantID, Managed: true, Public: true})), code.EntraInvalid},
		"certificate, none":   {e(k.AddCertificate(ctx, clientID, "c", []byte("x"))), code.EntraInvalid},
		"certificate, again":  {e(k.AddCertificate(ctx, clientID, "c", good)), code.EntraConflict},
		"certificate, old":    {e(k.AddCertificate(ctx, clientID, "c", old)), code.EntraInvalid},
		"private key":         {e(k.AddCertificate(ctx, clientID, "c", append(good, private...))), code.EntraInvalid},
		"federated, http":     {e(k.AddFederated(ctx, clientID, entra.Federated{Issuer: "http://x", Subject: "s"})), code.EntraInvalid},
		"federated, subject":  {e(k.AddFederated(ctx, clientID, entra.Federated{Issuer: "https://x"})), code.EntraInvalid},
		"federated, keys":     {e(k.AddFederated(ctx, clientID, entra.Federated{Issuer: "https://x", Subject: "s", Keys: []byte(`{"keys":[]}`)})), code.EntraInvalid},
		"credential":          {k.RemoveCredential(ctx, clientID, "x"), code.EntraNotFound},
		"application":         {k.Disable(ctx, "x", true), code.EntraNotFound},
		"groups":              {e(k.SetPrincipal(ctx, clientID, tenantID, []string{"x"})), code.EntraInvalid},
	} {
		if !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: %v, want %v", name, tc.err, tc.want)
		}
	}
	if _, _, err := k.AddSecret(ctx, clientID, "s", 3*365*24*time.Hour); !errors.Is(err, code.EntraInvalid) {
		t.Errorf("a secret for three years: %v", err)
	}
	after, err := fsys.ReadFile(k.fs, "/data/entra/entra.json", 0)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a refusal changed the state: %v", err)
	}
	k.seal.fail = errors.New("sealed away")
	for what, err := range map[string]error{"a change": k.Disable(ctx, clientID, true), "new keys": k.ReplaceKeys(ctx), "resealing": k.Reseal(ctx)} {
		if !errors.Is(err, code.EntraSeal) || !errors.Is(err, k.seal.fail) {
			t.Errorf("%s without a seal: %v", what, err)
		}
	}
	k.seal.fail = nil
	k.audit.setFail(errors.New("full"))
	if err := k.Disable(ctx, clientID, true); !errors.Is(err, code.EntraAudit) {
		t.Errorf("without a record: %v", err)
	}
	k.audit.setFail(nil)
	k.token()
}

// Every fault of the file system at every operation of a change, and a power cut after each: the state is the old one or the
// new one, and what was acknowledged is there.
func TestStateSurvivesFaults(t *testing.T) {
	seal, aud := newSealer(t), &auditor{}
	setup := func() *fsys.Mem {
		m := fsys.NewMem()
		a, err := entra.Open(t.Context(), entra.Config{FS: m, Dir: "/d", Sealer: seal, Audit: aud})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.CreateTenant(t.Context(), entra.Tenant{ID: tenantID}); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	run := func(f fsys.FS) error {
		a, err := entra.Open(t.Context(), entra.Config{FS: f, Dir: "/d", Sealer: seal, Audit: aud})
		if err != nil {
			return err
		}
		defer a.Close()
		_, err = a.CreateApp(t.Context(), entra.NewApp{TenantID: tenantID, ClientID: clientID, ObjectID: objectID})
		return err
	}
	base := setup()
	count := &fsys.Nth{Kinds: fsys.OpChange | fsys.OpOpen | fsys.OpRead}
	if err := run(fsys.NewFaulty(base.CrashClone(fsys.Crash{}), count.Hook)); err != nil {
		t.Fatal(err)
	}
	if count.Seen() < 6 {
		t.Fatalf("only %d operations seen", count.Seen())
	}
	boom := errors.New("boom")
	for n := 1; n <= count.Seen(); n++ {
		for _, sticky := range []bool{false, true} {
			m := base.CrashClone(fsys.Crash{})
			nth := &fsys.Nth{Kinds: count.Kinds, N: n, Sticky: sticky, Err: boom}
			err := run(fsys.NewFaulty(m, nth.Hook))
			if err != nil && !errors.Is(err, boom) {
				t.Errorf("n=%d: an error hides its cause: %v", n, err)
			}
			if err != nil && code.Of(err) == 0 {
				t.Errorf("n=%d: an error without code: %v", n, err)
			}
			for seed := range uint64(8) {
				disk := m.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(seed, 1)), Keep: 0.5, Torn: 0.5})
				a, oerr := entra.Open(t.Context(), entra.Config{FS: disk, Dir: "/d", Sealer: seal, Audit: aud})
				if oerr != nil {
					t.Fatalf("n=%d sticky=%v seed=%d: %v", n, sticky, seed, oerr)
				}
				apps := a.Apps("")
				if len(a.Tenants()) != 1 || len(apps) > 1 || err == nil && len(apps) != 1 {
					t.Fatalf("n=%d sticky=%v seed=%d err=%v: %d tenants, %d apps", n, sticky, seed, err, len(a.Tenants()), len(apps))
				}
				if err := a.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	full := setup()
	full.SetCapacity(100)
	if err := run(full); !errors.Is(err, code.EntraStateWrite) {
		t.Errorf("full disk: %v", err)
	}
}

func TestOpenRefusesWhatItCannotTrust(t *testing.T) {
	k := newKit(t, nil)
	if _, err := entra.Open(t.Context(), k.cfg); !errors.Is(err, code.EntraLocked) {
		t.Errorf("opened twice: %v", err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	const path = "/data/entra/entra.json"
	good, err := fsys.ReadFile(k.fs, path, 0)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		raw  []byte
		want code.Code
	}{
		"cut":        {good[:len(good)/2], code.EntraStateDamaged},
		"empty":      {nil, code.EntraStateDamaged},
		"newer":      {bytes.Replace(good, []byte(`"version":1`), []byte(`"version":2`), 1), code.EntraStateDamaged},
		"edited":     {bytes.Replace(good, []byte(`"Contoso"`), []byte(`"Fabrikam"`), 1), code.EntraStateDamaged},
		"other form": {bytes.Replace(good, []byte("latchkey-entra"), []byte("latchkey-other"), 1), code.EntraStateDamaged},
	} {
		if err := fsys.WriteFile(k.fs, path, tc.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := entra.Open(t.Context(), k.cfg); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	if err := fsys.WriteFile(k.fs, path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := k.cfg
	cfg.Sealer = newSealer(t)
	if _, err := entra.Open(t.Context(), cfg); !errors.Is(err, code.EntraSeal) {
		t.Errorf("another seal key: %v", err)
	}
	k.open()
	k.token()
	if _, err := entra.Open(t.Context(), entra.Config{}); !errors.Is(err, code.EntraInvalid) {
		t.Errorf("empty config: %v", err)
	}
}

// No secret, token or private key shows up in a file, the log, an audit record or an answer that refuses.
func TestNothingLeaks(t *testing.T) {
	k := newKit(t, nil)
	raw := k.token()
	canary := "canary-" + strings.Repeat("7d1f", 8)
	var out strings.Builder
	for _, change := range [][]string{
		{"client_secret", canary},
		{"client_secret", canary, "client_id", objectID},
		{"client_assertion", canary, "client_secret", ""},
		{"scope", "x", "client_secret", k.secret},
		{"grant_type", "x"},
	} {
		out.WriteString(k.post(tokenPath, k.form(change...)).text)
	}
	k.audit.setFail(errors.New("full"))
	out.WriteString(k.post(tokenPath, k.form("client_secret", canary)).text)
	k.audit.setFail(nil)
	for _, r := range k.audit.records {
		out.WriteString(strings.Join([]string{r.Operation, r.Resource, r.Object, r.Reason, r.AppID, r.Client, r.Assignment}, " "))
	}
	out.WriteString(k.log.String())
	walk(t, k.fs, "/", &out)
	sig := raw[strings.LastIndexByte(raw, '.')+1:]
	for what, s := range map[string]string{"the secret": k.secret, "a wrong secret": canary, "a token": sig, "pkcs8": "MIIEv"} {
		if strings.Contains(out.String(), s) {
			t.Errorf("%s was found outside", what)
		}
	}
	if !strings.Contains(out.String(), "AADSTS7000215") || !strings.Contains(out.String(), "latchkey-entra") {
		t.Error("the search looked at nothing")
	}
}

func walk(t *testing.T, f fsys.FS, dir string, out *strings.Builder) {
	t.Helper()
	list, err := f.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		name := strings.TrimSuffix(dir, "/") + "/" + e.Name()
		if e.IsDir() {
			walk(t, f, name, out)
			continue
		}
		b, err := fsys.ReadFile(f, name, 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		out.Write(b)
	}
}
