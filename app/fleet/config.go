package fleet

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/microsoft/go-mssqldb/msdsn"

	"latchkey/app/agentd"
	"latchkey/app/alerts"
	"latchkey/app/strict"
	"latchkey/azure/sqlcred"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

// Config is the file of latchkey watch, JSON. Unknown members are errors.
type Config struct {
	State   string         `json:"state"`   // directory of states, activity log and what was told; absolute
	Name    string         `json:"name"`    // of this watcher, in what it tells; "" for the machine's
	Monitor alerts.Monitor `json:"monitor"` // how often, and what confirms a refusal; a window is not used
	Notify  alerts.Config  `json:"notify"`
	Suffix  string         `json:"suffix"` // completes a bare vault name: "vault.azure.net" if ""
	Servers []Server       `json:"servers"`
	Vaults  []Vault        `json:"vaults"`
}

// Server is a SQL Server.
type Server struct {
	Name string `json:"name"`
	// DSN is where it is and who logs in: "sqlserver://user@host:1433?encrypt=strict". A password does not stand in it.
	DSN      string `json:"dsn"`
	Password string `json:"password"` // file:/PATH, env:NAME or credential:NAME
	// Databases are watched; without it all that have a key.
	Databases []string `json:"databases"`
	// NoCanary leaves protectors alone and looks at states only.
	NoCanary bool `json:"noCanary"`
	// SetOnline has a database that is RECOVERY_PENDING opened, by ALTER DATABASE ... SET ONLINE, once its key can be used again.
	SetOnline bool `json:"setOnline"`
	// NoRegister keeps vaults of Latchkey's from being told what the server needs of them.
	NoRegister bool `json:"noRegister"`
}

// Vault is a vault, and the keys that are tried in it.
type Vault struct {
	Name       string   `json:"name"`
	Identity   string   `json:"identity"`   // as a SQL credential's IDENTITY: a vault's name, host or URL, or "Managed Identity" with credential
	Credential string   `json:"credential"` // the credential's own name, which names the vault of a managed identity
	Secret     string   `json:"secret"`     // where its SECRET comes from: file:/PATH, env:NAME or credential:NAME
	Keys       []string `json:"keys"`       // NAME, or NAME/VERSION
	// Settings are as in the agent's file: authority, caFile, proxy, secretExpires, ...
	Settings agentd.Vault `json:"settings"`
}

// maxEntries bounds servers, vaults, and the keys or databases of one.
const maxEntries = 2000

var nameForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Read reads and checks the file at name. Every problem is named, with its line.
func Read(f fsys.FS, name string) (*Config, error) {
	b, err := fsys.ReadFile(f, name, 4<<20)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := Decode(b)
	if err != nil {
		return nil, code.Wrap(code.ConfigInvalid, "reading the configuration", name, err)
	}
	return c, nil
}

// Decode reads and checks a configuration.
func Decode(b []byte) (*Config, error) {
	c := &Config{}
	lines, err := strict.Decode(b, c)
	if err != nil {
		return nil, err
	}
	return c, c.check(lines)
}

func (c *Config) check(lines strict.Lines) error {
	var errs []error
	bad := func(path, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s%w", lines.At(path), fmt.Errorf(format, args...)))
	}
	if !filepath.IsAbs(c.State) {
		bad("state", "it is no absolute path")
	}
	if _, err := c.Monitor.Check(); err != nil {
		bad("monitor", "%w", err)
	}
	for _, p := range c.Notify.Check() {
		bad("notify."+p.Path, "%w", p.Err)
	}
	if len(c.Servers)+len(c.Vaults) == 0 {
		bad("servers", "there is neither a server nor a vault: nothing would be watched")
	}
	if len(c.Servers) > maxEntries || len(c.Vaults) > maxEntries {
		bad("servers", "more than %d servers or vaults", maxEntries)
	}
	names := make(map[string]bool)
	name := func(path, n string) {
		switch {
		case !nameForm.MatchString(n):
			bad(path+".name", "it is not 1 to 64 letters, digits, dots, dashes and underscores")
		case names[strings.ToLower(n)]:
			bad(path+".name", "another server or vault has the name %q", n)
		}
		names[strings.ToLower(n)] = true
	}
	source := func(path, spec string) {
		if spec != "" {
			if err := alerts.CheckSource(spec); err != nil {
				bad(path, "%w", err)
			}
		}
	}
	for n, s := range c.Servers {
		path := fmt.Sprintf("servers[%d]", n)
		name(path, s.Name)
		source(path+".password", s.Password)
		if d, err := msdsn.Parse(s.DSN); err != nil || s.DSN == "" { // the driver's error may repeat the DSN, and so a password
			bad(path+".dsn", "the driver does not read it; sqlserver://user@host:1433")
		} else {
			switch {
			case d.Password != "":
				bad(path+".dsn", "a password stands in it; name where it comes from in password")
			case d.User != "" && s.Password == "":
				bad(path+".password", "it is missing")
			}
		}
		if len(s.Databases) > maxEntries {
			bad(path+".databases", "more than %d", maxEntries)
		}
	}
	for n, v := range c.Vaults {
		path := fmt.Sprintf("vaults[%d]", n)
		name(path, v.Name)
		source(path+".secret", v.Secret)
		if _, err := c.host(v); err != nil {
			bad(path+".identity", "%w", err)
		}
		if len(v.Keys) == 0 || len(v.Keys) > maxEntries {
			bad(path+".keys", "name 1 to %d keys", maxEntries)
		}
		for i, k := range v.Keys {
			if k == "" || strings.Count(k, "/") > 1 {
				bad(fmt.Sprintf("%s.keys[%d]", path, i), "it is not NAME or NAME/VERSION")
			}
		}
	}
	if s, err := c.Settings(); err != nil {
		bad("vaults", "%w", err)
	} else if err := s.Check(); err != nil {
		bad("vaults", "settings: %w", err)
	}
	return errors.Join(errs...)
}

// host is a vault's host, by which the connector finds its settings.
func (c *Config) host(v Vault) (string, error) {
	text := v.Identity
	if strings.EqualFold(text, "Managed Identity") || strings.EqualFold(text, "Workload Identity") {
		text = v.Credential
	}
	t, err := sqlcred.ParseTarget(text, c.Suffix)
	return t.Host, err
}

// Settings are the connector's. Two entries for one vault must have the same.
func (c *Config) Settings() (*agentd.Settings, error) {
	s := &agentd.Settings{Map: filepath.Join(c.State, "keymap"), LogLevel: "error", Suffix: c.Suffix, Vaults: make(map[string]agentd.Vault)}
	for _, v := range c.Vaults {
		host, err := c.host(v)
		if err != nil {
			continue // told elsewhere
		}
		host = strings.ToLower(host)
		if old, ok := s.Vaults[host]; ok && fmt.Sprint(old) != fmt.Sprint(v.Settings) {
			return nil, fmt.Errorf("%q has other settings than another entry for the same vault", v.Name)
		}
		s.Vaults[host] = v.Settings
	}
	return s, nil
}
