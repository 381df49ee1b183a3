package azure_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/azure"
	"latchkey/azure/azuretest"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

func credential(p *azuretest.Peer, clientSecret string) *ekm.Credential {
	return &ekm.Credential{Identity: p.Vault.URL, Secret: secret.FromString(azuretest.ClientHex + clientSecret)}
}

func openerFor(t *testing.T, p *azuretest.Peer) *azure.Opener {
	t.Helper()
	o := azure.New(azure.Config{Settings: func(string) azure.Settings {
		return azure.Settings{CAFile: p.CAFile, Authority: p.Authority.URL, Proxy: "direct"}
	}})
	t.Cleanup(func() { o.Close() })
	return o
}

// A discovery document comes from the authority that was checked, but the secret goes nowhere else and never in clear.
func TestSecretGoesToTheCheckedAuthorityOnlyAndOverHTTPS(t *testing.T) {
	for _, endpoint := range []string{"plain", "elsewhere", "https://login.microsoftonline.com/t/oauth2/v2.0/token"} {
		t.Run(endpoint, func(t *testing.T) {
			p := azuretest.New(t)
			var came atomic.Int64
			steal := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) })
			switch endpoint {
			case "plain":
				s := httptest.NewServer(steal)
				t.Cleanup(s.Close)
				endpoint = s.URL + "/token"
			case "elsewhere":
				s := httptest.NewTLSServer(steal)
				t.Cleanup(s.Close)
				endpoint = s.URL + "/token"
			}
			p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
				if !strings.HasSuffix(r.URL.Path, "/openid-configuration") {
					return false
				}
				base := p.Authority.URL + "/" + azuretest.Tenant
				azuretest.Reply(w, 200, map[string]any{
					"issuer": base + "/v2.0", "authorization_endpoint": base + "/authorize", "token_endpoint": endpoint,
				})
				return true
			})
			_, err := openerFor(t, p).Open(t.Context(), credential(p, azuretest.Secret))
			if err == nil || code.Of(err) == 0 || came.Load() != 0 {
				t.Errorf("Open = %v; %d requests came to %s", err, came.Load(), endpoint)
			}
		})
	}
}

// Redirects carry neither secret nor token away, wherever in the exchange they come.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, at := range []string{"/openid-configuration", "/oauth2/v2.0/token", "/keys", "/keys/k"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			t.Run(fmt.Sprintf("%s %d", at, status), func(t *testing.T) {
				p := azuretest.New(t)
				var came atomic.Int64
				s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
				t.Cleanup(s.Close)
				p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
					if !strings.HasSuffix(r.URL.Path, at) {
						return false
					}
					http.Redirect(w, r, s.URL+"/x", status)
					return true
				})
				v, err := openerFor(t, p).Open(t.Context(), credential(p, azuretest.Secret))
				if err == nil {
					_, err = v.GetKey(t.Context(), "k", "")
				}
				if code.Of(err) == 0 || came.Load() != 0 {
					t.Errorf("error %v, %d requests came", err, came.Load())
				}
			})
		}
	}
}

// An authority that echoes the form that it was sent does not bring the secret into an error, cut or encoded or not.
func TestEchoedSecretsAreTakenOutBeforeTextsAreCut(t *testing.T) {
	const odd = "canary=1&\"quoted\" ünï~canary/+canary"
	for _, pad := range []int{0, 270, 280, 290, 299} {
		p := azuretest.New(t)
		p.SetSecrets()
		p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
				return false
			}
			_ = r.ParseForm()
			plain := r.PostForm.Get("client_secret")
			azuretest.AuthorityError(w, 401, plain, 7000215, strings.Repeat("x", pad)+plain+" "+r.PostForm.Encode())
			return true
		})
		_, err := openerFor(t, p).Open(t.Context(), credential(p, odd))
		if code.Of(err) != code.GetTokenBadCredentials || strings.Contains(err.Error(), "canary") {
			t.Errorf("pad %d: %v", pad, err)
		}
	}
}

// A client secret arrives as it stands after the client id, whatever is in it.
func TestOddSecretsArriveAsTheyAre(t *testing.T) {
	for _, odd := range []string{
		`a=b==`, ` leading and trailing `, `it's "quoted"; --`, `100%41+&x=y#z?`, `ünïcödé-密码-🔑`, `\backslash\n`, `-hyphens--stay-`,
		`<xml>]]>`, `{"json":"x"}`, `${HOME}$(id)`, `pem`, `pfx-`, `p=fx=1`, strings.Repeat("x", 4000),
	} {
		p := azuretest.New(t)
		p.SetSecrets(odd)
		if _, err := openerFor(t, p).Open(t.Context(), credential(p, odd)); err != nil {
			t.Errorf("%q: %v", odd, err)
		}
	}
}

// The authority only says that an ended certificate does not fit; the error says why.
func TestEndedCertificateIsToldAsSuch(t *testing.T) {
	p := azuretest.New(t)
	p.SetHook(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
			return false
		}
		azuretest.AuthorityError(w, 401, "invalid_client", 700027, "Client assertion failed signature validation.")
		return true
	})
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		ends time.Time
		told bool
	}{"ended": {time.Date(2020, 2, 3, 0, 0, 0, 0, time.UTC), true}, "good": {time.Now().Add(time.Hour), false}} {
		c := certPEM(t, key, &key.PublicKey, tc.ends)
		_, err := openerFor(t, p).Open(t.Context(), credential(p, "pem="+c+keyPEM(t, key)))
		if code.Of(err) != code.GetTokenBadCredentials || errors.Is(err, azure.ErrSecretExpired) != tc.told || strings.Contains(err.Error(), "2020-02-03") != tc.told {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func certPEM(t *testing.T, signer crypto.Signer, pub crypto.PublicKey, ends time.Time) string {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "sp"}, NotBefore: ends.Add(-time.Hour), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, pub, signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func keyPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// PEM as people have it: other blocks, text between, a byte order mark, carriage returns, the key first.
func TestPEMAsPeopleHaveIt(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, private := certPEM(t, key, &key.PublicKey, time.Now().Add(time.Hour)), keyPEM(t, key)
	other := "-----BEGIN DH PARAMETERS-----\nMAYCAQcCAQI=\n-----END DH PARAMETERS-----\n"
	for _, tc := range []struct {
		name, text string
		code       code.Code
		says       string
	}{
		{"plain", cert + private, 0, ""},
		{"key first", private + cert, 0, ""},
		{"other blocks and text", "Bag Attributes\n  x: y\n" + other + cert + "subject=/CN=sp\n" + private + other, 0, ""},
		{"carriage returns", strings.ReplaceAll(cert+private, "\n", "\r\n"), 0, ""},
		{"byte order mark", "\xef\xbb\xbf" + private + cert, 0, ""},
		{"a chain before the leaf", certPEM(t, ec, ec.Public(), time.Now().Add(time.Hour)) + cert + private, 0, ""},
		{"encrypted, PKCS #8", cert + "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAYCAQcCAQI=\n-----END ENCRYPTED PRIVATE KEY-----\n", code.PEMCertAuthParamsGetPrivateKey, "encrypted"},
		{"encrypted, the old way", cert + "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMAYCAQcCAQI=\n-----END RSA PRIVATE KEY-----\n", code.PEMCertAuthParamsGetPrivateKey, "encrypted"},
		{"elliptic curve", certPEM(t, ec, ec.Public(), time.Now().Add(time.Hour)) + keyPEM(t, ec), code.PEMCertAuthParamsSignAlg, "elliptic curve"},
		{"two keys", cert + private + keyPEM(t, ec), code.PEMCertAuthParamsGetPrivateKey, "more than one"},
		{"cut off", cert + private[:len(private)-40], code.PEMCertAuthParamsGetPrivateKey, "no private key"},
	} {
		p := azuretest.New(t)
		for _, inline := range []bool{true, false} {
			value := "pem=" + tc.text
			if !inline {
				file := filepath.Join(t.TempDir(), "sp.pem")
				if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
					t.Fatal(err)
				}
				value = "pem-file=" + file
			}
			_, err := openerFor(t, p).Open(t.Context(), credential(p, value))
			if code.Of(err) != tc.code || err != nil && !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s, inline %v: %v", tc.name, inline, err)
			}
		}
	}
}
