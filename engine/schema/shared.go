package schema

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/lite"
	"latchkey/engine/sqltype/collation"
	"latchkey/internal/clock"
)

// ErrFormat means that a newer program wrote the definitions.
var ErrFormat = errors.New("the database's definitions were written by a newer version")

// Config says which database a Shared is of. The zero value is a user database called "main" under the default collation.
type Config struct {
	Collation collation.Collation
	DB        string      // name in SQLite; "" means "main"
	Temporary bool        // a session's temporary database: object ids are negative, constraint names need not differ
	Clock     clock.Clock // nil means the machine's
}

// Shared is what the connections of one database share: the cache of snapshots and the counters. Make one for each open
// database. It is safe for concurrent use.
type Shared struct {
	cfg Config

	latest atomic.Pointer[Snapshot] // the last of recent, for who finds it current: each call of a procedure looks

	mu       sync.Mutex
	recent   []*Snapshot // latest last, few
	counters map[int]*counter
	runs     map[runKey]*Run
}

// keepSnapshots is how many versions are kept: the committed one and those of transactions that change definitions.
const keepSnapshots = 4

// NewShared makes the shared part of a database.
func NewShared(cfg Config) *Shared {
	if cfg.DB == "" {
		cfg.DB = "main"
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}
	return &Shared{cfg: cfg, counters: map[int]*counter{}, runs: map[runKey]*Run{}}
}

// Snapshot is what the database holds as the connection's transaction sees it. Without a transaction the next statement may see
// more; whoever caches plans compares [Snapshot.Version] in the transaction that runs them.
func (s *Shared) Snapshot(ctx context.Context, c *lite.Conn) (*Snapshot, error) {
	v, err := s.Version(c)
	if err != nil {
		return nil, fmt.Errorf("reading the version of the definitions: %w", err)
	}
	if x := s.cached(v); x != nil {
		return x, nil
	}
	x, err := load(ctx, s, c, v)
	if err != nil {
		return nil, fmt.Errorf("reading the definitions: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent = append(s.recent, x)
	if len(s.recent) > keepSnapshots {
		s.recent = slices.Delete(s.recent, 0, 1)
	}
	s.latest.Store(x)
	return x, nil
}

// cached finds a version and makes it the latest.
func (s *Shared) cached(version int64) *Snapshot {
	if x := s.latest.Load(); x != nil && x.Version == version {
		return x
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.recent) - 1; i >= 0; i-- {
		if x := s.recent[i]; x.Version == version {
			if i != len(s.recent)-1 {
				s.recent = append(slices.Delete(s.recent, i, i+1), x)
				s.latest.Store(x)
			}
			return x
		}
	}
	return nil
}

// Version is the version of the definitions as the connection's transaction sees them: 0 in an empty database, else random.
func (s *Shared) Version(c *lite.Conn) (int64, error) {
	st, err := c.PrepareFresh("SELECT value FROM " + s.own("meta") + " WHERE name='version'")
	if err != nil {
		if missing(err) {
			return 0, nil
		}
		return 0, err
	}
	defer st.Release()
	if st.Step() {
		return st.ColumnInt64(0), nil
	}
	return 0, st.Err()
}

// own is a table of our own, with its database. No user's table can be called so: theirs have a point in their names.
func (s *Shared) own(name string) string { return Quote(s.cfg.DB) + ".latchkey_" + name }

// missing reports that a table does not exist, which says that nothing was ever defined.
func missing(err error) bool {
	return errors.Is(err, sqlite3.ERROR) && strings.Contains(err.Error(), "no such table: ")
}
