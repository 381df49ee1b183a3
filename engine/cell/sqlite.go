package cell

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/room"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
)

// Bind gives parameter i (from 1) of a statement a value of type t.
func Bind(s *sqlite3.Stmt, i int, t sqltype.Type, v sqltype.Value) error {
	err := bind(s, i, t, v)
	if err != nil && errors.Is(err, sqlite3.RANGE) && i > s.BindCount() {
		return nil // a constant that went into a larger one: its place is not in the text any more
	}
	return err
}

func bind(s *sqlite3.Stmt, i int, t sqltype.Type, v sqltype.Value) error {
	r, err := Encode(t, v)
	if err != nil {
		return err
	}
	return BindRaw(s, i, r)
}

// BindRaw binds a raw value. A connection that has no memory for it gives message 701.
func BindRaw(s *sqlite3.Stmt, i int, r Raw) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			if !OutOfMemory(p) {
				panic(p)
			}
			err = room.NoMemory()
		default:
			panic(p)
		}
	}()
	switch r.Storage {
	case Integer:
		return s.BindInt64(i, r.I)
	case Real:
		return s.BindFloat(i, r.F)
	case Text:
		return s.BindText(i, r.S)
	case Blob:
		return s.BindBlob(i, []byte(r.S))
	}
	return s.BindNull(i)
}

// OutOfMemory reports that a panic of the driver means that the connection has no memory: the driver does not export its error.
func OutOfMemory(p error) bool { return p.Error() == "sqlite3: out of memory" }

// Column reads column i (from 0) of the current row as a value of type t.
func Column(s *sqlite3.Stmt, i int, t sqltype.Type) (sqltype.Value, error) {
	var r Raw
	switch s.ColumnType(i) {
	case sqlite3.INTEGER:
		r = Raw{Storage: Integer, I: s.ColumnInt64(i)}
	case sqlite3.FLOAT:
		r = Raw{Storage: Real, F: s.ColumnFloat(i)}
	case sqlite3.TEXT:
		r = Raw{Storage: Text, S: string(s.ColumnRawText(i))}
	case sqlite3.BLOB:
		r = Raw{Storage: Blob, S: string(s.ColumnRawBlob(i))}
	default:
		return sqltype.NullValue, nil
	}
	return Decode(t, r)
}

// FromArg reads an argument of a SQL function as a value of type t.
func FromArg(a sqlite3.Value, t sqltype.Type) (sqltype.Value, error) {
	var r Raw
	switch a.Type() {
	case sqlite3.INTEGER:
		r = Raw{Storage: Integer, I: a.Int64()}
	case sqlite3.FLOAT:
		r = Raw{Storage: Real, F: a.Float()}
	case sqlite3.TEXT:
		r = Raw{Storage: Text, S: string(a.RawText())}
	case sqlite3.BLOB:
		r = Raw{Storage: Blob, S: string(a.RawBlob())}
	default:
		return sqltype.NullValue, nil
	}
	return Decode(t, r)
}

// Result gives a SQL function its value. A value that is not of type t is the call's error.
func Result(ctx sqlite3.Context, t sqltype.Type, v sqltype.Value) {
	r, err := Encode(t, v)
	if err != nil {
		ctx.ResultError(err)
		return
	}
	ResultRaw(ctx, r)
}

// ResultRaw gives a SQL function a cell as its value.
func ResultRaw(ctx sqlite3.Context, r Raw) {
	switch r.Storage {
	case Integer:
		ctx.ResultInt64(r.I)
	case Real:
		ctx.ResultFloat(r.F)
	case Text:
		ctx.ResultText(r.S)
	case Blob:
		ctx.ResultBlob([]byte(r.S))
	default:
		ctx.ResultNull()
	}
}

// Literal writes a value of type t as SQL text of SQLite's, without COLLATE.
func Literal(t sqltype.Type, v sqltype.Value) (string, error) {
	r, err := Encode(t, v)
	if err != nil {
		return "", err
	}
	switch r.Storage {
	case Integer:
		if r.I == math.MinInt64 { // 9223372036854775808 alone would be a float
			return "(-9223372036854775807-1)", nil
		}
		return strconv.FormatInt(r.I, 10), nil
	case Real:
		return strconv.FormatFloat(r.F, 'e', -1, 64), nil
	case Text:
		if strings.IndexByte(r.S, 0) >= 0 { // would end the statement
			return "CAST(x'" + hex.EncodeToString([]byte(r.S)) + "' AS TEXT)", nil
		}
		return Quote(r.S), nil
	case Blob:
		return "x'" + hex.EncodeToString([]byte(r.S)) + "'", nil
	}
	return "NULL", nil
}

// Quote writes text without NUL as a string of SQLite's SQL.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// QuoteName writes an identifier of SQLite's SQL.
func QuoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// nationalMark ends the name of a sequence that orders nchar and nvarchar otherwise than char and varchar.
const nationalMark = ":N"

// Collation is the name of the collating sequence for text of type t; "" for other types. The SQL_ collations and the binary ones
// have one sequence for char and varchar and another for nchar and nvarchar.
func Collation(t sqltype.Type) string {
	if StorageOf(t) != Text {
		return ""
	}
	name := t.Collation.String()
	if t.Kind.IsNational() && twoOrders(name) {
		name += nationalMark
	}
	return name
}

// CollateClause is ` COLLATE "name"` for text of type t, "" for other types.
func CollateClause(t sqltype.Type) string {
	if name := Collation(t); name != "" {
		return " COLLATE " + QuoteName(name)
	}
	return ""
}

func twoOrders(name string) bool {
	return strings.HasPrefix(name, "SQL_") || strings.Contains(name, "_BIN")
}

// ParseCollation is the inverse of Collation.
func ParseCollation(name string) (c collation.Collation, national bool, err error) {
	plain, national := strings.CutSuffix(name, nationalMark)
	c, err = collation.Parse(plain)
	if err != nil {
		return c, false, fmt.Errorf("finding the collating sequence %q: %w", name, err)
	}
	return c, national || !twoOrders(plain), nil
}
