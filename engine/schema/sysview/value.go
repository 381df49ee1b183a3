package sysview

import (
	"fmt"
	"strings"
	"time"

	"latchkey/engine/sqltype"
)

// row is a row by column name; a column that is missing is NULL, or 0 for bits.
type row map[string]any

// variant marks a value inside a sql_variant of the type of an identity column or sequence.
type variant struct {
	n int64
	t sqltype.Type
}

// with adds the columns of another row.
func (r row) with(o row) row {
	for k, v := range o {
		r[k] = v
	}
	return r
}

// table turns rows into values in the order of a view's columns. A name that is no column is an error: a test calls every view.
func table(view string, rows []row) ([][]sqltype.Value, error) {
	cols := Columns(view)
	out := make([][]sqltype.Value, len(rows))
	for i, r := range rows {
		left := len(r)
		vals := make([]sqltype.Value, len(cols))
		for c, col := range cols {
			v, ok := r[col.Name]
			if ok {
				left--
			} else if col.Type.Kind == sqltype.Bit {
				v = false
			}
			var err error
			if vals[c], err = value(v, col.Type); err != nil {
				return nil, fmt.Errorf("view %s, column %s: %w", view, col.Name, err)
			}
		}
		if left != 0 {
			return nil, fmt.Errorf("view %s: %d values are of no column", view, left)
		}
		out[i] = vals
	}
	return out, nil
}

func value(v any, t sqltype.Type) (sqltype.Value, error) {
	switch x := v.(type) {
	case sqltype.Value:
		return x, nil
	case nil:
		return sqltype.NullValue, nil
	case bool:
		if x {
			return integer(t.Kind, 1)
		}
		return integer(t.Kind, 0)
	case int:
		return integer(t.Kind, int64(x))
	case int64:
		return integer(t.Kind, x)
	case string:
		if !t.Kind.IsText() {
			break
		}
		if t.Kind == sqltype.Char || t.Kind == sqltype.NChar {
			x += strings.Repeat(" ", max(0, t.Length-len(x)))
		}
		if r := []rune(x); t.Length > 0 && len(r) > t.Length {
			x = string(r[:t.Length])
		}
		return sqltype.NewText(t.Kind, x), nil
	case time.Time:
		if x.IsZero() {
			return sqltype.NullValue, nil
		}
		return datetime(x), nil
	case variant:
		if x.t.Kind == sqltype.Decimal {
			return sqltype.DecimalFromInt(int(x.t.Precision), x.n), nil
		}
		return sqltype.NewInt(x.t.Kind, x.n), nil
	}
	return sqltype.NullValue, fmt.Errorf("a %T does not go into %s", v, t)
}

func integer(k sqltype.Kind, n int64) (sqltype.Value, error) {
	if !k.IsInteger() {
		return sqltype.NullValue, fmt.Errorf("a number does not go into %s", k)
	}
	if lo, hi := sqltype.IntRange(k); n < lo || n > hi {
		return sqltype.NullValue, fmt.Errorf("%d does not go into %s", n, k)
	}
	if k == sqltype.Bit {
		return sqltype.NewBit(n != 0), nil
	}
	return sqltype.NewInt(k, n), nil
}

// datetime is a time in UTC as datetime.
func datetime(t time.Time) sqltype.Value {
	t = t.UTC()
	days, _ := sqltype.DaysFromDate(t.Year(), int(t.Month()), t.Day())
	ticks := int64(t.Hour())*sqltype.TicksPerHour + int64(t.Minute())*sqltype.TicksPerMinute + int64(t.Second())*sqltype.TicksPerSecond + int64(t.Nanosecond()/100)
	units := sqltype.TicksToUnits(ticks)
	if units >= sqltype.UnitsPerDay {
		days, units = days+1, 0
	}
	return sqltype.NewDateTime(days, units)
}
