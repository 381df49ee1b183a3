package exec

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/databases"
	"latchkey/engine/exec/applock"
	"latchkey/engine/exec/builtin"
	"latchkey/engine/exec/handler"
	"latchkey/engine/exec/known"
	"latchkey/engine/exec/tran"
	"latchkey/engine/exec/unit"
	"latchkey/engine/fn/def"
	"latchkey/engine/schema/sysview"
	"latchkey/engine/sessions"
	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/clock"
)

// Databases lends connections to the databases of a server; *databases.Manager is one.
type Databases interface {
	tran.Source
	// Use brings a session into a database: messages 911, 916, 922, 923, 924, 926, 927, 942, 945.
	Use(ctx context.Context, s *sessions.Session, caller catalog.Caller, name string) (*model.Database, error)
	// Schema is where what is known of a database's definitions is kept.
	Schema(id int) *databases.Slot
}

// Config says what the sessions of a server share. Catalog, Databases and Sessions are required.
type Config struct {
	Catalog   *catalog.Catalog
	Databases Databases
	Sessions  *sessions.Registry
	// Handlers take the statements that are not the session's own, in this order.
	Handlers []handler.Handler
	// Procedures are system procedures beside those of package sysproc, such as sp_configure.
	Procedures []*handler.Procedure
	// Views are system views beside those of the schema and of the sessions: those of the catalogue.
	Views []*handler.View
	// Keys does the cryptographic functions for a session; nil means that they are refused.
	Keys func(c *handler.Context) def.Keys
	// Properties answers SERVERPROPERTY names that are the composer's to know, before the built-in ones; nil for none.
	Properties func(name string) (string, bool)
	Clock      clock.Clock // nil means the machine's
	Log        *slog.Logger
	// ServerName is @@SERVERNAME and stands in messages.
	ServerName string
	// Version is the build: 16.0.1000.6 by default.
	Version string
	// PlanCache is how many compiled statements are kept; 0 means 4,096.
	PlanCache int
}

// Server is what the sessions of a server share. It is safe for concurrent use.
type Server struct {
	cfg     Config
	trans   atomic.Uint64 // transaction descriptors
	units   *unit.Cache
	modules unit.Modules
	started time.Time
	locks   *applock.Locks                // of sp_getapplock
	procs   map[string]*handler.Procedure // system procedures in Go by lower-case name
	views   map[string]*handler.View
	system  *sysview.System

	known *known.Definitions
}

// New makes a Server.
func New(cfg Config) *Server {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Version == "" {
		cfg.Version = "16.0.1000.6"
	}
	if cfg.PlanCache == 0 {
		cfg.PlanCache = 4096
	}
	s := &Server{cfg: cfg, units: unit.NewCache(cfg.PlanCache, tsql.Limits{}), started: cfg.Clock.Now(), known: &known.Definitions{Catalog: cfg.Catalog, Databases: cfg.Databases, Clock: cfg.Clock}, procs: make(map[string]*handler.Procedure), views: make(map[string]*handler.View)}
	s.locks = applock.New(cfg.Clock)
	for _, p := range slices.Concat(builtin.Procedures(), s.locks.Procedures(), cfg.Procedures) {
		s.procs[strings.ToLower(p.Name)] = p
	}
	for _, v := range append(s.builtinViews(), cfg.Views...) {
		s.views[v.Name] = v
	}
	s.system = s.systemObjects()
	return s
}

// Login says how a session begins.
type Login struct {
	// Session is the session's place among all, made by sessions.Registry.Open for the login; closed by Session.Close.
	Session *sessions.Session
	// Database is what the client asked for, else the login's default database, else master.
	Database string
	// ODBC asks for the ANSI defaults: OptionFlags2 of the login.
	ODBC bool
	// Language of the client's login; "" for us_english.
	Language string
}

// FindObject finds an object by its name in the caller's database, for permissions on it; false if there is none.
func (s *Server) FindObject(ctx context.Context, c catalog.Caller, name ast.ObjectName) (id, owner, schemaID int, ok bool, err error) {
	return s.known.FindObject(ctx, c, name)
}

// FindSchema finds a schema of the caller's database by its name, for permissions on it; false if there is none.
func (s *Server) FindSchema(ctx context.Context, c catalog.Caller, name string) (id, owner int, ok bool, err error) {
	return s.known.FindSchema(ctx, c, name)
}

// procedure finds a system procedure in Go by its name in lower case, nil for none.
func (s *Server) procedure(name string) *handler.Procedure { return s.procs[name] }
