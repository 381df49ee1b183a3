package lite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/room"
	"latchkey/engine/sqltype"
)

// The errors of a statement that are not about values; errors.Is finds them.
var (
	ErrBusy        = errors.New("lock request timed out")                        // 1222
	ErrSnapshot    = errors.New("data was changed since the transaction's read") // 3960
	ErrInterrupted = errors.New("statement was interrupted")                     // matches the context's error too
	ErrFull        = errors.New("no space for the database")                     // 1105
	ErrTooBig      = errors.New("value or statement is too big")
	ErrMemory      = errors.New("out of memory") // 701
	ErrReadOnly    = errors.New("database is read-only")
)

// ConstraintKind is what was violated.
type ConstraintKind uint8

// The kinds of constraints.
const (
	Unique ConstraintKind = iota // also a primary key
	NotNull
	Check
	ForeignKey
	DataType // a cell of the wrong class: an error of ours
	RowID
	Trigger // RAISE in a trigger of ours
)

// Constraint is a violated constraint.
type Constraint struct {
	Kind ConstraintKind
	// Detail is what SQLite says behind the colon: "table.column, table.column", "index 'name'", the name of a CHECK, the text of a
	// RAISE, or "".
	Detail string
}

// Error names the constraint.
func (e *Constraint) Error() string {
	if e.Detail == "" {
		return "constraint violated"
	}
	return "constraint violated: " + e.Detail
}

// Columns reports whether the constraint is over exactly these columns of a table, in this order.
func (e *Constraint) Columns(table string, columns ...string) bool {
	var b strings.Builder
	for i, c := range columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(table + "." + c)
	}
	return strings.EqualFold(b.String(), e.Detail)
}

// Index is the name of the unique index on expressions that was violated, "" if SQLite named columns instead.
func (e *Constraint) Index() string {
	name, ok := strings.CutPrefix(e.Detail, "index '")
	if !ok {
		return ""
	}
	name, _ = strings.CutSuffix(name, "'")
	return name
}

// Err gives an error of SQLite its type. Errors that have one already come back unchanged.
func (c *Conn) Err(err error) error {
	if err == nil {
		return nil
	}
	return c.typed(err)
}

func (c *Conn) typed(err error) error {
	var code sqlite3.ErrorCode
	if !errors.As(err, &code) {
		return err
	}
	text := err.Error()
	for _, f := range c.failed {
		if strings.Contains(text, f.tag) {
			c.failed = nil
			return f.err
		}
	}
	switch code {
	case sqlite3.CONSTRAINT:
		return constraint(err, text)
	case sqlite3.INTERRUPT:
		cause := c.ctx.Err()
		if cause == nil {
			cause = context.Canceled
		}
		return fmt.Errorf("%w: %w", ErrInterrupted, cause)
	case sqlite3.BUSY:
		if errors.Is(err, sqlite3.BUSY_SNAPSHOT) {
			return fmt.Errorf("%w: %w", ErrSnapshot, err)
		}
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case sqlite3.LOCKED:
		return fmt.Errorf("%w: %w", ErrBusy, err)
	case sqlite3.FULL:
		return fmt.Errorf("%w: %w", ErrFull, c.Conn.Err(err))
	case sqlite3.TOOBIG:
		if strings.HasSuffix(text, "string or blob too big") {
			return room.TooLarge()
		}
		return fmt.Errorf("%w: %w", ErrTooBig, err)
	case sqlite3.NOMEM:
		c.swollen = true
		return fmt.Errorf("%w: %w", ErrMemory, err)
	case sqlite3.READONLY:
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	case sqlite3.ERROR:
		if strings.HasSuffix(text, "integer overflow") { // of SQLite's own sum and abs
			return sqltype.Overflow("expression", sqltype.BigInt)
		}
		return err
	}
	return c.Conn.Err(err)
}

func constraint(err error, text string) error {
	e := &Constraint{}
	var x sqlite3.ExtendedErrorCode
	errors.As(err, &x)
	switch x {
	case sqlite3.CONSTRAINT_UNIQUE, sqlite3.CONSTRAINT_PRIMARYKEY:
		e.Kind = Unique
	case sqlite3.CONSTRAINT_ROWID:
		e.Kind = RowID
	case sqlite3.CONSTRAINT_NOTNULL:
		e.Kind = NotNull
	case sqlite3.CONSTRAINT_CHECK:
		e.Kind = Check
	case sqlite3.CONSTRAINT_FOREIGNKEY:
		e.Kind = ForeignKey
	case sqlite3.CONSTRAINT_DATATYPE:
		e.Kind = DataType
	case sqlite3.CONSTRAINT_TRIGGER:
		e.Kind = Trigger
	default:
		return err
	}
	// "sqlite3: constraint failed: UNIQUE constraint failed: t.a", or without the second half.
	detail := strings.TrimPrefix(strings.TrimPrefix(text, "sqlite3: "), "constraint failed: ")
	for _, kind := range []string{"UNIQUE", "NOT NULL", "CHECK", "FOREIGN KEY"} {
		if rest, ok := strings.CutPrefix(detail, kind+" constraint failed"); ok {
			detail = strings.TrimPrefix(rest, ": ")
			break
		}
	}
	e.Detail = detail
	return e
}
