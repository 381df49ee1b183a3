package agentd

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"latchkey/agent"
	"latchkey/agent/peer"
	"latchkey/app/strict"
	"latchkey/azure"
	"latchkey/connector"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/keywrap"
)

// Settings is the file of `latchkey agent serve`, JSON. Unknown members are errors. Every member has a usable zero value.
// docs/agent.md shows complete files.
type Settings struct {
	// Listen is "unix:/PATH" or "pipe:NAME"; "" is /run/latchkey/agent.sock, or the pipe latchkey-agent. It is not asked where
	// systemd passes a socket. A change needs a restart.
	Listen string `json:"listen"`
	// Allow are the accounts that are served: names or uids, on Windows names or SIDs ("NT SERVICE\\MSSQLSERVER"). The
	// agent's own account, and root, are always.
	Allow []string `json:"allow"`
	// Map is the file of the thumbprint map, absolute, or "registry" on Windows. "": registry, or keymap in the state directory.
	Map string `json:"map"`

	Algorithm       string `json:"algorithm"`       // "RSA-OAEP-256" (also ""), "RSA-OAEP", "RSA1_5"
	LocalWrap       bool   `json:"localWrap"`       // wrap with the public key, without asking the vault
	StrictNames     bool   `json:"strictNames"`     // keys' names of at most 26 characters, as documented (2049)
	ReportSymmetric bool   `json:"reportSymmetric"` // say that symmetric keys are supported, which none are; some registrations want it
	BudgetSeconds   int    `json:"budgetSeconds"`   // a call with all its tries: 30 if 0
	LogLevel        string `json:"logLevel"`        // of the connector's events: "info" (also ""), "error", "none"

	Suffix string `json:"suffix"` // completes a bare vault name: "vault.azure.net" if ""
	// Vaults are settings by the vault's host ("host" or "host:port"); "*" are those of all others.
	Vaults map[string]Vault `json:"vaults"`

	Limits Limits `json:"limits"`
	// StopSeconds is how long calls that run may take once the service is to stop: 10 if 0.
	StopSeconds int `json:"stopSeconds"`
	// EventLog is the source in the Windows Application log: "Latchkey" if "". Elsewhere it is not asked.
	EventLog string `json:"eventLog"`
}

// Vault are settings of one vault.
type Vault struct {
	Authority           string   `json:"authority"`           // the only token authority to trust, "https://HOST[:PORT]"
	CAFile              string   `json:"caFile"`              // PEM; "" for the system's
	Proxy               string   `json:"proxy"`               // URL, "direct", or "" for the environment's
	Addresses           []string `json:"addresses"`           // HOST:PORT to try instead of what the name resolves to
	APIVersion          string   `json:"apiVersion"`          // "7.4" if ""
	ManagedIdentityHost string   `json:"managedIdentityHost"` // replaces http://169.254.169.254
	SecretExpires       string   `json:"secretExpires"`       // when the client secret ends, YYYY-MM-DD, for warnings
	Resolver            string   `json:"resolver"`            // DNS server HOST:PORT
}

// Limits are agent.Limits as a file has them.
type Limits struct {
	Connections  int `json:"connections"`  // 4,096 if 0
	Calls        int `json:"calls"`        // 256 if 0; a change needs a restart
	Mebibytes    int `json:"mebibytes"`    // of frames over 2 KiB: 64 if 0
	GraceSeconds int `json:"graceSeconds"` // until idle connections move to changed settings: 10 if 0
}

// Read reads and checks the file at name. Every problem is named, not the first alone.
func Read(f fsys.FS, name string) (*Settings, error) {
	b, err := fsys.ReadFile(f, name, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("reading the agent's settings: %w", err)
	}
	s, err := decode(b)
	if err != nil {
		return nil, code.Wrap(code.ConfigInvalid, "reading the agent's settings", name, err)
	}
	return s, nil
}

func decode(b []byte) (*Settings, error) {
	var s Settings
	if _, err := strict.Decode(b, &s); err != nil {
		return nil, err
	}
	return &s, s.Check()
}

// Check names everything that is wrong.
func (s *Settings) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if _, err := peer.ParseAddress(s.Listen); err != nil {
		bad("listen: %w", err)
	}
	switch {
	case s.Map == "registry" && runtime.GOOS != "windows":
		bad("map: the registry is Windows'; name a file")
	case s.Map != "" && s.Map != "registry" && !filepath.IsAbs(s.Map):
		bad("map: %q is no absolute path", s.Map)
	}
	switch keywrap.Algorithm(s.Algorithm) {
	case "", keywrap.RSAOAEP256, keywrap.RSAOAEP, keywrap.RSA15:
	default:
		bad("algorithm: %q is not RSA-OAEP-256, RSA-OAEP or RSA1_5", s.Algorithm)
	}
	if _, ok := levels()[s.LogLevel]; !ok {
		bad("logLevel: %q is not info, error or none", s.LogLevel)
	}
	if s.BudgetSeconds < 0 || s.BudgetSeconds > 55 {
		bad("budgetSeconds: %d is not 0 to 55: a library waits a minute at most", s.BudgetSeconds)
	}
	if s.StopSeconds < 0 || s.StopSeconds > 600 {
		bad("stopSeconds: %d is not 0 to 600", s.StopSeconds)
	}
	l := s.Limits
	if l.Connections < 0 || l.Connections > 100_000 || l.Calls < 0 || l.Calls > 10_000 || l.Mebibytes < 0 || l.Mebibytes > 4096 || l.GraceSeconds < 0 || l.GraceSeconds > 3600 {
		bad("limits: connections are 0 to 100000, calls 0 to 10000, mebibytes 0 to 4096, graceSeconds 0 to 3600")
	}
	for host, v := range s.Vaults {
		if host == "" || strings.ContainsAny(host, "/ ") || host != strings.ToLower(host) {
			bad("vaults: %q is no host in lower case", host)
		}
		if _, err := v.settings(); err != nil {
			bad("vaults: %q: %w", host, err)
		}
	}
	return errors.Join(errs...)
}

func (v Vault) settings() (azure.Settings, error) {
	a := azure.Settings{
		Authority: v.Authority, CAFile: v.CAFile, Proxy: v.Proxy, Addresses: v.Addresses, APIVersion: v.APIVersion,
		ManagedIdentityHost: v.ManagedIdentityHost, Resolver: v.Resolver,
	}
	var errs []error
	if v.SecretExpires != "" {
		t, err := time.Parse(time.DateOnly, v.SecretExpires)
		if err != nil {
			errs = append(errs, fmt.Errorf("secretExpires: %q is not YYYY-MM-DD", v.SecretExpires))
		}
		a.SecretExpires = t
	}
	if u, err := url.Parse(v.Authority); v.Authority != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
		errs = append(errs, fmt.Errorf("authority: %q is not https://HOST[:PORT]", v.Authority))
	}
	if v.CAFile != "" && !filepath.IsAbs(v.CAFile) {
		errs = append(errs, fmt.Errorf("caFile: %q is no absolute path", v.CAFile))
	}
	for _, addr := range append([]string{}, v.Addresses...) {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			errs = append(errs, fmt.Errorf("addresses: %q is not HOST:PORT", addr))
		}
	}
	return a, errors.Join(errs...)
}

// vault finds a vault's settings; they have been checked.
func (s *Settings) vault(host string) azure.Settings {
	v, ok := s.Vaults[strings.ToLower(host)]
	if !ok {
		v = s.Vaults["*"]
	}
	a, _ := v.settings()
	return a
}

func levels() map[string]connector.LogLevel {
	return map[string]connector.LogLevel{"": connector.LogInfo, "info": connector.LogInfo, "error": connector.LogError, "none": connector.LogNone}
}

func (s *Settings) symmetric() ekm.Support {
	if s.ReportSymmetric {
		return ekm.Supported
	}
	return 0
}

func (s *Settings) limits() agent.Limits {
	return agent.Limits{
		Connections: s.Limits.Connections, Calls: s.Limits.Calls, Bytes: int64(s.Limits.Mebibytes) << 20,
		Grace: time.Duration(s.Limits.GraceSeconds) * time.Second,
	}
}

// sameService reports whether two settings differ only in what takes effect by itself: vaults' settings and accounts.
func (s *Settings) sameService(o *Settings) bool {
	a, b := *s, *o
	a.Vaults, b.Vaults, a.Allow, b.Allow = nil, nil, nil, nil
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
