package fleet

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"latchkey/ekm/code"
	"latchkey/monitor"
	"latchkey/monitor/watch"
)

// server is a SQL Server that is watched.
type server struct {
	f   *Fleet
	cfg Server

	mu        sync.Mutex
	db        *sql.DB
	password  string // that db was opened with; a driver wants text
	databases []database
	canary    map[string]string // by thumbprint: why it cannot be tried; "" if it can
}

// database is a database with a key, as its server last told.
type database struct {
	id         int
	name       string
	created    time.Time
	state      int
	stateName  string
	thumbprint string // 0x...
	asymmetric bool
}

// States of sys.databases.
const (
	recoveryPending = 3
	suspect         = 4
)

// failed reports a state that a lost key brings about.
func (d *database) failed() bool { return d.state == recoveryPending || d.state == suspect }

func newServer(f *Fleet, c Server) *server {
	return &server{f: f, cfg: c, canary: make(map[string]string)}
}

func (s *server) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = ""
	if s.db == nil {
		return nil
	}
	return s.db.Close()
}

func (s *server) has(id string) bool {
	return id == serverID+s.cfg.Name || strings.HasPrefix(id, databaseID+s.cfg.Name+"/")
}

func (s *server) subjectID(d *database) string {
	return fmt.Sprintf("%s%s/%d-%d", databaseID, s.cfg.Name, d.id, d.created.Unix())
}

// subjects are the server itself and its databases. Those that are open under one protector share a check.
func (s *server) subjects() []watch.Subject {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []watch.Subject{{ID: serverID + s.cfg.Name, Name: s.cfg.Name, Key: s.cfg.Name, Open: true}}
	for i := range s.databases {
		d := &s.databases[i]
		w := watch.Subject{ID: s.subjectID(d), Name: s.cfg.Name + "/" + d.name, Key: s.cfg.Name + "/" + d.thumbprint, Open: true}
		if d.failed() {
			w.Open, w.Key = false, ""
			w.Failed = monitor.Result{Cause: monitor.NoAnswer, Text: "the database is " + d.stateName}
		}
		out = append(out, w)
	}
	return out
}

// connect opens the pool, anew when the password has changed.
func (s *server) connect() (*sql.DB, error) {
	cfg, err := msdsn.Parse(s.cfg.DSN)
	if err != nil {
		return nil, errors.New("the dsn is not one that the driver reads")
	}
	if s.cfg.Password != "" {
		p, err := s.f.read(s.cfg.Password)
		if err != nil {
			return nil, err
		}
		cfg.Password = string(p.Expose())
		p.Destroy()
	}
	if cfg.AppName == "" || cfg.AppName == "go-mssqldb" {
		cfg.AppName = "latchkey watch"
	}
	cfg.Database = "master" // where protectors are
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db != nil && s.password == cfg.Password {
		return s.db, nil
	}
	if s.db != nil {
		_ = s.db.Close()
	}
	s.db, s.password = sql.OpenDB(mssql.NewConnectorConfig(cfg)), cfg.Password
	s.db.SetMaxOpenConns(2)
	s.db.SetMaxIdleConns(1)
	return s.db, nil
}

// check looks at one subject: the server's list of databases, or a database and its protector.
func (s *server) check(ctx context.Context, w watch.Subject) monitor.Result {
	db, err := s.connect()
	if err == nil {
		err = s.list(ctx, db)
	}
	if err != nil { // whatever it is: the server does not tell of keys
		return monitor.Result{Cause: monitor.NoAnswer, Text: oneLine("the server cannot be asked: " + err.Error())}
	}
	if w.ID == serverID+s.cfg.Name {
		return monitor.Result{}
	}
	s.mu.Lock()
	n := slices.IndexFunc(s.databases, func(d database) bool { return s.subjectID(&d) == w.ID })
	var d database
	if n >= 0 {
		d = s.databases[n]
	}
	s.mu.Unlock()
	if n < 0 {
		return monitor.Result{Cause: monitor.NoAnswer, Text: "the database is gone"}
	}
	tried, err := s.try(ctx, db, &d)
	if err != nil {
		r := resultOf(err)
		if !r.Cause.Refusal() { // a server that says no more than that it failed may have said more elsewhere
			if own, ok := s.own(ctx, db, &d); ok && own.Cause.Refusal() {
				return own
			}
		}
		return r
	}
	own, told := s.own(ctx, db, &d)
	if told && !tried && own.Cause != monitor.Granted {
		return own
	}
	if !d.failed() {
		if !tried && !told {
			return monitor.Result{Text: "the database is open; its key was not tried: " + s.untried(&d)}
		}
		return monitor.Result{}
	}
	if s.cfg.SetOnline {
		_, err = db.ExecContext(ctx, "ALTER DATABASE "+quote(d.name)+" SET ONLINE")
		if err != nil {
			return resultOf(err)
		}
		if err := s.list(ctx, db); err == nil && s.open(w.ID) {
			return monitor.Result{}
		}
	}
	text := "the database is " + d.stateName
	if tried {
		text += ", and its key can be used: latchkey revalidate, or ALTER DATABASE ... SET ONLINE"
	}
	return monitor.Result{Cause: monitor.NoAnswer, Text: text}
}

func (s *server) open(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.databases, func(d database) bool { return s.subjectID(&d) == id && !d.failed() })
}

// list asks for the databases that have a key. A database that is not open has no row of its key on some servers; those that had one before are kept.
func (s *server) list(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, `SELECT d.database_id, d.name, d.create_date, CAST(d.state AS int), d.state_desc, k.encryptor_thumbprint, ISNULL(k.encryptor_type, ''), CAST(d.is_encrypted AS int)
FROM sys.databases AS d LEFT JOIN sys.dm_database_encryption_keys AS k ON k.database_id = d.database_id WHERE d.name <> 'tempdb' ORDER BY d.database_id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	before := make(map[string]database)
	for _, d := range s.databases {
		before[s.subjectID(&d)] = d
	}
	var out []database
	for rows.Next() {
		var d database
		var thumbprint []byte
		var kind string
		var encrypted int
		if err := rows.Scan(&d.id, &d.name, &d.created, &d.state, &d.stateName, &thumbprint, &kind, &encrypted); err != nil {
			return err
		}
		if len(s.cfg.Databases) > 0 && !slices.ContainsFunc(s.cfg.Databases, func(n string) bool { return strings.EqualFold(n, d.name) }) {
			continue
		}
		old := before[s.subjectID(&d)]
		switch {
		case len(thumbprint) > 0:
			d.thumbprint, d.asymmetric = fmt.Sprintf("0x%X", thumbprint), strings.EqualFold(kind, "ASYMMETRIC KEY")
		case old.thumbprint != "":
			d.thumbprint, d.asymmetric = old.thumbprint, old.asymmetric
		case encrypted == 1:
			d.thumbprint = "unknown"
		default:
			continue
		}
		out = append(out, d)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	s.databases = out
	return nil
}

// try uses the protector of a database, if the login may; tried says that it did.
func (s *server) try(ctx context.Context, db *sql.DB, d *database) (tried bool, err error) {
	if s.cfg.NoCanary || !d.asymmetric || d.thumbprint == "unknown" {
		return false, nil
	}
	var name string
	err = db.QueryRowContext(ctx, "SELECT name FROM master.sys.asymmetric_keys WHERE thumbprint = CONVERT(varbinary(32), @p1, 1) AND provider_type = 'CRYPTOGRAPHIC PROVIDER'", d.thumbprint).Scan(&name)
	if errors.Is(err, sql.ErrNoRows) {
		return false, s.cannot(d, "the login sees no asymmetric key with that thumbprint in master")
	}
	if err != nil {
		return false, err
	}
	plain := make([]byte, canaryBytes)
	if _, err := rand.Read(plain); err != nil {
		return false, err
	}
	var got []byte
	err = db.QueryRowContext(ctx, "SELECT DECRYPTBYASYMKEY(ASYMKEY_ID(@p1), ENCRYPTBYASYMKEY(ASYMKEY_ID(@p1), CONVERT(varbinary(64), @p2)))", name, plain).Scan(&got)
	if err != nil {
		if e, ok := errors.AsType[mssql.Error](err); ok && !hasProviderCode(e) && (e.Number == 33046 || e.Number == 15151 || e.Number == 229 || e.Number == 15247) {
			return false, s.cannot(d, e.Message) // the login's own lack: of a credential, of a permission
		}
		return true, err
	}
	if got == nil {
		return false, s.cannot(d, "ENCRYPTBYASYMKEY and DECRYPTBYASYMKEY gave NULL: the login may not use the key, or the server does not let it")
	}
	if !bytes.Equal(got, plain) {
		return true, errors.New("the server gave back other bytes than it was given to encrypt")
	}
	return true, nil
}

// own is what Latchkey's database server says of a key itself; false from other servers, and where the login may not see it.
func (s *server) own(ctx context.Context, db *sql.DB, d *database) (r monitor.Result, ok bool) {
	var name, text sql.NullString
	var number int32
	err := db.QueryRowContext(ctx, "SELECT cause, cause_message, provider_code FROM sys.latchkey_key_access WHERE database_id = @p1", d.id).Scan(&name, &text, &number)
	if err != nil {
		return r, false
	}
	for c := monitor.Granted; c <= monitor.MissingPermissions; c++ {
		if c.Name() == name.String {
			return monitor.Result{Cause: c, Code: number, Text: text.String}, true
		}
	}
	return r, false
}

// cannot notes, once, that a protector cannot be tried: states alone are looked at then.
func (s *server) cannot(d *database, why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.canary[d.thumbprint] != why {
		s.canary[d.thumbprint] = why
		s.f.opt.Log.Warn("a key cannot be tried; its databases' states are looked at alone", "server", s.cfg.Name, "protector", d.thumbprint, "why", oneLine(why))
	}
	return nil
}

// untried says why try did not.
func (s *server) untried(d *database) string {
	switch {
	case s.cfg.NoCanary:
		return "noCanary is set"
	case d.thumbprint == "unknown":
		return "the server does not tell what its protector is"
	case !d.asymmetric:
		return "its protector is a certificate"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return oneLine(s.canary[d.thumbprint])
}

var providerCode = regexp.MustCompile(`(?i)provider error code: *([0-9]{1,7})\b`)

func hasProviderCode(e mssql.Error) bool {
	for _, m := range append([]mssql.Error{e}, e.All...) {
		if providerCode.MatchString(m.Message) {
			return true
		}
	}
	return false
}

// resultOf reads a server's messages: the codes in them say what the key store said.
func resultOf(err error) monitor.Result {
	e, ok := errors.AsType[mssql.Error](err)
	if !ok {
		return monitor.Of(err)
	}
	all := e.All
	if len(all) == 0 {
		all = []mssql.Error{e}
	}
	var codes []error
	var text []string
	for _, m := range all {
		for _, found := range providerCode.FindAllStringSubmatch(m.Message, -1) {
			if n, nerr := strconv.Atoi(found[1]); nerr == nil && n < 1<<24 {
				codes = append([]error{code.In(code.Provider, n)}, codes...)
			}
		}
		codes = append(codes, code.Msg(int(m.Number)))
		text = append(text, fmt.Sprintf("Msg %d: %s", m.Number, m.Message))
	}
	r := monitor.Of(errors.Join(codes...))
	r.Text = oneLine(strings.Join(text, " "))
	return r
}

const maxText = 500

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "..."
	}
	return s
}

func quote(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" }
