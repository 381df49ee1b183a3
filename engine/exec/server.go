package exec

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/databases"
	"latchkey/engine/exec/unit"
	"latchkey/engine/fn/def"
	"latchkey/engine/sessions"
	"latchkey/engine/tsql"
	"latchkey/internal/clock"
)

// Databases lends connections to the databases of a server; *databases.Manager is one.
type Databases interface {
	// Lease lends a connection to a database. The error is a message: 911, 922, 926, 927, 942, 945.
	Lease(ctx context.Context, id int) (*databases.Lease, error)
	// Attach keeps a database open under a name that ATTACH takes.
	Attach(ctx context.Context, id int) (*databases.Attached, error)
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
	Handlers []Handler
	// Procedures are system procedures beside those of package sysproc, such as sp_configure.
	Procedures []*Procedure
	// Views are system views beside those of the schema and of the sessions: those of the catalogue.
	Views []*SystemView
	// Keys does the cryptographic functions for a session; nil means that they are refused.
	Keys func(c *Context) def.Keys
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
	procs   map[string]*Procedure // system procedures in Go by lower-case name
	views   map[string]*SystemView

	generations sync.Map // of definitions, by database

	mu sync.Mutex
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
	s := &Server{cfg: cfg, units: unit.NewCache(cfg.PlanCache, tsql.Limits{}), started: cfg.Clock.Now(), procs: make(map[string]*Procedure), views: make(map[string]*SystemView)}
	for _, p := range append(builtinProcedures(), cfg.Procedures...) {
		s.procs[fold(p.Name)] = p
	}
	for _, v := range append(builtinViews(), cfg.Views...) {
		s.views[v.Name] = v
	}
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
