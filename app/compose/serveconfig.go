package compose

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"latchkey/app/install"
	"latchkey/app/strict"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/vault"
)

// ServeConfig is the file of `latchkey vault serve` and `latchkey entra serve`, JSON. Unknown members are errors. Every member has a usable
// zero value, but for data and the parts that are to run. docs/vault.md shows complete files.
type ServeConfig struct {
	Data string `json:"data"` // the data directory, absolute
	// Seal is where the seal key comes from, as for `latchkey up --seal`; "" as the directory was made with. The development mode is refused unless
	// AllowDevelopmentSeal says that nobody will store a key of worth.
	Seal                 string `json:"seal"`
	AllowDevelopmentSeal bool   `json:"allowDevelopmentSeal"`

	TLS   ServeTLS    `json:"tls"`
	Vault *ServeVault `json:"vault"`
	Entra *ServeEntra `json:"entra"`
}

// ServeTLS says with which certificate to serve. Both files are read again when they change.
type ServeTLS struct {
	Cert string `json:"cert"` // PEM, leaf first
	Key  string `json:"key"`  // PEM; mode 0600
	// OwnNames makes certificates for these names from the directory's own authority (DIR/ca.pem) instead.
	OwnNames []string `json:"ownNames"`
}

// ServeVault is the vault.
type ServeVault struct {
	Listen []string `json:"listen"` // "HOST:PORT", at least one
	// VaultHosts and HSMHosts are the parent domains of vaults ("vault.example.org" for https://NAME.vault.example.org), which is also what tokens
	// must be for: https://vault.example.org, with the port unless it is 443.
	VaultHosts []string `json:"vaultHosts"`
	HSMHosts   []string `json:"hsmHosts"`
	// Authority is the token authority that challenges name, "https://login.microsoftonline.com" if "".
	Authority string `json:"authority"`
	// Issuers are whose tokens are believed, besides the entra part of this file. At least one of the two is needed.
	Issuers  []ServeIssuer `json:"issuers"`
	Throttle string        `json:"throttle"` // "off" (also "") or "real"
	// AcceptNewerVersions takes API versions later than the known ones for the newest.
	AcceptNewerVersions bool `json:"acceptNewerVersions"`
}

// ServeIssuer is a token issuer. EntraTenant alone is enough for Microsoft Entra ID in the public cloud.
type ServeIssuer struct {
	EntraTenant string `json:"entraTenant"` // GUID
	Issuer      string `json:"issuer"`      // the exact iss
	Tenant      string `json:"tenant"`      // GUID: the tid of its tokens, and the vaults' tenant
	MetadataURL string `json:"metadataUrl"` // discovery document; "" means issuer + "/.well-known/openid-configuration"
	KeysURL     string `json:"keysUrl"`     // the key set, instead of discovery
	CAFile      string `json:"caFile"`      // PEM; "" means the system's roots
	// Foreign marks an OpenID Connect issuer other than Entra ID: sub stands for the object id.
	Foreign bool `json:"foreign"`
}

// ServeEntra is the token authority.
type ServeEntra struct {
	Listen []string `json:"listen"`
	Hosts  []string `json:"hosts"` // host[:port] names that clients use
	// Resources are what tokens may be issued for, besides those of Azure's vaults: "https://vault.example.org".
	Resources []string `json:"resources"`
	IMDS      string   `json:"imds"` // address of the managed identity endpoint: loopback or 169.254.169.254; "" for none
	// Arc is the address, loopback only, of the identity endpoint of an Azure Arc machine, "" for none; ArcKeys the directory of its key
	// files, "" where SDKs on Linux want it.
	Arc     string `json:"arc"`
	ArcKeys string `json:"arcKeys"`
}

// ReadServeConfig reads and checks a file. Every problem is named, not the first alone.
func ReadServeConfig(f fsys.FS, name string) (*ServeConfig, error) {
	b, err := fsys.ReadFile(f, name, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	var c ServeConfig
	_, err = strict.Decode(b, &c)
	if err == nil {
		err = c.check()
	}
	if err != nil {
		return nil, code.Wrap(code.ConfigInvalid, "reading the configuration", name, err)
	}
	return &c, nil
}

func (c *ServeConfig) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !filepath.IsAbs(c.Data) {
		bad("data: %q is no absolute path", c.Data)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("tls: cert and key belong together")
	}
	if (c.TLS.Cert == "") == (len(c.TLS.OwnNames) == 0) {
		bad("tls: give cert and key, or ownNames")
	}
	if c.Vault == nil && c.Entra == nil {
		bad("neither vault nor entra: nothing would run")
	}
	if c.Vault != nil {
		errs = append(errs, c.Vault.check(c.Entra != nil)...)
	}
	if c.Entra != nil {
		errs = append(errs, c.Entra.check()...)
	}
	return errors.Join(errs...)
}

func (v *ServeVault) check(own bool) []error {
	errs := checkListen("vault", v.Listen)
	if len(v.VaultHosts)+len(v.HSMHosts) == 0 {
		errs = append(errs, errors.New("vault: vaultHosts or hsmHosts are needed"))
	}
	for _, h := range slices.Concat(v.VaultHosts, v.HSMHosts) {
		if h == "" || strings.ContainsAny(h, ":/* ") {
			errs = append(errs, fmt.Errorf("vault: %q is no domain", h))
		}
	}
	if v.Authority != "" && !strings.HasPrefix(v.Authority, "https://") {
		errs = append(errs, fmt.Errorf("vault: the authority %q is not https", v.Authority))
	}
	if len(v.Issuers) == 0 && !own {
		errs = append(errs, errors.New("vault: without issuers and entra nobody could be let in"))
	}
	for i, is := range v.Issuers {
		switch {
		case is.EntraTenant != "" && (is.Issuer != "" || is.Tenant != "" || is.MetadataURL != "" || is.KeysURL != ""):
			errs = append(errs, fmt.Errorf("vault: issuer %d: entraTenant says everything; leave the other members out", i))
		case is.EntraTenant != "" && uuid.Validate(is.EntraTenant) != nil:
			errs = append(errs, fmt.Errorf("vault: issuer %d: entraTenant %q is no GUID", i, is.EntraTenant))
		case is.EntraTenant == "" && (is.Issuer == "" || uuid.Validate(is.Tenant) != nil):
			errs = append(errs, fmt.Errorf("vault: issuer %d: issuer and tenant (a GUID) are needed, or entraTenant", i))
		}
	}
	if _, err := install.ThrottleProfile(v.Throttle); err != nil {
		errs = append(errs, err)
	}
	return errs
}

func (e *ServeEntra) check() []error {
	errs := checkListen("entra", e.Listen)
	if len(e.Hosts) == 0 {
		errs = append(errs, errors.New("entra: hosts are needed: the names that clients use"))
	}
	if e.IMDS != "" && !strings.HasPrefix(e.IMDS, imdsAddress+":") {
		if err := loopbackOnly("entra imds", e.IMDS); err != nil {
			errs = append(errs, err)
		}
	}
	if e.Arc != "" {
		if err := loopbackOnly("entra arc", e.Arc); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func checkListen(part string, addrs []string) (errs []error) {
	if len(addrs) == 0 {
		errs = append(errs, fmt.Errorf("%s: listen is empty", part))
	}
	for _, a := range addrs {
		if _, _, err := net.SplitHostPort(a); err != nil {
			errs = append(errs, fmt.Errorf("%s: listen: %q is not HOST:PORT", part, a))
		}
	}
	return errs
}

func (v *ServeVault) hosts() vault.Hosts { return vault.Hosts{Vaults: v.VaultHosts, HSMs: v.HSMHosts} }
