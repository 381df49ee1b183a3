package tran

import (
	"context"
	"fmt"

	"latchkey/engine/fn"
)

// Savepoint makes Finish undo what the statement did if it fails, also inside a transaction.
func (h *Hold) Savepoint() error {
	if h.own || h.save {
		return nil
	}
	if err := h.Conn.Run("SAVEPOINT lk_statement"); err != nil {
		return translate(err)
	}
	h.save = true
	return nil
}

// Attach adds another database to the connection under a name, for the statement or, inside a transaction, to its end.
func (h *Hold) Attach(ctx context.Context, id int, name string) error {
	h = h.root()
	list := &h.attached
	if h.lease == nil {
		list = &h.t.attached
	}
	for _, a := range *list {
		if a.name == name {
			return nil
		}
	}
	a, err := h.t.source.Attach(ctx, id)
	if err != nil {
		return err
	}
	if err := h.Conn.Attach(name, a.DB); err != nil {
		a.Release()
		return fmt.Errorf("attaching database %d: %w", id, err)
	}
	*list = append(*list, attachment{name, a})
	return nil
}

// Finish gives the connection back. failed is the statement's error: with one, a statement's own transaction is rolled back, else
// committed. The result is the error of that, or failed with the connection's errors made messages.
func (h *Hold) Finish(failed error) error {
	if h.done {
		return errNotHeld
	}
	h.done = true
	h.t.unuse(h)
	if h.t.alone == h {
		h.t.alone = nil
	}
	failed = Translate(failed)
	c := h.Conn
	if h.lease == nil {
		if h.t.began && c.GetAutocommit() {
			h.t.lost = true // SQLite rolled back by itself
			return failed
		}
		if h.save {
			c.Use(context.Background(), &fn.Env{})
			var err error
			if failed != nil {
				err = c.Run("ROLLBACK TO lk_statement")
			}
			if e := c.Run("RELEASE lk_statement"); err == nil {
				err = e
			}
			if err != nil && failed == nil {
				failed = Translate(err)
			}
		}
		return failed
	}
	sound := true
	if h.own {
		if failed == nil && !c.GetAutocommit() {
			failed = Translate(h.lease.Commit())
		}
		if failed != nil {
			c.Use(context.Background(), &fn.Env{})
			ok, err := h.lease.Rollback()
			if sound = ok; err != nil {
				failed = Translate(err)
			}
		}
	}
	sound = h.t.detach(c, h.attached) && sound
	giveBack(h.lease, sound)
	letGo(h.attached)
	return failed
}
