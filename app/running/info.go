package running

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Files of a data directory that stand there only while a server runs. SecretsFileName is that of Info.SecretsFile.
const (
	runFile         = "run.json"
	SecretsFileName = "run.secrets.json"
)

// Version is the version of run.json: a reader refuses another one.
const Version = 1

// Info is what DIR/run.json tells about a running server. It holds no secret; those are in the file SecretsFile, mode 0600.
// Scripts may read it: members are added, never renamed.
type Info struct {
	Version     int       `json:"version"`
	PID         int       `json:"pid"`
	Started     time.Time `json:"started"`
	DataDir     string    `json:"dataDir"`
	CAFile      string    `json:"caFile"`      // PEM; what clients must trust
	SecretsFile string    `json:"secretsFile"` // JSON: see Secrets

	Addresses struct {
		Vault string `json:"vault"` // https, all vaults and HSMs by host name
		Entra string `json:"entra"` // https
		Proxy string `json:"proxy"` // http CONNECT
		IMDS  string `json:"imds,omitempty"`
		Arc   string `json:"arc,omitempty"`
		SQL   string `json:"sql,omitempty"` // TDS

		Metrics string `json:"metrics,omitempty"` // http, /metrics
	} `json:"addresses"`

	TenantID      string `json:"tenantId"`
	AuthorityHost string `json:"authorityHost"` // "https://login.microsoftonline.com/"
	VaultName     string `json:"vaultName"`
	VaultURL      string `json:"vaultUrl"`
	HSMURL        string `json:"hsmUrl"`

	// ClientID may do everything with the keys of both; ConnectorClientID what a database server needs: get, wrap, unwrap.
	ClientID          string `json:"clientId"`
	ConnectorClientID string `json:"connectorClientId"`

	// SQLLogin is a sysadmin of the database server; "" without one.
	SQLLogin string `json:"sqlLogin,omitempty"`
}

// Secrets is what DIR/run.secrets.json holds while a server runs.
type Secrets struct {
	ClientSecret          *secret.Bytes
	ConnectorClientSecret *secret.Bytes
	SQLPassword           *secret.Bytes // of Info.SQLLogin; nil without one
}

// secretsJSON is the file's shape; the one place where these secrets are text.
type secretsJSON struct {
	Client    string `json:"clientSecret"`
	Connector string `json:"connectorClientSecret"`
	SQL       string `json:"sqlPassword,omitempty"`
}

// ErrNotRunning means that no server has written its run.json into the directory.
var ErrNotRunning = errors.New("no server is running there")

// Read reads what a running server wrote into dir. ErrNotRunning if there is no file; a server that was
// killed leaves its file behind, which the first failed connection tells.
func Read(f fsys.FS, dir string) (*Info, error) {
	b, err := fsys.ReadFile(f, filepath.Join(dir, runFile), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %q: %w", filepath.Join(dir, runFile), ErrNotRunning)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what runs: %w", err)
	}
	var r Info
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("reading %q: %w", filepath.Join(dir, runFile), err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("reading %q: it has version %d, this program reads %d", filepath.Join(dir, runFile), r.Version, Version)
	}
	return &r, nil
}

// ReadSecrets reads the secrets that belong to r.
func (r *Info) ReadSecrets(f fsys.FS) (*Secrets, error) {
	b, err := fsys.ReadFile(f, r.SecretsFile, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("reading the clients' secrets: %w", err)
	}
	defer secret.Wipe(b)
	var j secretsJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("reading %q: %w", r.SecretsFile, err)
	}
	return &Secrets{
		ClientSecret:          secret.FromString(j.Client),
		ConnectorClientSecret: secret.FromString(j.Connector),
		SQLPassword:           secret.FromString(j.SQL),
	}, nil
}

// Write puts both files, run.json last: who sees it finds everything else in place.
func (r *Info) Write(f fsys.FS, s *Secrets) error {
	b, err := json.MarshalIndent(secretsJSON{
		Client: string(s.ClientSecret.Expose()), Connector: string(s.ConnectorClientSecret.Expose()),
		SQL: string(s.SQLPassword.Expose()),
	}, "", "  ")
	if err != nil {
		return err
	}
	defer secret.Wipe(b)
	if err := fsys.WriteFile(f, r.SecretsFile, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing %q: %w", r.SecretsFile, err)
	}
	b, err = json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := fsys.WriteFile(f, filepath.Join(r.DataDir, runFile), append(b, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing %q: %w", filepath.Join(r.DataDir, runFile), err)
	}
	return nil
}

// Remove removes both files, run.json first. What is not there is no error.
func Remove(f fsys.FS, dir string) error {
	var all []error
	for _, name := range []string{runFile, SecretsFileName} {
		if err := f.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}
