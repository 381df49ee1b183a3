package views

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"latchkey/engine/sqltype"
)

// row is a row by column name; a column that is missing is NULL.
type row map[string]any

// guid marks the bytes of a uniqueidentifier in RFC 4122 order.
type guid [16]byte

// variant marks a value inside a sql_variant, whose base type is told by the Go type: int, []byte.
type variant struct{ v any }

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
	case nil:
		return sqltype.NullValue, nil
	case bool:
		return integer(t.Kind, map[bool]int64{true: 1}[x])
	case int:
		return integer(t.Kind, int64(x))
	case int64:
		return integer(t.Kind, x)
	case float32:
		return sqltype.NewFloat(sqltype.Real, float64(x)), nil
	case string:
		if !t.Kind.IsText() {
			break
		}
		if t.Kind == sqltype.Char || t.Kind == sqltype.NChar {
			x += strings.Repeat(" ", max(0, t.Length-len(x)))
		}
		return sqltype.NewText(t.Kind, x), nil
	case []byte:
		if x == nil {
			return sqltype.NullValue, nil
		}
		if t.Kind == sqltype.VarBinary {
			return sqltype.NewBytes(t.Kind, string(x)), nil
		}
	case guid:
		if x == (guid{}) {
			return sqltype.NullValue, nil
		}
		if t.Kind == sqltype.UniqueIdentifier {
			return sqltype.NewGUID(stored(x)), nil
		}
	case time.Time:
		if x.IsZero() {
			return sqltype.NullValue, nil
		}
		if t.Kind == sqltype.DateTime {
			return datetime(x), nil
		}
	case variant:
		switch y := x.v.(type) {
		case int:
			return sqltype.NewInt(sqltype.Int, int64(y)), nil
		case []byte:
			if y == nil {
				return sqltype.NullValue, nil
			}
			return sqltype.NewBytes(sqltype.VarBinary, string(y)), nil
		}
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

// stored is a GUID as SQL Server stores it: the first three groups least byte first.
func stored(g [16]byte) [16]byte {
	out := g
	binary.LittleEndian.PutUint32(out[0:], binary.BigEndian.Uint32(g[0:]))
	binary.LittleEndian.PutUint16(out[4:], binary.BigEndian.Uint16(g[4:]))
	binary.LittleEndian.PutUint16(out[6:], binary.BigEndian.Uint16(g[6:]))
	return out
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
