package statement

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"latchkey/engine/backup"
	"latchkey/engine/backup/media"
	"latchkey/engine/catalog"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/tde"
	"latchkey/engine/tsql/ast"
)

// plan is what a BACKUP is to do.
type plan struct {
	db       *model.Database
	target   backup.Target
	header   media.Header
	copyOnly bool
	truncate bool // a log's backup lets the log go
	leave    bool // WITH NORECOVERY: the database is left restoring
	state    func() *model.State
}

func (r *run) backup(s *ast.Backup) error {
	verb := "BACKUP DATABASE"
	if s.Log {
		verb = "BACKUP LOG"
	}
	switch {
	case r.InTransaction():
		return msg.New(3021)
	case len(s.Files) > 0:
		return refuse(verb + " of files and filegroups")
	case len(s.Mirrors) > 0:
		return refuse(verb + " MIRROR TO")
	}
	p, err := r.plan(s, verb)
	if err != nil {
		return err
	}
	began := r.cfg.Clock.Now()
	done, err := r.turn(r.ctx, p.db.ID)
	if err != nil {
		return err
	}
	defer done()
	if p.db = r.Catalog().State().Databases.Get(p.db.ID); p.db == nil { // another backup may have changed it while this one waited
		return msg.New(911, p.header.Database)
	}
	var set media.Set
	if s.Log {
		set, err = r.log(p)
	} else {
		set, err = r.full(p)
	}
	if err != nil {
		return r.failed(p.target.Path, err)
	}
	r.remember(p.target.Path, func(ctx context.Context, first media.Set) error {
		return r.cfg.History.Backup(ctx, p.target.Path, first, set)
	})
	bytes := set.Raw
	logical := p.db.Name
	for _, f := range p.db.Files {
		if f.Log == s.Log {
			logical = f.Name
			break
		}
	}
	r.Info(msg.New(4035, (bytes+8191)/8192, p.db.Name, logical, set.Position))
	r.done(verb, bytes, r.cfg.Clock.Now().Sub(began))
	return nil
}

// plan reads the statement and asks whether the caller may.
func (r *run) plan(s *ast.Backup, verb string) (*plan, error) {
	name, err := r.Text(r.ctx, &s.Database)
	if err != nil {
		return nil, err
	}
	st := r.Catalog().State()
	db := st.FindDatabase(name)
	switch {
	case db == nil:
		return nil, msg.New(911, name)
	case db.ID == model.TempDB:
		return nil, msg.New(3147)
	case db.IsSystem():
		return nil, refuse(verb + " of a system database")
	}
	permission := "BACKUP DATABASE"
	if s.Log {
		permission = "BACKUP LOG"
	}
	if err := r.may(db, permission); err != nil {
		return nil, err
	}
	path, err := r.device(verb, s.To)
	if err == nil {
		err = r.own(path)
	}
	if err != nil {
		return nil, err
	}
	p := &plan{db: db, target: backup.Target{FS: r.cfg.FS, Path: path, Now: r.cfg.Clock.Now}, truncate: true, state: r.Catalog().State}
	if err := r.options(p, s, verb); err != nil {
		return nil, err
	}
	p.describe(r, st)
	return p, nil
}

func (r *run) options(p *plan, s *ast.Backup, verb string) error {
	o := newOptions(s.Options)
	o.ignore("NOSKIP", "NOREWIND", "NOUNLOAD", "NOFORMAT", "NOINIT", "BLOCKSIZE", "BUFFERCOUNT", "MAXTRANSFERSIZE", "STOP_ON_ERROR", "RESTART", "REWIND", "UNLOAD", "NO_CHECKSUM", "NO_COMPRESSION")
	h := &p.header
	p.copyOnly = o.has("COPY_ONLY")
	h.CopyOnly, h.ChecksumWanted = p.copyOnly, o.has("CHECKSUM")
	if c := o.find("COMPRESSION"); c != nil {
		if len(c.Args) > 0 {
			return refuse(verb + " WITH COMPRESSION (ALGORITHM)")
		}
		h.Compressed = true
	}
	p.target.Replace = o.has("INIT")
	format := o.has("FORMAT")
	p.target.Replace = p.target.Replace || format
	skip := o.has("SKIP")
	if s.Log {
		p.leave = o.has("NORECOVERY")
		if o.has("NO_TRUNCATE") || p.copyOnly {
			p.truncate = false
		}
		if p.leave {
			return refuse(verb + " WITH NORECOVERY")
		}
	}
	var err error
	for _, t := range []struct {
		name string
		to   *string
	}{{"NAME", &h.Name}, {"DESCRIPTION", &h.Description}, {"MEDIANAME", &h.MediaName}, {"MEDIADESCRIPTION", &h.MediaText}} {
		if *t.to, err = r.text(o.find(t.name)); err != nil {
			return err
		}
	}
	if days := o.find("RETAINDAYS"); days != nil {
		v, _, err := r.Eval(r.ctx, days.Value)
		if err != nil {
			return err
		}
		h.Expires = r.cfg.Clock.Now().AddDate(0, 0, int(min(max(v.Int(), 0), 99999))).UTC()
	}
	if x := o.find("EXPIREDATE"); x != nil {
		if h.Expires, err = r.time(x); err != nil {
			return err
		}
	}
	every, err := r.every(o)
	if err != nil {
		return err
	}
	p.target.Progress = r.stats(every)
	if e := o.find("ENCRYPTION"); e != nil {
		if p.target.Encrypt, err = r.encryption(e); err != nil {
			return err
		}
	}
	if err := o.rest(verb); err != nil {
		return err
	}
	return r.media(p, format, skip)
}

// own refuses files of the server itself as devices, but for those in its folder of backups.
func (r *run) own(path string) error {
	if r.cfg.Home == "" {
		return nil
	}
	dir := filepath.Dir(path)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	inside := func(folder string) bool {
		if real, err := filepath.EvalSymlinks(folder); err == nil {
			folder = real
		}
		rel, err := filepath.Rel(folder, dir)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
	}
	if inside(r.cfg.Home) && !inside(r.cfg.Folder) {
		return msg.New(3201, path, "5(Access is denied.)")
	}
	return nil
}

// media looks at the file that is there: messages 3095 and 4030's like.
func (r *run) media(p *plan, format, skip bool) error {
	if info, err := r.cfg.FS.Stat(p.target.Path); err != nil || format && info.Size() == 0 {
		return nil // there is none; what else is wrong shows when it is made
	}
	sets, err := r.list(p.target.Path)
	if format && !errors.Is(err, media.ErrNoMedia) {
		return nil // a backup, damaged or not; a file of another kind is not lost to a slip of the pen
	}
	if err != nil {
		return err
	}
	for _, s := range sets {
		if p.target.Replace && !skip && s.Expires.After(r.cfg.Clock.Now()) {
			return msg.New(4030, p.target.Path, s.Expires.Local().Format("Jan _2 2006 3:04:05PM"))
		}
		if (s.Encryption == nil) != (p.target.Encrypt == nil) && !p.target.Replace {
			return msg.New(3095)
		}
	}
	if p.target.Encrypt != nil && len(sets) > 0 && !p.target.Replace {
		return msg.New(3095)
	}
	return nil
}

// encryption is ENCRYPTION (ALGORITHM = ..., SERVER ... = ...).
func (r *run) encryption(o *ast.Option) (*backup.Encrypt, error) {
	e := &backup.Encrypt{Keys: engineKeys{r.cfg.Databases.Keys()}}
	for _, a := range o.Args {
		value, err := r.name(a)
		if err != nil {
			return nil, err
		}
		switch a.Name {
		case "ALGORITHM":
			e.Algorithm = strings.ToUpper(value)
			if !strings.HasPrefix(e.Algorithm, "AES_") {
				return nil, refuse("BACKUP WITH ENCRYPTION ALGORITHM = " + e.Algorithm)
			}
		case "SERVER CERTIFICATE", "SERVER ASYMMETRIC KEY":
			kind := strings.TrimPrefix(a.Name, "SERVER ")
			p, err := r.protector(kind, value)
			if err != nil {
				return nil, err
			}
			e.Protector = p
		default:
			return nil, refuse("BACKUP WITH ENCRYPTION " + a.Name)
		}
	}
	return e, nil
}

// protector is a key or certificate of master by its name: message 15151.
func (r *run) protector(kind, name string) (media.KeyRef, error) {
	st := r.Catalog().State()
	missing := func() (media.KeyRef, error) {
		return media.KeyRef{}, catalog.Missing("find", strings.ToLower(kind), name)
	}
	if kind == database.ByCertificate {
		_, c := st.Certificates.Find(model.Master, func(c *model.Certificate) bool { return model.SameName(c.Name, name) })
		if c == nil {
			return missing()
		}
		if cert, err := x509.ParseCertificate(c.DER); err != nil || r.cfg.Clock.Now().After(cert.NotAfter) {
			return media.KeyRef{}, msg.New(3096).Because(err)
		}
		return media.KeyRef{Thumbprint: certificate(c), Kind: kind}, nil
	}
	_, k := st.AsymmetricKeys.Find(model.Master, func(k *model.AsymmetricKey) bool { return model.SameName(k.Name, name) })
	if k == nil {
		return missing()
	}
	return media.KeyRef{Thumbprint: upper(k.Thumbprint), Kind: kind, URI: k.URI}, nil
}

// describe fills what a set says of its database.
func (p *plan) describe(r *run, st *model.State) {
	h, db := &p.header, p.db
	h.ID, h.Server, h.Software, h.User = newGUID(), r.cfg.Server, r.cfg.Version, r.user()
	h.Database, h.DatabaseID, h.Created = db.Name, hex.EncodeToString(db.GUID[:]), db.Created
	h.Recovery = map[int]string{model.RecoveryFull: "FULL", model.RecoveryBulkLogged: "BULK_LOGGED", model.RecoverySimple: "SIMPLE"}[db.Recovery]
	h.Collation, h.Compatibility = db.Collation, db.Compatibility
	for _, f := range db.Files {
		kind, size := "D", r.cfg.Databases.Size(db.ID)
		if f.Log {
			kind, size = "L", 0
		}
		h.Files = append(h.Files, media.File{Logical: f.Name, Physical: f.Physical, Type: kind, Size: size})
	}
	if k := db.Key; k != nil {
		h.Keys = []media.KeyRef{{Thumbprint: upper(k.Thumbprint), Kind: k.Encryptor, Algorithm: k.Algorithm}}
	}
	h.Started = r.cfg.Clock.Now().UTC()
}

// full is BACKUP DATABASE.
func (r *run) full(p *plan) (set media.Set, err error) {
	chain := p.db.Recovery != model.RecoverySimple && !p.copyOnly
	fresh := false
	err = r.cfg.Databases.Do(r.ctx, p.db.ID, func(db *tde.DB) error {
		if chain && (db.LogEnd() == 0 || p.db.Backup == nil || p.db.Backup.FullLSN == 0) {
			if err := db.KeepLog(r.ctx); err != nil {
				return err
			}
			fresh = true
		}
		snap, err := db.Snapshot(r.ctx)
		if err != nil {
			return err
		}
		defer snap.Close()
		p.header.Started = r.cfg.Clock.Now().UTC() // nothing in it was committed later: STOPAT counts from here
		if u := db.Status().Protector.URI; len(p.header.Keys) > 0 {
			p.header.Keys[0].URI = u
		}
		p.header.FirstLSN = snap.LSN()
		set, err = backup.Full(r.ctx, p.target, p.header, source{snap, p.keys}, snap.LSN())
		return err
	})
	if err != nil || p.copyOnly {
		return set, err
	}
	return set, r.record(p.db.ID, func(b *model.Backup) {
		b.FullAt = set.Finished
		if chain {
			b.FullLSN = set.LastLSN
			if fresh || b.LogLSN == 0 {
				b.LogLSN = set.LastLSN
			}
		}
	})
}

// source is a snapshot that says which keys its boot record names.
type source struct {
	*tde.Snapshot
	keys func([]tde.Protector) []media.KeyRef
}

// Header is the boot record, with the keys that it names now: the protector may have changed while pages were read.
func (s source) Header() ([]byte, []media.KeyRef, error) {
	head, err := s.Snapshot.Header()
	if err != nil {
		return nil, nil, err
	}
	protectors, err := tde.HeaderProtectors(head)
	if err != nil {
		return nil, nil, err
	}
	return head, s.keys(protectors), nil
}

// keys describes protectors.
func (p *plan) keys(list []tde.Protector) (out []media.KeyRef) {
	for _, k := range list {
		ref := media.KeyRef{Thumbprint: upper([]byte(k.Thumbprint)), URI: k.URI, Kind: database.ByCertificate}
		if _, err := database.ProtectorOf(p.state(), database.ByAsymmetricKey, []byte(k.Thumbprint)); k.URI != "" || err == nil {
			ref.Kind = database.ByAsymmetricKey
		}
		if known := p.db.Key; known != nil && upper(known.Thumbprint) == ref.Thumbprint {
			ref.Kind, ref.Algorithm = known.Encryptor, known.Algorithm
		}
		if !slices.ContainsFunc(out, func(have media.KeyRef) bool { return have.Thumbprint == ref.Thumbprint }) {
			out = append(out, ref)
		}
	}
	return out
}

// log is BACKUP LOG.
func (r *run) log(p *plan) (set media.Set, err error) {
	b := p.db.Backup
	switch {
	case p.db.Recovery == model.RecoverySimple:
		return set, msg.New(4208, "BACKUP LOG")
	case b == nil || b.FullLSN == 0:
		return set, msg.New(4214)
	}
	err = r.cfg.Databases.Do(r.ctx, p.db.ID, func(db *tde.DB) error {
		if db.LogEnd() == 0 {
			return msg.New(4214)
		}
		p.header.BackupBase, p.header.Type = b.FullLSN, media.Log
		p.header.FirstLSN = b.LogLSN + 1
		if p.header.Keys, err = p.logKeys(db); err != nil {
			return err
		}
		set, err = backup.Stream(r.ctx, p.target, p.header, func(w io.Writer) (media.End, error) {
			got, err := db.CopyLog(r.ctx, w, b.LogLSN+1)
			if err != nil {
				return media.End{}, err
			}
			keys, err := p.logKeys(db) // those of what was committed meanwhile too
			return media.End{LastLSN: max(got.Last, b.LogLSN), Keys: keys}, err
		})
		if err != nil || !p.truncate {
			return err
		}
		logged := &database.Progress{ID: p.db.ID, Logged: true, Change: func(b *model.Backup) { b.LogLSN = set.LastLSN }}
		if _, err := r.Catalog().Do(r.ctx, owner(), logged); err != nil {
			return err
		}
		return db.TrimLog(set.LastLSN)
	})
	return set, err
}

// logKeys are the keys that the log is written under: of the database's own, and those of parts from before the protector changed.
func (p *plan) logKeys(db *tde.DB) ([]media.KeyRef, error) {
	list, err := db.LogKeys()
	if err != nil {
		return nil, err
	}
	return p.keys(append(db.Protectors(), list...)), nil
}

func (r *run) record(id int, change func(*model.Backup)) error {
	_, err := r.Catalog().Do(r.ctx, owner(), &database.Progress{ID: id, Change: change})
	return err
}

// owner is the server itself.
func owner() catalog.Caller { return catalog.Caller{Login: model.SA, Database: model.Master} }

// time is the value of an option that is a date.
func (r *run) time(o *ast.Option) (time.Time, error) {
	text, err := r.text(o)
	if err != nil {
		return time.Time{}, err
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02", "20060102 15:04:05.999999999", "20060102", "Jan 2, 2006 3:04 PM", "Jan 2, 2006", "01/02/2006 15:04:05", "01/02/2006"} {
		if t, err := time.ParseInLocation(layout, strings.TrimSpace(text), time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, msg.New(241)
}

func upper(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

func newGUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
