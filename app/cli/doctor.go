package cli

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"latchkey/app/compose"
	"latchkey/connector/keymap"
	"latchkey/doctor"
	"latchkey/ekm"
	"latchkey/internal/secret"
)

// secretVariable is where doctor finds a credential's SECRET when no file is named.
const secretVariable = "LATCHKEY_CREDENTIAL_SECRET"

func doctorCommand() *command {
	var data, format, secretFile, mapFile, addresses, ends string
	var cred ekm.Credential
	var d doctor.Config
	return &command{
		name: "doctor", short: "walk from a SQL credential to an unwrapped key and name the first broken hop",
		long: `Name, DNS, TCP, proxy, TLS, clock, challenge, token, get, wrap, unwrap: each hop with what was seen, and for a broken one the code that SQL
Server would have shown and what to do. It changes nothing in the vault.

--identity is the credential's IDENTITY: a vault's name, host or URL, or "Managed Identity" with --credential. Its SECRET is read from
--secret-file, standard input with "-", or $LATCHKEY_CREDENTIAL_SECRET: the client id as 32 hex digits, directly followed by the client secret or a
certificate (docs/credentials.md). Without --identity it walks as the connector of a running "latchkey up" (--data).`,
		flags: func(f *flag.FlagSet) {
			dataFlag(f, &data)
			f.StringVar(&cred.Identity, "identity", "", "the credential's `IDENTITY`")
			f.StringVar(&cred.Name, "credential", "", "the credential's own `NAME`, which names the vault of a managed identity")
			f.StringVar(&secretFile, "secret-file", "", "`FILE` with the credential's SECRET, - for standard input")
			f.StringVar(&d.Key, "key", "", "`NAME` or NAME/VERSION of the key; without it the walk ends at the token (default ContosoRSAKey0 with --data)")
			f.StringVar(&d.Suffix, "suffix", "", "`DOMAIN` that completes a bare vault name; default the public cloud's")
			f.StringVar(&d.Algorithm, "algorithm", "", "`NAME` of the wrap algorithm (default RSA-OAEP-256)")
			f.StringVar(&d.Settings.Authority, "authority", "", "the only token authority to trust, `https://HOST[:PORT]`; default Entra ID's well-known hosts")
			f.StringVar(&d.Settings.CAFile, "ca-file", "", "`FILE` with the authorities of the certificates, PEM; default the system's")
			f.StringVar(&d.Settings.Proxy, "proxy", "", "`URL` of an HTTP proxy, or direct; default what HTTPS_PROXY says")
			f.StringVar(&ends, "ends", "", "`DATE`, YYYY-MM-DD, at which the client secret ends, if you know: no API tells")
			f.StringVar(&addresses, "address", "", "comma-separated `HOST:PORT` list to try instead of what the name resolves to")
			f.StringVar(&mapFile, "map", "", "`FILE` of the thumbprint map, checked for writing; registry for that of Windows")
			f.DurationVar(&d.Timeout, "timeout", 15*time.Second, "`DURATION` that a hop may take")
			f.StringVar(&format, "format", "text", "`FORMAT` of the output: text or json")
		},
		run: func(ctx context.Context, c *call) error {
			if format != "text" && format != "json" {
				return usagef("--format is text or json, not %q", format)
			}
			d.JSON, d.Clock = format == "json", c.Clock
			d.Env = func(name string) string { v, _ := c.LookupEnv(name); return v }
			if ends != "" {
				at, err := time.Parse(time.DateOnly, ends)
				if err != nil {
					return usagef("--ends is not YYYY-MM-DD")
				}
				d.Settings.SecretExpires = at
			}
			if addresses != "" {
				d.Settings.Addresses = strings.Split(addresses, ",")
			}
			var err error
			if cred.Identity == "" {
				if err = c.connectorCredential(data, &cred, &d); err != nil {
					err = withHint(err, "name a credential: latchkey doctor --identity VAULT --secret-file FILE --key NAME, or start a server: latchkey up")
				}
			} else {
				cred.Secret, err = c.credentialSecret(secretFile)
			}
			if err != nil {
				return err
			}
			defer cred.Secret.Destroy()
			d.Credential = &cred
			if mapFile == "registry" {
				if d.Map, err = systemMap(); err != nil {
					return err
				}
			} else if mapFile != "" {
				name, err := filepath.Abs(mapFile)
				if err != nil {
					return err
				}
				d.Map = keymap.OpenFile(c.FS, name, c.Clock, nil)
			}
			if err := doctor.Run(ctx, d, c.Stdout); err != nil {
				return &quiet{err} // the report has told it, with what to do
			}
			return nil
		},
	}
}

// checkedMap is what doctor asks of a thumbprint map.
type checkedMap interface {
	Check(ctx context.Context) error
	String() string
}

// credentialSecret reads a SECRET; nil where there is none, as with managed identities.
func (c *call) credentialSecret(file string) (*secret.Bytes, error) {
	if file == "" {
		if v, ok := c.LookupEnv(secretVariable); ok && v != "" {
			_ = c.Unsetenv(secretVariable) // it stays readable for this process alone otherwise
			return secret.FromString(v), nil
		}
		return nil, nil
	}
	b, err := c.readInput(file, 64<<10)
	if err != nil {
		return nil, fmt.Errorf("reading the credential's secret: %w", err)
	}
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return secret.Take(b), nil
}

// connectorCredential is that of a running server, as a database server there would have it.
func (c *call) connectorCredential(data string, cred *ekm.Credential, d *doctor.Config) error {
	r, err := c.running(data)
	if err != nil {
		return err
	}
	s, err := r.ReadSecrets(c.FS)
	if err != nil {
		return err
	}
	cred.Identity, cred.Secret = r.VaultName, r.CredentialSecret(s)
	d.Settings.CAFile, d.Settings.Proxy = r.CAFile, "http://"+r.Addresses.Proxy
	if d.Key == "" {
		d.Key = compose.KeyName
	}
	return nil
}
