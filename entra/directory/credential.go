package directory

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"latchkey/internal/jwks"
	"latchkey/internal/secret"
)

// Secrets.
const (
	MaxSecrets        = 2 // at a time, so that one can be replaced without a gap
	MaxSecretLife     = 2 * 365 * 24 * time.Hour
	DefaultSecretLife = 180 * 24 * time.Hour
	secretPrefix      = "lk1~" // so that scanners find a leaked one, and none begins with "-"
	secretBytes       = 32     // of randomness
	saltBytes         = 16
)

// hashSecret is HMAC-SHA-256 with the salt as key. A slow hash would add nothing: a secret is 256 random bits made here,
// never a word that could be guessed; and it would let strangers spend our time.
func hashSecret(salt, plain []byte) []byte {
	m := hmac.New(sha256.New, salt)
	m.Write(plain)
	return m.Sum(nil)
}

// AddSecret makes a client secret that lives for that long (0 means DefaultSecretLife). The secret is returned this once
// and cannot be had again; the caller destroys it. An application has at most MaxSecrets; expired ones make room.
func (d *Directory) AddSecret(ctx context.Context, clientID, name string, life time.Duration) (Secret, *secret.Bytes, error) {
	const op = "adding a client secret"
	clientID = strings.ToLower(clientID)
	if life == 0 {
		life = DefaultSecretLife
	}
	if life < 0 || life > MaxSecretLife {
		return Secret{}, nil, invalid(op, clientID, "a life of %v: at most %v", life, MaxSecretLife)
	}
	if err := checkName(name); err != nil {
		return Secret{}, nil, invalid(op, clientID, "%w", err)
	}
	random := make([]byte, secretBytes)
	rand.Read(random)
	plain := append([]byte(secretPrefix), make([]byte, base64.RawURLEncoding.EncodedLen(secretBytes))...)
	base64.RawURLEncoding.Encode(plain[len(secretPrefix):], random)
	secret.Wipe(random)
	out := secret.Take(plain)

	now := d.c.Clock.Now().UTC()
	s := Secret{KeyID: uuid.NewString(), Name: name, Created: now, Expires: now.Add(life)}
	h := secretHash{Salt: make([]byte, saltBytes)}
	rand.Read(h.Salt)
	h.Hash = hashSecret(h.Salt, out.Expose())
	err := d.alterApp(ctx, change{op: "SecretAdd", app: clientID, object: s.KeyID}, func(_ *state, app *appState) error {
		if app.Managed || app.Public {
			return conflict(op, clientID, "managed identities and public clients have no credentials")
		}
		for i := 0; len(app.Secrets) >= MaxSecrets; i++ {
			if i == len(app.Secrets) {
				return conflict(op, clientID, "it has %d secrets already; remove one first", MaxSecrets)
			}
			if !now.Before(app.Secrets[i].Expires) {
				app.dropSecret(i)
				i--
			}
		}
		app.Secrets, app.Hashes = append(app.Secrets, s), append(app.Hashes, h)
		return nil
	})
	if err != nil {
		out.Destroy()
		return Secret{}, nil, err
	}
	return s, out, nil
}

func (app *appState) dropSecret(i int) {
	app.Secrets = slices.Delete(app.Secrets, i, i+1)
	app.Hashes = slices.Delete(app.Hashes, i, i+1)
}

// AddCertificate registers the first certificate of a PEM text for client assertions; a private key in the text is
// refused, as it has no business here. RSA of at least 2048 bits, still valid.
func (d *Directory) AddCertificate(ctx context.Context, clientID, name string, text []byte) (Certificate, error) {
	const op = "adding a certificate"
	clientID = strings.ToLower(clientID)
	if err := checkName(name); err != nil {
		return Certificate{}, invalid(op, clientID, "%w", err)
	}
	if len(text) > 64<<10 {
		return Certificate{}, invalid(op, clientID, "the text has %d bytes: at most 65536", len(text))
	}
	var der []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if strings.Contains(block.Type, "PRIVATE KEY") {
			return Certificate{}, invalid(op, clientID, "the text holds a private key, which stays with the application: give the certificate alone")
		}
		if block.Type == "CERTIFICATE" && der == nil {
			der = block.Bytes
		}
	}
	if der == nil {
		return Certificate{}, invalid(op, clientID, "the text holds no PEM certificate")
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return Certificate{}, invalid(op, clientID, "the certificate cannot be read: %w", err)
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 || key.N.BitLen() > 8192 {
		return Certificate{}, invalid(op, clientID, "an RSA key of 2048 to 8192 bits is needed")
	}
	if now := d.c.Clock.Now(); now.After(cert.NotAfter) {
		return Certificate{}, invalid(op, clientID, "the certificate expired at %s", cert.NotAfter.UTC().Format(time.RFC3339))
	}
	sum := sha1.Sum(der) // the name by which clients refer to it; see newKey
	c := Certificate{
		KeyID: uuid.NewString(), Name: name, Thumbprint: strings.ToUpper(hex.EncodeToString(sum[:])),
		NotBefore: cert.NotBefore.UTC(), NotAfter: cert.NotAfter.UTC(), DER: der,
	}
	err = d.alterApp(ctx, change{op: "CertificateAdd", app: clientID, object: c.KeyID}, func(_ *state, app *appState) error {
		switch {
		case app.Managed || app.Public:
			return conflict(op, clientID, "managed identities and public clients have no credentials")
		case len(app.Certificates) >= maxCerts:
			return conflict(op, clientID, "it has %d certificates already", maxCerts)
		case slices.ContainsFunc(app.Certificates, func(o Certificate) bool { return bytes.Equal(o.DER, der) }):
			return conflict(op, clientID, "the certificate is there already")
		}
		app.Certificates = append(app.Certificates, c)
		return nil
	})
	if err != nil {
		return Certificate{}, err
	}
	return c, nil
}

// AddFederated lets tokens of another issuer stand for an application. KeyID is made.
func (d *Directory) AddFederated(ctx context.Context, clientID string, f Federated) (Federated, error) {
	const op = "adding a federated credential"
	clientID = strings.ToLower(clientID)
	f.KeyID = uuid.NewString()
	if f.Audience == "" {
		f.Audience = "api://AzureADTokenExchange"
	}
	for what, u := range map[string]string{"issuer": f.Issuer, "key set address": f.KeysURL} {
		if parsed, err := url.Parse(u); (u != "" || what == "issuer") && (err != nil || parsed.Scheme != "https" || parsed.Host == "" || len(u) > 600) {
			return Federated{}, invalid(op, clientID, "the %s %s is not an https address", what, clipQuote(u))
		}
	}
	if f.Subject == "" || len(f.Subject) > 600 || len(f.Audience) > 600 || checkName(f.Name) != nil {
		return Federated{}, invalid(op, clientID, "a subject is needed; subject and audience have at most 600 bytes")
	}
	if f.Keys != nil {
		if _, err := jwks.Parse(f.Keys); err != nil {
			return Federated{}, invalid(op, clientID, "%w", err)
		}
		if f.KeysURL != "" {
			return Federated{}, invalid(op, clientID, "give the key set or its address, not both")
		}
	}
	err := d.alterApp(ctx, change{op: "FederatedAdd", app: clientID, object: f.KeyID}, func(_ *state, app *appState) error {
		switch {
		case app.Managed || app.Public:
			return conflict(op, clientID, "managed identities and public clients have no credentials")
		case len(app.Federated) >= maxFed:
			return conflict(op, clientID, "it has %d federated credentials already", maxFed)
		case slices.ContainsFunc(app.Federated, func(o Federated) bool {
			return o.Issuer == f.Issuer && o.Subject == f.Subject && o.Audience == f.Audience
		}):
			return conflict(op, clientID, "issuer, subject and audience are there already")
		}
		app.Federated = append(app.Federated, f)
		return nil
	})
	if err != nil {
		return Federated{}, err
	}
	return f, nil
}

// RemoveCredential removes the secret, certificate or federated credential with that key id, at once.
func (d *Directory) RemoveCredential(ctx context.Context, clientID, keyID string) error {
	clientID = strings.ToLower(clientID)
	return d.alterApp(ctx, change{op: "CredentialRemove", app: clientID, object: keyID}, func(_ *state, app *appState) error {
		if i := slices.IndexFunc(app.Secrets, func(s Secret) bool { return s.KeyID == keyID }); i >= 0 {
			app.dropSecret(i)
			return nil
		}
		n := len(app.Certificates) + len(app.Federated)
		app.Certificates = slices.DeleteFunc(app.Certificates, func(c Certificate) bool { return c.KeyID == keyID })
		app.Federated = slices.DeleteFunc(app.Federated, func(f Federated) bool { return f.KeyID == keyID })
		if len(app.Certificates)+len(app.Federated) == n {
			return notFound("removing the credential", keyID)
		}
		return nil
	})
}
