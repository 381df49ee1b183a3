package entra_test

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"latchkey/entra"
	"latchkey/internal/jwks"
	"latchkey/vault/rbac"
	"latchkey/vault/token"
)

// validate is what a vault does with a token of this authority.
func (k *kit) validate(raw, audience string) (rbac.Principal, error) {
	k.t.Helper()
	v, err := token.New(token.Config{Clock: k.clock, Issuers: []token.Issuer{{ID: "https://sts.windows.net/{tenantid}/", Keys: k.Keys()}}})
	if err != nil {
		k.t.Fatal(err)
	}
	return v.Validate(k.t.Context(), raw, audience)
}

func (k *kit) sdk(host string) azcore.ClientOptions {
	return azcore.ClientOptions{
		Transport: k.client, Retry: policy.RetryOptions{MaxRetries: -1},
		Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: "https://" + host + "/"},
	}
}

func (k *kit) wantToken(cred azcore.TokenCredential, audience, object string) {
	k.t.Helper()
	tok, err := cred.GetToken(k.t.Context(), policy.TokenRequestOptions{Scopes: []string{audience + "/.default"}})
	if err != nil {
		k.t.Fatal(err)
	}
	p, err := k.validate(tok.Token, audience)
	if err != nil {
		k.t.Fatal(err)
	}
	if p.ObjectID != object || p.TenantID != tenantID || !p.AppOnly || p.Issuer != "https://sts.windows.net/"+tenantID+"/" {
		k.t.Errorf("principal %+v", p)
	}
	if left := tok.ExpiresOn.Sub(k.clock.Now()); left < entra.MinTokenLife-time.Minute || left > entra.MaxTokenLife {
		k.t.Errorf("the SDK thinks that the token lives %v", left)
	}
}

// Instance discovery stays on: for our own host the SDK asks login.microsoftonline.com, which the transport maps to us.
func TestSDKCredentials(t *testing.T) {
	k := newKit(t, nil)
	key, cert, text := clientCert(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if _, err := k.AddCertificate(t.Context(), clientID, "c", text); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"login.microsoftonline.com", "login.windows.net", ownHost} {
		t.Run(host, func(t *testing.T) {
			k := *k
			k.t = t
			bySecret, err := azidentity.NewClientSecretCredential(tenantID, clientID, k.secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: k.sdk(host)})
			if err != nil {
				t.Fatal(err)
			}
			k.wantToken(bySecret, vault, objectID)
			k.wantToken(bySecret, "https://managedhsm.azure.net", objectID)
			k.wantToken(bySecret, "https://vault.localhost:8443", objectID)
			for _, chain := range []bool{false, true} {
				byCert, err := azidentity.NewClientCertificateCredential(tenantID, clientID, []*x509.Certificate{cert}, crypto.PrivateKey(key),
					&azidentity.ClientCertificateCredentialOptions{ClientOptions: k.sdk(host), SendCertificateChain: chain})
				if err != nil {
					t.Fatal(err)
				}
				k.wantToken(byCert, vault, objectID)
			}
		})
	}
	wrong, err := azidentity.NewClientSecretCredential("contoso.example", clientID, "no", &azidentity.ClientSecretCredentialOptions{ClientOptions: k.sdk(ownHost)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wrong.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{vault + "/.default"}}); err == nil || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Errorf("wrong secret: %v", err)
	}
}

func TestSDKFederated(t *testing.T) {
	issuer := newIssuer(t)
	k := newKit(t, func(c *entra.Config) { c.FederatedTransport = issuer.transport(t) })
	const sub = "system:serviceaccount:db:sql"
	issuer.clock = k.clock
	if _, err := k.AddFederated(t.Context(), clientID, entra.Federated{Issuer: issuer.id, Subject: sub}); err != nil {
		t.Fatal(err)
	}
	assertion := issuer.token(t, map[string]any{"sub": sub, "aud": "api://AzureADTokenExchange"})
	byFunc, err := azidentity.NewClientAssertionCredential(tenantID, clientID, func(context.Context) (string, error) { return assertion, nil },
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: k.sdk(ownHost)})
	if err != nil {
		t.Fatal(err)
	}
	k.wantToken(byFunc, vault, objectID)
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(assertion), 0o600); err != nil {
		t.Fatal(err)
	}
	workload, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: k.sdk("login.microsoftonline.com"), ClientID: clientID, TenantID: tenantID, TokenFilePath: file,
	})
	if err != nil {
		t.Fatal(err)
	}
	k.wantToken(workload, vault, objectID)
}

// imdsTransport hands what goes to the metadata address to the handler, as the machine's routing would.
type imdsTransport struct{ h http.Handler }

func (tr imdsTransport) Do(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.RemoteAddr, in.RequestURI = "127.0.0.1:4711", r.URL.RequestURI()
	if r.URL.Host != "169.254.169.254" {
		w.WriteHeader(http.StatusBadGateway)
		return w.Result(), nil
	}
	tr.h.ServeHTTP(w, in)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

func TestSDKManagedIdentity(t *testing.T) {
	k := newKit(t, nil)
	const one, two, oneObject, twoObject = "aaaaaaaa-0000-0000-0000-0000000000e1", "aaaaaaaa-0000-0000-0000-0000000000e2",
		"bbbbbbbb-0000-0000-0000-0000000000e1", "bbbbbbbb-0000-0000-0000-0000000000e2"
	const resource = "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/two"
	for _, n := range []entra.NewApp{{ClientID: one, ObjectID: oneObject}, {ClientID: two, ObjectID: twoObject, ResourceID: resource}} {
		n.TenantID, n.Name, n.Managed = tenantID, "mi", true
		if _, err := k.CreateApp(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	h := k.IMDS(entra.Identities{System: one})
	for name, tc := range map[string]struct {
		id     azidentity.ManagedIDKind
		object string
	}{
		"system":   {nil, oneObject},
		"client":   {azidentity.ClientID(two), twoObject},
		"object":   {azidentity.ObjectID(twoObject), twoObject},
		"resource": {azidentity.ResourceID(resource), twoObject},
	} {
		t.Run(name, func(t *testing.T) {
			k := *k
			k.t = t
			cred, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
				ClientOptions: azcore.ClientOptions{Transport: imdsTransport{h}, Retry: policy.RetryOptions{MaxRetries: -1}}, ID: tc.id,
			})
			if err != nil {
				t.Fatal(err)
			}
			k.wantToken(cred, vault, tc.object)
		})
	}
	if rec := k.audit.last(t); rec.Operation != "TokenIssue" || rec.TenantID != tenantID || rec.Object != vault {
		t.Errorf("audit record %+v", rec)
	}
	// A managed identity has no business at the token endpoint.
	wantCode(t, k.post(tokenPath, k.form("client_id", one)), 400, 700016, "unauthorized_client")
}

// A vault in another process finds the keys by discovery, for both spellings of the metadata, and follows a roll-over.
func TestRemoteValidatorFollowsTheKeys(t *testing.T) {
	k := newKit(t, nil)
	iss := "https://sts.windows.net/" + tenantID + "/"
	for name, rc := range map[string]jwks.RemoteConfig{
		"discovery": {Issuer: iss, MetadataURL: "https://login.microsoftonline.com/" + tenantID + "/.well-known/openid-configuration"},
		"keys":      {KeysURL: "https://" + ownHost + "/common/discovery/v2.0/keys"},
	} {
		rc.Transport, rc.Clock = k.client.Transport, k.clock
		keys, err := jwks.NewRemote(rc)
		if err != nil {
			t.Fatal(err)
		}
		v, err := token.New(token.Config{Clock: k.clock, Issuers: []token.Issuer{{ID: iss, TenantID: tenantID, Keys: keys}}})
		if err != nil {
			t.Fatal(err)
		}
		if p, err := v.Validate(t.Context(), k.token(), vault); err != nil || p.ObjectID != objectID {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if err := k.ReplaceKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		k.clock.Advance(time.Minute)
		if _, err := v.Validate(t.Context(), k.token(), vault); err != nil {
			t.Errorf("%s, after the roll-over: %v", name, err)
		}
	}
}
