package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"latchkey/ekm"
	"latchkey/engine/catalog/model"
	"latchkey/engine/keystmt/provider"
	"latchkey/engine/sqltype"
	"latchkey/engine/tde"
	"latchkey/internal/fsys"
)

// Registering is how often key stores that keep a list of who needs their keys are told what this server needs. It is told soon after a change of the catalogue, too.
const (
	registerEvery = time.Hour
	registerLease = 24 * time.Hour
	registerBound = 30 * time.Second // of one call
)

// registrationFile holds the server's id in such lists, format 1.
const registrationFile = "registration.json"

type registration struct {
	Format int
	ID     string
}

// registrationID is the server's id in the lists of key stores. A copy of a data folder has the same; the server's name is a part of what it is registered as.
func (e *Engine) registrationID() (string, error) {
	path := filepath.Join(e.cfg.Dir, registrationFile)
	b, err := fsys.ReadFile(e.cfg.FS, path, 4096)
	if errors.Is(err, fs.ErrNotExist) {
		var id [registrationSize]byte
		rand.Read(id[:])
		if b, err = json.Marshal(registration{Format: 1, ID: hex.EncodeToString(id[:])}); err == nil {
			err = fsys.WriteFile(e.cfg.FS, path, append(b, '\n'), 0o600)
		}
	}
	if err != nil {
		return "", err
	}
	id, err := readRegistration(b)
	if err != nil {
		return "", fmt.Errorf("reading %q: %w; remove it for a new one, and forget the old with latchkey key forget", path, err)
	}
	return registeredAs(e.cfg.Name, id), nil
}

// registrationSize is that of the id in bytes, which the file has as hexadecimal digits.
const registrationSize = 8

// readRegistration is the id in a registration file.
func readRegistration(b []byte) (string, error) {
	var r registration
	if err := json.Unmarshal(b, &r); err != nil {
		return "", err
	}
	if r.Format != 1 {
		return "", fmt.Errorf("it has format %d; this program reads format 1", r.Format)
	}
	if id, err := hex.DecodeString(r.ID); err != nil || len(id) != registrationSize {
		return "", fmt.Errorf("its id is not %d hexadecimal digits", 2*registrationSize)
	}
	return r.ID, nil
}

// registeredAs is what a server is called in the lists: for people by its name, as far as an id may have it.
func registeredAs(server, id string) string {
	name := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '/' {
			return '-'
		}
		return r
	}, server)
	return name[:min(len(name), 100)] + "-" + id
}

// need is one thing that needs a key.
type need struct {
	database, kind string
	protector      tde.Protector
}

// needs is what needs keys of providers: files and kept logs, also of databases that are not open, keys of users under a key of a provider, and backups. unknown are databases
// whose keys could not be told.
func (e *Engine) needs(ctx context.Context) (list []need, unknown []string, err error) {
	st := e.catalog.State()
	uris := map[string]string{} // by thumbprint
	for _, k := range st.AsymmetricKeys.All(model.Master) {
		uris[string(k.Thumbprint)] = k.URI
	}
	add := func(database, kind string, p tde.Protector) {
		if p.URI == "" {
			p.URI = uris[string(p.Thumbprint)]
		}
		if p.URI != "" { // a certificate's thumbprint has none
			list = append(list, need{database, kind, p})
		}
	}
	for id, d := range st.Databases.All(0) {
		for _, k := range st.AsymmetricKeys.All(id) {
			if id != model.Master && k.FromProvider() {
				add(d.Name, "asymmetric key", tde.Protector{Thumbprint: ekm.Thumbprint(k.Thumbprint), URI: k.URI})
			}
		}
		for _, k := range st.KeyEncryptions.All(id) {
			if k.Kind == model.ByAsymmetricKey {
				add(d.Name, "symmetric key", tde.Protector{Thumbprint: ekm.Thumbprint(k.Thumbprint)})
			}
		}
		if d.IsSystem() {
			continue
		}
		file, log, err := e.databases.References(ctx, id)
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		if err != nil {
			unknown = append(unknown, d.Name)
			if d.Key != nil {
				file = []tde.Protector{{Thumbprint: ekm.Thumbprint(d.Key.Thumbprint)}}
			}
		}
		for _, p := range file {
			add(d.Name, "database", p)
		}
		for _, p := range log {
			add(d.Name, "kept log", p)
		}
	}
	backups, err := e.backupNeeds(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, b := range backups {
		add(b.database, b.kind, b.protector)
	}
	return list, unknown, nil
}

// startRegistering tells key stores what this server needs until it closes.
func (e *Engine) startRegistering(k *provider.Keys) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(e.claims.ended)
		select {
		case <-e.databases.Started():
			e.registering(ctx, k)
		case <-ctx.Done():
		}
	}()
	e.closing(func(context.Context) error { cancel(); <-done; return nil })
}

func (e *Engine) registering(ctx context.Context, k *provider.Keys) {
	var told *model.State
	var recorded uint64
	var at time.Time
	for {
		now := e.cfg.Clock.Now()
		if st, n := e.catalog.State(), e.recorded.Load(); st != told || n != recorded || now.Sub(at) >= registerEvery {
			told, recorded, at = st, n, now
			if again := e.register(ctx, k, ""); again {
				at = now.Add(time.Minute - registerEvery)
			}
		}
		t := e.cfg.Clock.NewTimer(e.cfg.RegisterWithin)
		select {
		case <-t.C():
		case c := <-e.claims.asked:
			e.register(ctx, k, c.store)
			close(c.done)
		case <-ctx.Done():
		}
		t.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// register tells each key store whose keys the catalogue names, or the one that is named, what is needed, with the first key there that reaches it. Each is told of all keys, with every
// address that is known: the one in a file is that of the day on which the file was written, and a key may have been restored elsewhere since; two of these stores may even be one, if a
// credential was moved. Providers pass on what concerns the store that they reach. again says that it is to be tried again soon.
func (e *Engine) register(ctx context.Context, k *provider.Keys, one string) (again bool) {
	stores := map[string][]ekm.Thumbprint{} // what reaches each
	known := map[ekm.Thumbprint][]string{}  // where master has each key
	for _, a := range e.catalog.State().AsymmetricKeys.All(model.Master) {
		base, t := storeOf(a.URI), ekm.Thumbprint(a.Thumbprint)
		if !a.FromProvider() || base == "" {
			continue
		}
		known[t] = append(known[t], a.URI)
		if one == "" || base == one {
			stores[base] = append(stores[base], t)
		}
	}
	if len(stores) == 0 {
		return false
	}
	id, err := e.registrationID()
	var list []need
	if err == nil {
		list, _, err = e.needs(ctx)
	}
	if ctx.Err() != nil {
		return false
	}
	if err != nil {
		e.log.Warn("what this server needs of key stores cannot be told", "err", err)
		return true
	}
	var needs []ekm.Need
	for _, n := range list {
		uris := append([]string{n.protector.URI}, known[n.protector.Thumbprint]...)
		for i, uri := range uris {
			if !slices.Contains(uris[:i], uri) {
				needs = append(needs, ekm.Need{URI: uri, Thumbprint: n.protector.Thumbprint, Database: n.database, Kind: n.kind})
			}
		}
	}
	for base, ways := range stores {
		r := ekm.Registration{ID: id, Server: e.cfg.Name, Lease: registerLease}
		r.Needs = append(append(r.Needs, needs...), e.claims.pending(base, needs, e.cfg.Clock.Now())...)
		problems, err := e.registerAt(ctx, k, ways, r)
		trouble := strings.Join(problems, "; ")
		switch {
		case ctx.Err() != nil:
			return false
		case errors.Is(err, ekm.ErrNoRegister):
			again = e.claims.unheard(base, one != "") || again
			continue
		case err != nil:
			trouble, again = err.Error(), true
		default:
			e.claims.heard(base, r.Needs)
		}
		if e.claims.news(base, trouble) && trouble != "" {
			e.log.Warn("a key store was told what this server needs, and says or does not answer", "store", base, "problem", trouble)
		}
	}
	return again
}

func (e *Engine) registerAt(ctx context.Context, k *provider.Keys, ways []ekm.Thumbprint, r ekm.Registration) (problems []string, err error) {
	for _, t := range ways {
		call, cancel := context.WithTimeout(ctx, registerBound)
		problems, err = k.Register(call, t, r)
		cancel()
		if err == nil || errors.Is(err, ekm.ErrNoRegister) || ctx.Err() != nil {
			return problems, err
		}
	}
	return nil, err
}

// storeOf is the key store of a key's URI: scheme and host.
func storeOf(uri string) string {
	host, ok := strings.CutPrefix(uri, "https://")
	if !ok {
		return ""
	}
	host, _, _ = strings.Cut(host, "/")
	return "https://" + strings.ToLower(host)
}

// backupNeeds are the backups that msdb knows, with the keys that open what they hold.
func (e *Engine) backupNeeds(ctx context.Context) (list []need, err error) {
	const query = `SELECT s.database_name, k.purpose, k.thumbprint, MAX(k.uri) FROM dbo.latchkey_backupkey AS k JOIN dbo.backupset AS s ON s.backup_set_id = k.backup_set_id
GROUP BY s.database_name, k.purpose, k.thumbprint`
	err = e.own.Query(ctx, "msdb", query, func(row []sqltype.Value) error {
		n := need{database: row[0].Text(), kind: "backup", protector: tde.Protector{Thumbprint: ekm.Thumbprint(row[2].Bytes())}}
		if row[1].Text() == "BACKUP" {
			n.kind = "sealed backup"
		}
		if !row[3].IsNull() {
			n.protector.URI = row[3].Text()
		}
		list = append(list, n)
		return nil
	})
	return list, err
}
