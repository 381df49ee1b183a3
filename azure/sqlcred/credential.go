// Package sqlcred reads SQL credentials: IDENTITY and SECRET as the connector takes them. See package azure's comment and
// docs/credentials.md for the syntax. [Parse] owns copies of the secrets in what it returns; [Credential.Destroy] wipes them. It does
// no I/O, but for [Credential.LoadCertificate], which reads through the function that it is given.
//
// Nothing here prints a secret: a Credential's String is the vault and who asks.
package sqlcred

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

// Method is how a credential proves who asks.
type Method uint8

// The methods.
const (
	ClientSecret Method = iota + 1
	Certificate
	ManagedIdentity
	WorkloadIdentity
)

// String is the method's name.
func (m Method) String() string {
	switch m {
	case ClientSecret:
		return "client secret"
	case Certificate:
		return "certificate"
	case ManagedIdentity:
		return "managed identity"
	case WorkloadIdentity:
		return "workload identity"
	default:
		return "no method"
	}
}

// Credential is a SQL credential, read. It prints without its secrets.
type Credential struct {
	Target   Target
	Method   Method
	ClientID string // as a GUID; "" for a system-assigned managed identity, or to be taken from the environment
	Form     string // of a certificate: "pem" or "pfx"
	File     string // of a certificate or a federated token; "" for an inline one
	inline   *secret.Bytes
	password *secret.Bytes // also the client secret
}

// Lengths in bytes of parts of SECRET.
const (
	clientIDLen = 32
	maxSecret   = 64 << 10
)

// The literal identities that take the vault from the credential's name.
const (
	identityManaged  = "Managed Identity"
	identityWorkload = "Workload Identity"
)

// Parse reads a SQL credential; the package comment has the syntax. suffix is as for ParseTarget. The result owns
// copies of the secrets: call Destroy. Errors carry codes 2050 (short secret), 3104 (IDENTITY), 3128 (client id), 3800 (nothing
// after the client id), 3809, 3814, 3815 and 3819 (certificate forms), 6 and 5.
func Parse(c *ekm.Credential, suffix string) (*Credential, error) {
	if c == nil {
		return nil, code.Wrap(code.AuthFailure, "reading the credential", "", errors.New("the session has none"))
	}
	out := &Credential{}
	var err error
	switch {
	case strings.EqualFold(c.Identity, identityManaged):
		out.Method = ManagedIdentity
		if out.Target, err = ParseTarget(c.Name, suffix); err != nil {
			return nil, err
		}
		return out, out.parseAssigned(c)
	case strings.EqualFold(c.Identity, identityWorkload):
		if out.Target, err = ParseTarget(c.Name, suffix); err != nil {
			return nil, err
		}
		if c.Secret.Len() == 0 {
			out.Method = WorkloadIdentity
			return out, nil
		}
	default:
		if out.Target, err = ParseTarget(c.Identity, suffix); err != nil {
			return nil, err
		}
	}
	if err := out.parseSecret(c); err != nil {
		out.Destroy()
		return nil, err
	}
	return out, nil
}

// parseAssigned reads the optional client id of a user-assigned managed identity.
func (c *Credential) parseAssigned(in *ekm.Credential) error {
	id := in.Secret.Expose()
	if len(id) == 0 {
		return nil
	}
	guid, ok := clientGUID(id)
	if !ok || len(id) != clientIDLen {
		return code.Wrap(code.InvalidArgument, "reading the credential", in.Name,
			errors.New("the SECRET of a managed identity is empty, or the identity's client id as 32 hex digits"))
	}
	c.ClientID = guid
	return nil
}

func (c *Credential) parseSecret(in *ekm.Credential) error {
	const op = "reading the credential for"
	s := in.Secret.Expose()
	switch {
	case in.Secret == nil:
		return code.Wrap(code.AuthFailure, op, c.Target.Host, errors.New("the credential has no SECRET"))
	case len(s) < clientIDLen:
		return code.Wrap(code.PasswordTooShort, op, c.Target.Host, fmt.Errorf("SECRET has %d characters, the client id alone takes 32", len(s)))
	case len(s) > maxSecret:
		return code.Wrap(code.InvalidArgument, op, c.Target.Host, fmt.Errorf("SECRET has %d bytes, at most %d are read", len(s), maxSecret))
	}
	guid, ok := clientGUID(s)
	form, rest := splitForm(s, ok)
	if !ok {
		c := code.HTTPBadRequest
		switch form {
		case "pfx", "pfx-file":
			c = code.PFXCertAuthParamsCreateRequestBody
		case "pem", "pem-file":
			c = code.PEMCertAuthParamsCreateRequestBody
		}
		return code.Wrap(c, op, in.Identity, errors.New("SECRET does not begin with the client id as 32 hex digits (without hyphens)"))
	}
	c.ClientID = guid
	if len(s) == clientIDLen {
		return code.Wrap(code.SecretAuthParamsGetRequestBody, op, c.Target.Host, errors.New("SECRET ends after the client id"))
	}
	c.Method = Certificate
	switch form {
	case "pem":
		c.Form, c.inline = "pem", secret.New(rest)
	case "pem-file":
		c.Form, c.File = "pem", string(rest)
	case "pfx", "pfx-file":
		value, password, _ := bytes.Cut(rest, []byte(";password="))
		c.Form, c.password = "pfx", secret.New(password)
		if form == "pfx" {
			c.inline = secret.New(value)
		} else {
			c.File = string(value)
		}
	case "federated-token-file":
		c.Method, c.File = WorkloadIdentity, string(rest)
	default:
		c.Method, c.password = ClientSecret, secret.New(s[clientIDLen:])
		for _, b := range c.password.Expose() {
			if b < ' ' || b == 0x7f {
				return code.Wrap(code.SecretAuthParamsGetRequestBody, op, c.Target.Host, errors.New("the client secret holds a control character, such as a line break"))
			}
		}
	}
	if (form == "pem-file" || form == "pfx-file" || form == "federated-token-file") && (c.File == "" || strings.ContainsRune(c.File, 0)) {
		return code.Wrap(code.InvalidArgument, op, c.Target.Host, fmt.Errorf("SECRET names no file after %q", form+"="))
	}
	return nil
}

// splitForm tells a keyword after the client id from a client secret. Behind a client id that is damaged, a keyword is looked
// for where hyphens in the id would have moved it to, for the error's sake.
func splitForm(s []byte, sound bool) (form string, rest []byte) {
	for _, at := range []int{clientIDLen, clientIDLen + 4} {
		if len(s) < at || sound && at > clientIDLen {
			break
		}
		for _, f := range []string{"pem-file", "pem", "pfx-file", "pfx", "federated-token-file"} {
			if v, ok := bytes.CutPrefix(s[at:], []byte(f+"=")); ok {
				return f, v
			}
		}
	}
	return "", nil
}

// clientGUID turns 32 hex digits into the usual form with hyphens.
func clientGUID(s []byte) (string, bool) {
	var raw [16]byte
	if len(s) < clientIDLen {
		return "", false
	}
	if _, err := hex.Decode(raw[:], s[:clientIDLen]); err != nil {
		return "", false
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[0:4], raw[4:6], raw[6:8], raw[8:10], raw[10:]), true
}

// Who names the identity without secrets, for logs: method and client id.
func (c *Credential) Who() string {
	if c.ClientID == "" {
		return c.Method.String()
	}
	return c.Method.String() + " " + c.ClientID
}

// String is the vault and who asks.
func (c *Credential) String() string { return c.Who() + " at " + c.Target.Host }

// GoString is String.
func (c *Credential) GoString() string { return c.String() }

// SameSecrets compares what a changed SQL credential may have changed, in constant time for equal lengths.
func (c *Credential) SameSecrets(o *Credential) bool {
	return c.Form == o.Form && c.File == o.File && c.inline.Equal(o.inline.Expose()) && c.password.Equal(o.password.Expose())
}

// Clone is an independent copy.
func (c *Credential) Clone() *Credential {
	o := *c
	o.inline, o.password = c.inline.Clone(), c.password.Clone()
	return &o
}

// ClientSecret is the client secret, for the one place that sends it; c owns it.
func (c *Credential) ClientSecret() *secret.Bytes { return c.password }

// Destroy wipes the secrets.
func (c *Credential) Destroy() {
	c.inline.Destroy()
	c.password.Destroy()
}

// ID names the identity at the vault, for caches of tokens. Credentials of one id differ in their secrets at most.
func (c *Credential) ID() string {
	h := sha256.Sum256([]byte(fmt.Sprintf("%d|%s|%s|%s", c.Method, c.ClientID, c.Target.URL, c.federatedFile())))
	return hex.EncodeToString(h[:8])
}

func (c *Credential) federatedFile() string {
	if c.Method == WorkloadIdentity {
		return c.File
	}
	return ""
}

// Scrub replaces secrets of c that stand in s, should a server have echoed them, as they are or as a form encodes them. Scrub before
// cutting s: half a secret is not found.
func (c *Credential) Scrub(s string) string {
	for _, b := range []*secret.Bytes{c.password, c.inline} {
		if b.Len() < 4 {
			continue
		}
		plain := string(b.Expose())
		for _, form := range []string{plain, url.QueryEscape(plain), url.PathEscape(plain)} {
			s = strings.ReplaceAll(s, form, secret.Redacted)
		}
	}
	return s
}
