package schema

import (
	"fmt"
	"math"
	"sync"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/lite"
	"latchkey/engine/sqltype"
)

// counter is an identity column's or sequence's last value. It lives outside of transactions, so that a value that was given is not given
// again after a rollback; what is stored commits with the rows that use it.
type counter struct {
	sync.Mutex
	used bool // a value was given or set; else the next one is the seed
	last int64
}

// rowVersionID is the id of the counter of row versions among those of objects.
const rowVersionID = 0

func (s *Shared) counter(id int) *counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.counters[id]
	if k == nil {
		k = &counter{}
		s.counters[id] = k
	}
	return k
}

// load takes in what is stored, as the connection's transaction sees it. What is further counts: values that were given in a
// transaction that was rolled back are in memory alone, and a value that was reset in one that was rolled back is in store again.
func (k *counter) load(s *Shared, c *lite.Conn, id int, up bool) error {
	st, err := c.PrepareFresh("SELECT value, used FROM " + s.own("counter") + " WHERE id=?1")
	if err != nil {
		if missing(err) {
			return nil
		}
		return err
	}
	defer st.Release()
	if err := st.BindInt64(1, int64(id)); err != nil {
		return err
	}
	if st.Step() {
		last, used := st.ColumnInt64(0), st.ColumnBool(1)
		if used && (!k.used || up && last > k.last || !up && last < k.last) {
			k.last, k.used = last, true
		}
	}
	return st.Err()
}

// forget drops what is remembered of an id: it may have been given in a transaction that was rolled back.
func (s *Shared) forget(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.counters, id)
}

// IdentityRange allocates n identity values of a table and gives the first; the others follow in steps of the increment. The
// values are gone whatever becomes of the transaction. The error is message 8115. [Shared.StoreIdentity] has to follow in the
// same transaction.
func (s *Shared) IdentityRange(c *lite.Conn, t *Table, n int64) (first int64, err error) {
	return s.identityRange(c, t, n, true)
}

// NextIdentity is IdentityRange of one value for a statement that had one already.
func (s *Shared) NextIdentity(c *lite.Conn, t *Table) (int64, error) {
	return s.identityRange(c, t, 1, false)
}

func (s *Shared) identityRange(c *lite.Conn, t *Table, n int64, load bool) (first int64, err error) {
	col := t.Identity()
	if col == nil {
		return 0, fmt.Errorf("table %q has no identity column", t.Name)
	}
	k := s.counter(t.ID)
	k.Lock()
	defer k.Unlock()
	if load {
		err = k.load(s, c, t.ID, col.Identity.Increment > 0)
	}
	if err != nil {
		return 0, err
	}
	first = col.Identity.Seed
	if k.used {
		var ok bool
		if first, ok = add(k.last, col.Identity.Increment, 1); !ok {
			return 0, identityOverflow(col)
		}
	}
	last, ok := add(first, col.Identity.Increment, n-1)
	if !ok || !fits(col.Type, first) || !fits(col.Type, last) {
		return 0, identityOverflow(col)
	}
	k.last, k.used = last, true
	return first, nil
}

func identityOverflow(c *Column) error {
	e := sqltype.NewError(8115, "IDENTITY", c.Type.Kind)
	e.State = 1
	return e
}

// add is a + step*n, false on overflow.
func add(a, step, n int64) (int64, bool) {
	if step != 0 && n != 0 {
		p := step * n
		if p/n != step {
			return 0, false
		}
		step = p
	} else {
		step = 0
	}
	r := a + step
	return r, (r > a) == (step > 0)
}

// fits reports whether an identity value goes into its column.
func fits(t sqltype.Type, n int64) bool {
	if t.Kind == sqltype.Decimal {
		if t.Precision >= 19 {
			return true
		}
		p := int64(math.Pow10(int(t.Precision) - int(t.Scale)))
		return n > -p && n < p
	}
	lo, hi := sqltype.IntRange(t.Kind)
	return n >= lo && n <= hi
}

// SawIdentity notes a value that a statement gave itself under SET IDENTITY_INSERT: the next one is beyond it.
func (s *Shared) SawIdentity(c *lite.Conn, t *Table, v int64) error {
	col := t.Identity()
	k := s.counter(t.ID)
	k.Lock()
	defer k.Unlock()
	if err := k.load(s, c, t.ID, col.Identity.Increment > 0); err != nil {
		return err
	}
	up := col.Identity.Increment > 0
	if !k.used && (up && v >= col.Identity.Seed || !up && v <= col.Identity.Seed) || k.used && (up && v > k.last || !up && v < k.last) {
		k.last, k.used = v, true
	}
	return nil
}

// StoreIdentity writes the last value of a table's identity in the connection's transaction.
func (s *Shared) StoreIdentity(c *lite.Conn, t *Table) error {
	k := s.counter(t.ID)
	k.Lock()
	last, used := k.last, k.used
	k.Unlock()
	return s.store(c, t.ID, last, used)
}

func (s *Shared) store(c *lite.Conn, id int, last int64, used bool) error {
	var u int64
	if used {
		u = 1
	}
	return run(c, "INSERT INTO "+s.own("counter")+"(id, value, used) VALUES(?1, ?2, ?3) ON CONFLICT(id) DO UPDATE SET value=?2, used=?3", int64(id), last, u)
}

// Identity is the last value that a table's identity gave, false if it gave none yet: IDENT_CURRENT.
func (s *Shared) Identity(c *lite.Conn, t *Table) (int64, bool, error) {
	col := t.Identity()
	if col == nil {
		return 0, false, nil
	}
	k := s.counter(t.ID)
	k.Lock()
	defer k.Unlock()
	err := k.load(s, c, t.ID, col.Identity.Increment > 0)
	return k.last, k.used, err
}

// Reseed sets a table's identity as DBCC CHECKIDENT (t, RESEED, v) does: the next value is v if the table never had a row or was
// truncated, else v plus the increment. Reset makes it forget all, for TRUNCATE TABLE.
func (s *Shared) Reseed(c *lite.Conn, t *Table, v int64) error {
	col := t.Identity()
	if col == nil {
		return msg.New(7997, t.Name)
	}
	k := s.counter(t.ID)
	k.Lock()
	defer k.Unlock()
	if err := k.load(s, c, t.ID, col.Identity.Increment > 0); err != nil {
		return err
	}
	if !k.used {
		v -= col.Identity.Increment
	}
	k.last, k.used = v, true
	return s.store(c, t.ID, k.last, true)
}

// Reset makes a table's identity start at its seed again.
func (s *Shared) Reset(c *lite.Conn, t *Table) error {
	if t.Identity() == nil {
		return nil
	}
	k := s.counter(t.ID)
	k.Lock()
	defer k.Unlock()
	k.last, k.used = 0, false
	return s.store(c, t.ID, 0, false)
}

// RowVersions allocates n row versions and gives the first. They are not used again, whatever becomes of the transaction, which must
// be one that writes.
func (s *Shared) RowVersions(c *lite.Conn, n int64) (int64, error) {
	k := s.counter(rowVersionID)
	k.Lock()
	defer k.Unlock()
	if err := k.load(s, c, rowVersionID, true); err != nil {
		return 0, err
	}
	if !k.used {
		k.last, k.used = 2000, true
	}
	first := k.last + 1
	k.last += n
	return first, s.store(c, rowVersionID, k.last, true)
}

// RowVersion is the last row version given: @@DBTS.
func (s *Shared) RowVersion(c *lite.Conn) (int64, error) {
	k := s.counter(rowVersionID)
	k.Lock()
	defer k.Unlock()
	err := k.load(s, c, rowVersionID, true)
	if !k.used {
		return 2000, err
	}
	return k.last, err
}
