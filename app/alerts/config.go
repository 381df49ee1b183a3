package alerts

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"latchkey/app/strict"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/monitor/expiry"
	"latchkey/monitor/notify/syslog"
	"latchkey/monitor/notify/webhook"
)

// Config is the member "notify" of configuration files. Unknown members are errors. The zero value tells nobody; warnings still go to the activity log.
type Config struct {
	// HeartbeatSeconds is how often each sink that wants heartbeats gets one while there is nothing else: 300 if 0, none if -1.
	HeartbeatSeconds int `json:"heartbeatSeconds"`
	// WarnBefore is how long before an end a warning comes: "90d", "12h". Without it 90, 60, 30, 14, 7, 3 and 1 days, 12 hours and 1 hour.
	WarnBefore []string `json:"warnBefore"`
	// OutageSeconds is how long a key store may not answer before that is an event: 300 if 0, never if -1.
	OutageSeconds int `json:"outageSeconds"`
	// Metrics is where Prometheus gets metrics, HOST:PORT, plain HTTP without a login: loopback, or a network where all may read them. "" for none.
	Metrics  string    `json:"metrics"`
	Webhooks []Webhook `json:"webhooks"`
	Syslog   []Syslog  `json:"syslog"`
	Mail     []Mail    `json:"mail"`
}

// Target is what all kinds of sinks have.
type Target struct {
	Name        string   `json:"name"`        // letters, digits, dash, underscore; unique among all sinks: how far it is, is kept under it
	Events      []string `json:"events"`      // names of events; without it all
	NoHeartbeat bool     `json:"noHeartbeat"` // none for this one; mail gets none anyway
}

// Webhook is an HTTPS endpoint.
type Webhook struct {
	Target
	URL string `json:"url"` // https://..., or http:// to this machine
	// URLFrom is the URL where it is a secret itself: file:/PATH, env:NAME or credential:NAME (systemd).
	URLFrom string `json:"urlFrom"`
	// Secrets sign, each one: file:/PATH, env:NAME or credential:NAME; 24 to 64 bytes, or whsec_ and base64. Two while one is being changed.
	Secrets []string `json:"secrets"`
	CAFile  string   `json:"caFile"` // PEM; "" for the system's
	Proxy   string   `json:"proxy"`  // URL, "direct", or "" for the environment's
}

// Syslog is a receiver of RFC 5424.
type Syslog struct {
	Target
	Address  string `json:"address"`  // tls://HOST:6514, tcp://HOST:601, udp://HOST:514, unix:///dev/log
	CAFile   string `json:"caFile"`   // PEM, for tls; "" for the system's
	Facility string `json:"facility"` // "daemon" if ""
}

// Mail is a mail server.
type Mail struct {
	Target
	Server   string   `json:"server"` // HOST:PORT; 465 for TLS from the beginning, else STARTTLS
	From     string   `json:"from"`
	To       []string `json:"to"`
	User     string   `json:"user"`
	Password string   `json:"password"` // file:/PATH, env:NAME or credential:NAME
	CAFile   string   `json:"caFile"`
}

var (
	nameForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	eventForm = regexp.MustCompile(`^[A-Za-z]{1,64}$`)
)

// Problem is one thing that is wrong, with the path of its member below "notify".
type Problem struct {
	Path string
	Err  error
}

// Check names everything that is wrong.
func (c *Config) Check() (out []Problem) {
	bad := func(path, format string, args ...any) { out = append(out, Problem{path, fmt.Errorf(format, args...)}) }
	if c.HeartbeatSeconds < -1 || c.HeartbeatSeconds > 1<<20 {
		bad("heartbeatSeconds", "it is not -1 to %d", 1<<20)
	}
	if c.OutageSeconds < -1 || c.OutageSeconds > 1<<20 {
		bad("outageSeconds", "it is not -1 to %d", 1<<20)
	}
	if _, err := c.stages(); err != nil {
		bad("warnBefore", "%w", err)
	}
	if c.Metrics != "" {
		if _, port, err := net.SplitHostPort(c.Metrics); err != nil || port == "" {
			bad("metrics", "it is not HOST:PORT")
		}
	}
	names := make(map[string]bool)
	target := func(path string, t Target) {
		switch {
		case !nameForm.MatchString(t.Name):
			bad(path+".name", "it is not 1 to 64 letters, digits, dashes and underscores")
		case names[strings.ToLower(t.Name)]:
			bad(path+".name", "another sink has the name %q", t.Name)
		}
		names[strings.ToLower(t.Name)] = true
		for n, e := range t.Events {
			if !eventForm.MatchString(e) {
				bad(fmt.Sprintf("%s.events[%d]", path, n), "it is no event's name; docs/monitor.md lists them")
			}
		}
	}
	source := func(path, spec string) {
		if spec != "" {
			if _, _, err := parseSource(spec); err != nil {
				bad(path, "%w", err)
			}
		}
	}
	file := func(path, name string) {
		if name != "" && !filepath.IsAbs(name) {
			bad(path, "it is no absolute path")
		}
	}
	for n, w := range c.Webhooks {
		path := fmt.Sprintf("webhooks[%d]", n)
		target(path, w.Target)
		switch {
		case (w.URL == "") == (w.URLFrom == ""):
			bad(path, "give url, or urlFrom")
		case w.URL != "":
			if err := webhook.CheckURL(w.URL); err != nil {
				bad(path+".url", "%w", err)
			}
		}
		source(path+".urlFrom", w.URLFrom)
		if len(w.Secrets) > 4 {
			bad(path+".secrets", "more than 4")
		}
		for i, s := range w.Secrets {
			if s == "" {
				bad(fmt.Sprintf("%s.secrets[%d]", path, i), "it is empty")
			}
			source(fmt.Sprintf("%s.secrets[%d]", path, i), s)
		}
		file(path+".caFile", w.CAFile)
	}
	for n, s := range c.Syslog {
		path := fmt.Sprintf("syslog[%d]", n)
		target(path, s.Target)
		if _, err := syslog.New(syslog.Config{Address: s.Address, Facility: s.Facility}); err != nil {
			bad(path, "%w", err)
		}
		file(path+".caFile", s.CAFile)
	}
	for n, m := range c.Mail {
		path := fmt.Sprintf("mail[%d]", n)
		target(path, m.Target)
		if host, port, err := net.SplitHostPort(m.Server); err != nil || host == "" || port == "" {
			bad(path+".server", "it is not HOST:PORT")
		}
		for i, a := range append([]string{m.From}, m.To...) {
			if _, err := mail.ParseAddress(a); err != nil {
				where := path + ".from"
				if i > 0 {
					where = fmt.Sprintf("%s.to[%d]", path, i-1)
				}
				bad(where, "it is no mail address")
			}
		}
		if len(m.To) == 0 {
			bad(path+".to", "nobody is named")
		}
		if (m.User == "") != (m.Password == "") {
			bad(path, "user and password belong together")
		}
		source(path+".password", m.Password)
		file(path+".caFile", m.CAFile)
	}
	return out
}

// Read reads a file that holds a Config alone, and checks it.
func Read(f fsys.FS, name string) (*Config, error) {
	b, err := fsys.ReadFile(f, name, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c := &Config{}
	lines, err := strict.Decode(b, c)
	if err == nil {
		var errs []error
		for _, p := range c.Check() {
			errs = append(errs, fmt.Errorf("%s%w", lines.At(p.Path), p.Err))
		}
		err = errors.Join(errs...)
	}
	if err != nil {
		return nil, code.Wrap(code.ConfigInvalid, "reading the configuration", name, err)
	}
	return c, nil
}

// Err is all problems as one error, for files without lines; prefix stands before each path.
func (c *Config) Err(prefix string) error {
	var errs []error
	for _, p := range c.Check() {
		errs = append(errs, fmt.Errorf("%s%s: %w", prefix, p.Path, p.Err))
	}
	return errors.Join(errs...)
}

// stages are WarnBefore as durations; nil for the default.
func (c *Config) stages() (out []time.Duration, err error) {
	if len(c.WarnBefore) > 50 {
		return nil, errors.New("more than 50")
	}
	for _, s := range c.WarnBefore {
		d, err := parseDays(s)
		if err != nil || d < time.Minute || d > 3650*24*time.Hour {
			return nil, fmt.Errorf("%q is not 1m to 3650d: days as 90d, hours as 12h, minutes as 30m", s)
		}
		out = append(out, d)
	}
	if out == nil {
		out = expiry.DefaultStages()
	}
	return out, nil
}

func parseDays(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if n > 10_000 {
			return 0, errors.New("too long")
		}
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// Loopback reports whether an address is one that this machine alone reaches.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip, perr := netip.ParseAddr(host)
	return err == nil && (host == "localhost" || perr == nil && ip.IsLoopback())
}
