package fleet

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/ops/retire"
	"latchkey/ops/runbook"
)

// How vaults of Latchkey's are told what the servers need of them.
const (
	registerLook  = time.Minute // how often servers are asked whether something changed
	registerEvery = time.Hour   // how often vaults are told though nothing did
	registerLease = 24 * time.Hour
	registerBound = 2 * time.Minute // of one server
)

// notOpen is the kind of need of a database that is not open: which key it has cannot be told, so it may be any that its server knows.
const notOpen = "not open"

// Register tells vaults that keep a list of who needs their keys what the watched servers need of them, until ctx ends: soon after the start, within a minute of a change, and every
// hour. It tells those vaults of the configuration alone. Latchkey's own servers do so by themselves and are left out; so are those with NoRegister.
func (f *Fleet) Register(ctx context.Context) {
	registrar, ok := f.opt.Provider.(ekm.Registrar)
	if !ok || len(f.opt.Config.Vaults) == 0 {
		return
	}
	r := &registering{Fleet: f, registrar: registrar, told: make(map[string]told), trouble: make(map[string]string), uris: make(map[string]string)}
	for {
		for _, s := range f.servers {
			if ctx.Err() == nil && !s.cfg.NoRegister {
				r.server(ctx, s)
			}
		}
		if clock.Sleep(ctx, f.opt.Clock, registerLook) != nil {
			return
		}
	}
}

type registering struct {
	*Fleet
	registrar ekm.Registrar
	told      map[string]told   // by server
	trouble   map[string]string // the last, by server and vault
	uris      map[string]string // of keys, by vault's name and thumbprint
}

// told is what vaults were told of a server.
type told struct {
	needs []retire.Need
	at    time.Time
}

// server tells of one.
func (r *registering) server(ctx context.Context, s *server) {
	ctx, cancel := context.WithTimeout(ctx, registerBound)
	defer cancel()
	name, needs, err := r.needs(ctx, s)
	if err != nil || name == "" {
		r.say(s.cfg.Name, "", err)
		return
	}
	now, last := r.opt.Clock.Now(), r.told[s.cfg.Name]
	if slices.Equal(last.needs, needs) && now.Sub(last.at) < registerEvery {
		return
	}
	whole := true
	hosts := make(map[string]bool)
	for _, v := range r.opt.Config.Vaults {
		if host, err := r.opt.Config.host(v); err != nil || hosts[strings.ToLower(host)] {
			continue // of two entries for one vault the first is as good
		} else {
			hosts[strings.ToLower(host)] = true
		}
		err := r.vault(ctx, v, name, needs)
		if errors.Is(err, ekm.ErrNoRegister) {
			err = nil
		}
		whole = whole && err == nil
		r.say(s.cfg.Name, v.Name, err)
	}
	if whole {
		r.told[s.cfg.Name] = told{needs, now}
	}
}

// say logs what keeps a server from being registered, once.
func (r *registering) say(server, vault string, err error) {
	key, text := server+"\x00"+vault, ""
	if err != nil {
		text = oneLine(err.Error())
	}
	if text != "" && r.trouble[key] != text {
		r.opt.Log.Warn("what a server needs is not registered", "server", server, "vault", vault, "why", text)
	}
	r.trouble[key] = text
}

// needs are those of a server, sorted; no name if it registers by itself.
func (r *registering) needs(ctx context.Context, s *server) (name string, needs []retire.Need, err error) {
	db, err := s.connect()
	if err != nil {
		return "", nil, err
	}
	target := runbook.Server{DB: db}
	if own, err := target.Own(ctx); err != nil || own {
		return "", nil, err
	}
	if err := db.QueryRowContext(ctx, "SELECT ISNULL(CAST(@@SERVERNAME AS nvarchar(256)), '')").Scan(&name); err != nil {
		return "", nil, err
	}
	name = cmp.Or(name, s.cfg.Name)
	protectors, err := target.Protectors(ctx)
	if err != nil {
		return "", nil, err
	}
	known := make(map[string]bool)
	var keys [][]byte
	for _, p := range protectors {
		known[p.Database] = true
		if p.Kind == "ASYMMETRIC KEY" {
			keys = append(keys, p.Thumbprint)
			needs = append(needs, retire.Need{Kind: retire.Database, Name: p.Database, Thumbprint: fmt.Sprintf("0x%X", p.Thumbprint)})
		}
	}
	rows, err := db.QueryContext(ctx, "SELECT thumbprint FROM master.sys.asymmetric_keys WHERE provider_type = 'CRYPTOGRAPHIC PROVIDER'")
	if err != nil {
		return "", nil, err
	}
	if err := each(rows, func() error {
		var t []byte
		err := rows.Scan(&t)
		keys = append(keys, t)
		return err
	}); err != nil {
		return "", nil, err
	}
	if len(keys) == 0 {
		return name, nil, nil
	}
	if rows, err = db.QueryContext(ctx, "SELECT name FROM sys.databases WHERE state <> 0 AND name <> 'tempdb'"); err != nil {
		return "", nil, err
	}
	if err := each(rows, func() error {
		var d string
		err := rows.Scan(&d)
		for _, k := range keys {
			if !known[d] {
				needs = append(needs, retire.Need{Kind: notOpen, Name: d, Thumbprint: fmt.Sprintf("0x%X", k)})
			}
		}
		return err
	}); err != nil {
		return "", nil, err
	}
	data, err := retire.Data(ctx, target, keys...)
	if err != nil {
		if ctx.Err() != nil {
			return "", nil, err
		}
		r.say(s.cfg.Name, "backups", fmt.Errorf("its databases are registered, its backups and users' keys not: %w", err))
	}
	for _, n := range data {
		n.Detail = ""
		needs = append(needs, n)
	}
	slices.SortFunc(needs, func(a, b retire.Need) int {
		return cmp.Or(cmp.Compare(a.Thumbprint, b.Thumbprint), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return name, slices.Compact(needs), nil
}

// each calls f for each row.
func each(rows *sql.Rows, f func() error) error {
	defer rows.Close()
	for rows.Next() {
		if err := f(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// vault tells one vault of a server.
func (r *registering) vault(ctx context.Context, v Vault, name string, needs []retire.Need) error {
	cred, err := r.credential(v)
	if err != nil {
		return err
	}
	defer cred.Secret.Destroy()
	reg := ekm.Registration{ID: registeredAs(name), Server: name, Lease: registerLease}
	s, err := r.opt.Provider.OpenSession(ctx, cred)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close(false) }()
	for _, n := range needs {
		raw, err := hex.DecodeString(strings.TrimPrefix(n.Thumbprint, "0x"))
		if err != nil {
			return err
		}
		uri, err := r.uri(ctx, s, v.Name, ekm.Thumbprint(raw))
		if err != nil {
			return fmt.Errorf("looking for the key %s: %w", n.Thumbprint, err) // with a part of what it needs the rest would look free
		}
		if uri != "" {
			reg.Needs = append(reg.Needs, ekm.Need{URI: uri, Thumbprint: ekm.Thumbprint(raw), Database: n.Name, Kind: n.Kind})
		}
	}
	problems, err := r.registrar.Register(ctx, cred, reg)
	if err == nil && len(problems) > 0 {
		err = errors.New("the vault says: " + strings.Join(problems, "; "))
	}
	return err
}

// uri is that of a key with a thumbprint at a vault; "" if the vault does not have it.
func (r *registering) uri(ctx context.Context, s ekm.Session, vault string, t ekm.Thumbprint) (string, error) {
	key := vault + "\x00" + string(t)
	if uri := r.uris[key]; uri != "" {
		return uri, nil
	}
	info, err := s.KeyByThumbprint(ctx, t)
	if errors.Is(err, code.NotFound) {
		return "", nil
	}
	if err == nil {
		r.uris[key] = info.URI
	}
	return info.URI, err
}

// registeredAs is a server's id in the lists of vaults. What latchkey retire --register tells of it has other ids.
func registeredAs(server string) string {
	id := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '/' {
			return '-'
		}
		return r
	}, server)
	return id[:min(len(id), 100)] + ":watch"
}
