package lite

import (
	"fmt"
	"strconv"
	"strings"

	"latchkey/engine/cell"
	"latchkey/engine/tde"
)

// Attach adds another database under a name; nothing happens if it is there already. Outside transactions only.
func (c *Conn) Attach(name string, db *tde.DB) error { return c.attach(name, db.URI()) }

// Detach removes an attached database; nothing happens if there is none of that name. Outside transactions only; prepared statements
// that use it must have been released.
func (c *Conn) Detach(name string) error {
	key := strings.ToLower(name)
	if _, ok := c.attached[key]; !ok {
		return nil
	}
	if err := c.Fresh(); err != nil {
		return err
	}
	c.dropMentioning("") // SQLite numbers databases, and does not see that a statement's number now means another
	if err := c.Exec("DETACH " + cell.QuoteName(name)); err != nil {
		return fmt.Errorf("detaching %q: %w", name, err)
	}
	delete(c.attached, key)
	return nil
}

// Attached reports whether a database of that name is attached.
func (c *Conn) Attached(name string) bool { _, ok := c.attached[strings.ToLower(name)]; return ok }

func (c *Conn) attach(name, uri string) error {
	key := strings.ToLower(name)
	switch was, ok := c.attached[key]; {
	case ok && was == uri:
		return nil
	case ok:
		if err := c.Detach(name); err != nil {
			return err
		}
	}
	if err := c.Fresh(); err != nil { // SQLite attaches nothing within a transaction
		return err
	}
	c.dropMentioning(name)
	if err := c.Exec("ATTACH " + cell.Quote(uri) + " AS " + cell.QuoteName(name)); err != nil {
		return fmt.Errorf("attaching %q: %w", name, err)
	}
	c.attached[key] = uri
	return nil
}

// Temp is a session's temporary database. It is in memory, bounded to 256 MiB, and outlives connections.
type Temp struct{ m *tde.Memory }

// NewTemp makes an empty temporary database.
func NewTemp() (*Temp, error) { return &Temp{tde.NewMemory()}, nil }

// Close forgets the database once it is no longer attached.
func (t *Temp) Close() error { t.m.Close(); return nil }

// AttachTemp adds a temporary database under a name, as Attach.
func (c *Conn) AttachTemp(name string, t *Temp) error {
	if err := c.attach(name, t.m.URI()); err != nil {
		return err
	}
	return c.Exec("PRAGMA " + cell.QuoteName(name) + ".max_page_count=" + strconv.Itoa(maxTmp))
}
