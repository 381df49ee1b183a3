// Package setup is the runbook that brings a SQL Server, ours or a real one, from nothing to databases encrypted with a key of a vault: the documented statements in their order,
// each only if the server does not have it yet.
package setup

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"latchkey/internal/clock"
	"latchkey/ops/runbook"
)

// Options say what to set up. Vault and Key are required.
type Options struct {
	Vault string // IDENTITY of the credential: a vault's name or host
	Key   string // PROVIDER_KEY_NAME: a key's name, perhaps with /version
	// File is the provider's library as the server sees it, at most 256 characters.
	File      string
	Databases []string // to encrypt; none is only the key
	Algorithm string   // of databases' keys; AES_256 by default

	// Names of what is made; usual ones by default.
	Provider, Credential, AsymmetricKey, Login string
}

// DefaultFile is the documented place of the library on Windows; our server takes it as a name for what is built in.
const DefaultFile = `C:\Program Files\SQL Server Connector for Microsoft Azure Key Vault\Microsoft.AzureKeyVaultService.EKM.dll`

// Check fills defaults and says what is wrong.
func (o *Options) Check() error {
	def := func(p *string, v string) {
		if *p == "" {
			*p = v
		}
	}
	def(&o.File, DefaultFile)
	def(&o.Algorithm, "AES_256")
	def(&o.Provider, "AzureKeyVault_EKM")
	name := strings.NewReplacer("/", "_", "-", "_").Replace(o.Key)
	def(&o.Credential, "EKM_"+name+"_credential")
	def(&o.AsymmetricKey, "EKM_"+name)
	def(&o.Login, "EKM_"+name+"_login")
	switch {
	case o.Vault == "":
		return errors.New("the vault is missing")
	case o.Key == "":
		return errors.New("the key's name is missing")
	case len([]rune(o.File)) > 256:
		return errors.New("the library's path is longer than 256 characters")
	}
	switch o.Algorithm = strings.ToUpper(o.Algorithm); o.Algorithm {
	case "AES_128", "AES_192", "AES_256":
		return nil
	}
	return fmt.Errorf("no algorithm %q: AES_128, AES_192 or AES_256", o.Algorithm)
}

// Plan looks at the server and gives the steps, those done already marked. It changes nothing.
func Plan(ctx context.Context, s runbook.Server, o Options) ([]runbook.Step, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := s.Allowed(ctx); err != nil {
		return nil, err
	}
	caller, err := s.Caller(ctx)
	if err != nil {
		return nil, err
	}
	p := &planner{ctx: ctx, s: s, o: o, caller: caller}
	p.option()
	p.provider()
	p.key()
	for _, d := range o.Databases {
		p.database(d)
	}
	return p.steps, p.err
}

type planner struct {
	ctx    context.Context
	s      runbook.Server
	o      Options
	caller string
	steps  []runbook.Step
	err    error
}

func (p *planner) add(s runbook.Step) { p.steps = append(p.steps, s) }

// has asks the server; after an error everything is "no".
func (p *planner) has(query string, args ...any) bool {
	if p.err != nil {
		return false
	}
	ok, err := p.s.Has(p.ctx, query, args...)
	p.err = err
	return ok
}

func (p *planner) option() {
	on, _, err := p.s.Option(p.ctx, "EKM provider enabled")
	if p.err == nil {
		p.err = err
	}
	shown, _, err := p.s.Option(p.ctx, "show advanced options")
	if p.err == nil {
		p.err = err
	}
	undo := "EXEC sp_configure 'EKM provider enabled', 0; RECONFIGURE;"
	hide := ""
	if shown == 0 { // leave it as it was found
		hide = " EXEC sp_configure 'show advanced options', 0; RECONFIGURE;"
	}
	p.add(runbook.Step{
		Title: "allow cryptographic providers", Done: on == 1,
		Statement: "EXEC sp_configure 'show advanced options', 1; RECONFIGURE; EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE;" + hide,
		Undo:      "EXEC sp_configure 'show advanced options', 1; RECONFIGURE; " + undo + hide,
	})
}

func (p *planner) provider() {
	o := p.o
	there := p.has("SELECT COUNT(*) FROM sys.cryptographic_providers WHERE name = @p1", o.Provider)
	p.add(runbook.Step{
		Title: "load the provider " + o.Provider, Done: there,
		Statement: "CREATE CRYPTOGRAPHIC PROVIDER " + runbook.Quote(o.Provider) + " FROM FILE = " + runbook.Plain(o.File) + ";",
		Undo:      "DROP CRYPTOGRAPHIC PROVIDER " + runbook.Quote(o.Provider) + ";",
	})
	if there && p.err == nil {
		p.add(runbook.Step{
			Title: "enable the provider", Done: p.has("SELECT COUNT(*) FROM sys.cryptographic_providers WHERE name = @p1 AND is_enabled = 1", o.Provider),
			Statement: "ALTER CRYPTOGRAPHIC PROVIDER " + runbook.Quote(o.Provider) + " ENABLE;",
		})
	}
}

func (p *planner) key() {
	o := p.o
	p.steps = append(p.steps, KeySteps(p.has, p.caller, Key{
		Provider: o.Provider, Credential: o.Credential, AsymmetricKey: o.AsymmetricKey, Login: o.Login, Vault: o.Vault, Name: o.Key,
	})...)
}

// Key is a key of a vault on a server: its credential, the asymmetric key and the login made from it.
type Key struct{ Provider, Credential, AsymmetricKey, Login, Vault, Name string }

// Named takes the names that a server has for a key already, found by the thumbprint: a server takes no key twice. Names that are set stay. False if the server does not have the key.
func Named(ctx context.Context, s runbook.Server, thumbprint []byte, k *Key) (bool, error) {
	var name string
	var login, credential sql.NullString
	// A login's SID ends in the thumbprint of the key that it was made from.
	err := s.QueryRowContext(ctx, `SELECT TOP (1) a.name, p.name, c.name FROM master.sys.asymmetric_keys AS a
LEFT JOIN sys.server_principals AS p ON p.type = 'K' AND (a.sid = p.sid OR SUBSTRING(p.sid, 13, 32) = a.thumbprint)
LEFT JOIN sys.server_principal_credentials AS m ON m.principal_id = p.principal_id LEFT JOIN sys.credentials AS c ON c.credential_id = m.credential_id
WHERE a.thumbprint = @p1 ORDER BY c.name DESC, p.name DESC`, thumbprint).Scan(&name, &login, &credential)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	k.AsymmetricKey, k.Login, k.Credential = cmp.Or(k.AsymmetricKey, name), cmp.Or(k.Login, login.String), cmp.Or(k.Credential, credential.String)
	return true, nil
}

// KeySteps are the steps that bring a key to a server. has asks the server whether a query counts something. One credential serves one login, so the caller holds it only until the
// key is made.
func KeySteps(has func(query string, args ...any) bool, caller string, k Key) []runbook.Step {
	q := runbook.Quote
	mapped := `SELECT COUNT(*) FROM sys.server_principal_credentials AS m JOIN sys.server_principals AS p ON p.principal_id = m.principal_id
JOIN sys.credentials AS c ON c.credential_id = m.credential_id WHERE p.name = @p1 AND c.name = @p2`
	made := has("SELECT COUNT(*) FROM master.sys.asymmetric_keys WHERE name = @p1", k.AsymmetricKey)
	mine := has(mapped, caller, k.Credential)
	theirs := has(mapped, k.Login, k.Credential)
	give := "ALTER LOGIN " + q(caller) + " ADD CREDENTIAL " + q(k.Credential) + ";"
	take := "ALTER LOGIN " + q(caller) + " DROP CREDENTIAL " + q(k.Credential) + ";"
	return []runbook.Step{
		{
			Title: "make the credential " + k.Credential, Done: has("SELECT COUNT(*) FROM sys.credentials WHERE name = @p1", k.Credential),
			Statement: "CREATE CREDENTIAL " + q(k.Credential) + " WITH IDENTITY = " + runbook.Plain(k.Vault) + ", SECRET = '" + runbook.Placeholder + "' FOR CRYPTOGRAPHIC PROVIDER " + q(k.Provider) + ";",
			Undo:      "DROP CREDENTIAL " + q(k.Credential) + ";",
		},
		{Title: "lend it to " + caller, Done: mine || made, Statement: give, Undo: take},
		{
			Title: "open the key " + k.Name + " as " + k.AsymmetricKey, Done: made,
			Statement: "CREATE ASYMMETRIC KEY " + q(k.AsymmetricKey) + " FROM PROVIDER " + q(k.Provider) + " WITH PROVIDER_KEY_NAME = " + runbook.Plain(k.Name) + ", CREATION_DISPOSITION = OPEN_EXISTING;",
			Undo:      "DROP ASYMMETRIC KEY " + q(k.AsymmetricKey) + ";",
		},
		{
			Title: "make the login " + k.Login + " from the key", Done: has("SELECT COUNT(*) FROM sys.server_principals WHERE name = @p1", k.Login),
			Statement: "CREATE LOGIN " + q(k.Login) + " FROM ASYMMETRIC KEY " + q(k.AsymmetricKey) + ";",
			Undo:      "DROP LOGIN " + q(k.Login) + ";",
		},
		{Title: "take the credential back from " + caller, Done: made && !mine, Statement: take, Undo: give},
		{
			Title: "give it to " + k.Login, Done: theirs,
			Statement: "ALTER LOGIN " + q(k.Login) + " ADD CREDENTIAL " + q(k.Credential) + ";",
			Undo:      "ALTER LOGIN " + q(k.Login) + " DROP CREDENTIAL " + q(k.Credential) + ";",
		},
	}
}

func (p *planner) database(name string) {
	if p.err != nil {
		return
	}
	at, err := p.s.Protector(p.ctx, name)
	if err != nil {
		p.err = err
		return
	}
	thumbprint, err := p.s.KeyThumbprint(p.ctx, p.o.AsymmetricKey)
	if err != nil {
		p.err = err
		return
	}
	if at.State != 0 && (thumbprint == nil || !bytes.Equal(at.Thumbprint, thumbprint)) {
		p.err = fmt.Errorf("database %q is under another key, 0x%X; latchkey rotate changes that", name, at.Thumbprint)
		return
	}
	p.add(runbook.Step{
		Title: "make the key of database " + name, Database: name, Done: at.State != 0,
		Statement: "CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = " + p.o.Algorithm + " ENCRYPTION BY SERVER ASYMMETRIC KEY " + runbook.Quote(p.o.AsymmetricKey) + ";",
		Undo:      "DROP DATABASE ENCRYPTION KEY;",
	})
	p.add(runbook.Step{
		Title: "encrypt database " + name, Done: at.State == 2 || at.State == 3,
		Statement: "ALTER DATABASE " + runbook.Quote(name) + " SET ENCRYPTION ON;",
	})
}

// Verify looks whether everything is as it should be, and waits for encryption to end. progress is told each database's percentage; it may be nil.
func Verify(ctx context.Context, s runbook.Server, o Options, c clock.Clock, progress func(database string, percent float64)) error {
	if err := o.Check(); err != nil {
		return err
	}
	steps, err := Plan(ctx, s, o)
	if err != nil {
		return err
	}
	for _, st := range steps {
		if !st.Done {
			return fmt.Errorf("not there: %s", st.Title)
		}
	}
	thumbprint, err := s.KeyThumbprint(ctx, o.AsymmetricKey)
	if err != nil {
		return err
	}
	for _, d := range o.Databases {
		for {
			p, err := s.Protector(ctx, d)
			if err != nil {
				return err
			}
			if !bytes.Equal(p.Thumbprint, thumbprint) {
				return fmt.Errorf("database %q is under 0x%X, the key is 0x%X", d, p.Thumbprint, thumbprint)
			}
			if p.State == 3 {
				break
			}
			if p.State != 2 {
				return fmt.Errorf("database %q is not being encrypted (state %d)", d, p.State)
			}
			if progress != nil {
				var percent float64
				if err := s.QueryRowContext(ctx, "SELECT percent_complete FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID(@p1)", d).Scan(&percent); err != nil {
					return err
				}
				progress(d, percent)
			}
			if err := clock.Sleep(ctx, c, time.Second); err != nil {
				return err
			}
		}
	}
	return nil
}
