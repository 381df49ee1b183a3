package compose

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	"latchkey/app/agentd"
	"latchkey/app/alerts"
	"latchkey/app/strict"
	"latchkey/ekm/code"
	"latchkey/engine/databases"
	"latchkey/engine/server"
	"latchkey/internal/fsys"
)

// EngineConfig is the file of `latchkey engine`, JSON. Unknown members are errors. Data, Listen and TLS are required, in the file or
// by flags.
type EngineConfig struct {
	Data   string   `json:"data"`   // the data folder, absolute
	Listen []string `json:"listen"` // HOST:PORT, at least one
	// ServiceKeyDir is where the service master key lies; "" is service-key in the data folder.
	ServiceKeyDir string `json:"serviceKeyDir"`
	// Name is @@SERVERNAME; "" is the machine's name.
	Name string `json:"name"`
	// TLS is the certificate for clients. OwnNames makes one from an authority of the data folder's own (Data/tls/ca.pem).
	TLS ServeTLS `json:"tls"`
	// AllowPlain lets clients in that do not encrypt everything; the login itself is encrypted wherever the client can.
	AllowPlain bool `json:"allowPlain"`
	// SharedCredentials lets one credential serve several logins (message 33042 otherwise).
	SharedCredentials bool `json:"sharedCredentials"`
	// Provider is the built-in connector.
	Provider EngineProvider `json:"provider"`
	Limits   EngineLimits   `json:"limits"`
	Monitor  EngineMonitor  `json:"monitor"`
	// Notify says who is told of keys: webhooks, syslog, mail, metrics, and how long before something ends.
	Notify alerts.Config `json:"notify"`
}

// EngineMonitor says how the keys of databases are watched.
type EngineMonitor = alerts.Monitor

// EngineProvider are settings of the connector that is built in.
type EngineProvider struct {
	Map           string                  `json:"map"`           // file of the thumbprint map, absolute; "" is keymap in the data folder
	Algorithm     string                  `json:"algorithm"`     // "RSA-OAEP-256" (also ""), "RSA-OAEP", "RSA1_5"
	LocalWrap     bool                    `json:"localWrap"`     // wrap with the public key, without asking the vault
	StrictNames   bool                    `json:"strictNames"`   // keys' names of at most 26 characters, as documented (2049)
	BudgetSeconds int                     `json:"budgetSeconds"` // a call with all its tries: 30 if 0
	LogLevel      string                  `json:"logLevel"`      // of the connector's events: "info", "error" (also ""), "none"
	Suffix        string                  `json:"suffix"`        // completes a bare vault name: "vault.azure.net" if ""
	Vaults        map[string]agentd.Vault `json:"vaults"`        // settings by the vault's host; "*" are those of all others
	// Loader is the path of latchkey-ekm-loader, absolute: with it, FROM FILE loads EKM libraries of this machine, each in a process of its
	// own, and liblatchkey-ekm.so is one, which needs latchkey agent. "" leaves the built-in connector alone. Linux.
	Loader string `json:"loader"`
}

// EngineLimits bounds what clients and databases may take; 0 is the default.
type EngineLimits struct {
	Connections           int   `json:"connections"`           // clients: 2000
	ConnectionsPerAddress int   `json:"connectionsPerAddress"` // no bound of its own
	Pending               int   `json:"pending"`               // not logged in: 256
	PendingPerAddress     int   `json:"pendingPerAddress"`     // 64
	RequestMebibytes      int64 `json:"requestMebibytes"`      // of all requests under way: 512
	DatabaseConnections   int   `json:"databaseConnections"`   // to one database: 64
	CacheMebibytes        int64 `json:"cacheMebibytes"`        // pages of all databases: 512
	TempMebibytes         int64 `json:"tempMebibytes"`         // tempdb and temporary tables: 1024
	// MemoryMebibytes is what the process may have in all before values over 1 MiB are refused (message 701): half of the machine's, at least
	// 1024. One connection at a time may hold values over 8 MiB for each 640 of it. At least 256, with cacheMebibytes below it.
	MemoryMebibytes int64 `json:"memoryMebibytes"`
	SpillMebibytes  int64 `json:"spillMebibytes"` // temporary files of sorts and the like on disk, of all databases (message 1105 beyond): 4096
	ScanMebibytes   int64 `json:"scanMebibytes"`  // of an encryption scan in a second: 16
	Unwraps         int   `json:"unwraps"`        // calls to key stores at once: 8
}

// leastMemory is the least that memoryMebibytes may be: what a server has that does nothing, and some values.
const leastMemory = 256

// ReadEngineConfig reads the file at name, without checking what flags may still fill in.
func ReadEngineConfig(f fsys.FS, name string) (*EngineConfig, error) {
	b, err := fsys.ReadFile(f, name, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	var c EngineConfig
	if _, err := strict.Decode(b, &c); err != nil {
		return nil, code.Wrap(code.ConfigInvalid, "reading the configuration", name, err)
	}
	return &c, nil
}

// Check names everything that is wrong.
func (c *EngineConfig) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !filepath.IsAbs(c.Data) {
		bad("data: %q is no absolute path", c.Data)
	}
	if c.ServiceKeyDir != "" && !filepath.IsAbs(c.ServiceKeyDir) {
		bad("serviceKeyDir: %q is no absolute path", c.ServiceKeyDir)
	}
	errs = append(errs, checkListen("engine", c.Listen)...)
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls: cert and key belong together")
	}
	if (c.TLS.Cert == "") == (len(c.TLS.OwnNames) == 0) {
		bad("tls: give cert and key, or ownNames")
	}
	if c.Provider.Loader != "" && !filepath.IsAbs(c.Provider.Loader) {
		bad("provider: loader: %q is no absolute path", c.Provider.Loader)
	}
	l := c.Limits
	for name, n := range map[string]int64{
		"connections": int64(l.Connections), "connectionsPerAddress": int64(l.ConnectionsPerAddress), "pending": int64(l.Pending),
		"pendingPerAddress": int64(l.PendingPerAddress), "requestMebibytes": l.RequestMebibytes, "databaseConnections": int64(l.DatabaseConnections),
		"cacheMebibytes": l.CacheMebibytes, "tempMebibytes": l.TempMebibytes,
		"memoryMebibytes": l.MemoryMebibytes, "spillMebibytes": l.SpillMebibytes, "scanMebibytes": l.ScanMebibytes, "unwraps": int64(l.Unwraps),
	} {
		if n < 0 || n > 1<<20 {
			bad("limits: %s: %d is not 0 to %d", name, n, 1<<20)
		}
	}
	switch cache := cmp.Or(l.CacheMebibytes, databases.DefaultCacheBytes>>20); {
	case l.MemoryMebibytes <= 0: // the default, or told above
	case l.MemoryMebibytes < leastMemory:
		bad("limits: memoryMebibytes: %d is not 0 or at least %d", l.MemoryMebibytes, leastMemory)
	case l.MemoryMebibytes <= cache:
		bad("limits: memoryMebibytes: %d leaves nothing beside a cacheMebibytes of %d", l.MemoryMebibytes, cache)
	}
	if _, err := c.Monitor.Check(); err != nil {
		bad("monitor: %w", err)
	}
	if err := c.Notify.Err("notify: "); err != nil {
		errs = append(errs, err)
	}
	if err := c.settings().Check(); err != nil {
		bad("provider: %w", err)
	}
	if err := errors.Join(errs...); err != nil {
		return code.Wrap(code.ConfigInvalid, "reading the configuration", "", err)
	}
	return nil
}

// settings are the connector's.
func (c *EngineConfig) settings() *agentd.Settings {
	p := c.Provider
	s := &agentd.Settings{
		Map: p.Map, Algorithm: p.Algorithm, LocalWrap: p.LocalWrap, StrictNames: p.StrictNames, BudgetSeconds: p.BudgetSeconds,
		LogLevel: p.LogLevel, Suffix: p.Suffix, Vaults: p.Vaults,
	}
	if s.Map == "" {
		s.Map = filepath.Join(c.Data, keymapDir)
	}
	if s.LogLevel == "" {
		s.LogLevel = "error"
	}
	return s
}

func (l EngineLimits) server() server.Limits {
	return server.Limits{
		Connections: l.Connections, PerAddress: l.ConnectionsPerAddress, Pending: l.Pending, PendingPerAddress: l.PendingPerAddress,
		Memory: l.RequestMebibytes << 20,
	}
}
