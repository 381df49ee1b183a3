package sqlcred

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"latchkey/akv"
	"latchkey/ekm/code"
)

// Suffixes of vault hosts by cloud, for Config.Suffix.
const (
	PublicCloud  = ".vault.azure.net"
	ChinaCloud   = ".vault.azure.cn"
	USGovernment = ".vault.usgovcloudapi.net"
)

// Kind is the kind of vault that a host name tells of.
type Kind uint8

// The kinds.
const (
	Private    Kind = iota // none of Microsoft's host names
	KeyVault               // Azure Key Vault
	ManagedHSM             // Azure Managed HSM
)

// Target is the vault that a credential names.
type Target struct {
	URL  string // "https://host" or "https://host:port", lower case, no slash at the end
	Host string // "host" or "host:port"
	Kind Kind
}

// Hostname is Host without port and brackets.
func (t Target) Hostname() string { return (&url.URL{Host: t.Host}).Hostname() }

// maxIdentity bounds IDENTITY in bytes; a URL of a host name of 253 bytes fits well.
const maxIdentity = 1024

// hostName is a DNS name or an IPv4 address, without a dot at the end.
var hostName = regexp.MustCompile(`^(?i:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.(?i:[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?))*$`)

// ParseTarget reads a vault's name, host, host with port, or https URL. suffix completes a bare name; "" means PublicCloud.
// Errors are code 3104:
// no request can be formed.
func ParseTarget(s, suffix string) (Target, error) {
	bad := func(format string, args ...any) (Target, error) {
		shown := s
		if len(shown) > 80 {
			shown = shown[:80] + "..."
		}
		return Target{}, code.Wrap(code.HTTPOpenRequest, "reading the vault's name", shown, fmt.Errorf(format, args...))
	}
	if suffix == "" {
		suffix = PublicCloud
	}
	if len(s) == 0 || len(s) > maxIdentity {
		return bad("want a vault's name, host or https URL of at most %d bytes, have %d", maxIdentity, len(s))
	}
	rest := s
	if scheme, after, ok := strings.Cut(s, "://"); ok {
		if !strings.EqualFold(scheme, "https") {
			return bad("only https is spoken, not %q", scheme)
		}
		rest = strings.TrimSuffix(after, "/")
	} else if !strings.ContainsAny(s, ".:") {
		if !akv.ValidVaultName(s) {
			return bad("a vault's name has 3 to 24 letters, digits and single hyphens and begins with a letter")
		}
		rest = s + suffix
	}
	u, err := url.Parse("https://" + rest)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" || strings.ContainsAny(rest, "?#@") {
		return bad("want a host, with a port if it is not 443, and nothing else")
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if len(host) > 253 || !hostName.MatchString(host) && net.ParseIP(host) == nil {
		return bad("%q is not a host name", host)
	}
	if strings.HasSuffix(u.Host, ":") {
		return bad("the port is missing after the colon")
	}
	if port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return bad("port %q is not between 1 and 65535", port)
		}
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	t := Target{Host: host, Kind: kindOf(host)}
	if port != "" && port != "443" {
		t.Host, t.Kind = host+":"+port, Private
	}
	t.URL = "https://" + t.Host
	return t, nil
}

func kindOf(host string) Kind {
	for _, cloud := range []string{"azure.net", "azure.cn", "usgovcloudapi.net", "microsoftazure.de"} {
		switch {
		case strings.HasSuffix(host, ".vault."+cloud):
			return KeyVault
		case strings.HasSuffix(host, ".managedhsm."+cloud):
			return ManagedHSM
		}
	}
	return Private
}

// HostPort adds the port of https to a host that has none.
func HostPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host
	}
	return host + ":443"
}
