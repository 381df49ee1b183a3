package sqlscript

import (
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	mssql "github.com/microsoft/go-mssqldb"
)

// wide is how many characters a column without a bound of its own takes, sqlcmd's -y default.
const wide = 256

// column is how one column of a result is printed.
type column struct {
	name  string
	kind  string // the driver's name of the type: INT, NVARCHAR, ...
	width int    // characters, at least the name's
	right bool   // numbers stand right
}

func columns(types []*sql.ColumnType) []column {
	out := make([]column, len(types))
	for i, t := range types {
		c := column{name: t.Name(), kind: t.DatabaseTypeName()}
		c.width, c.right = natural(t)
		c.width = max(c.width, utf8.RuneCountInString(c.name))
		out[i] = c
	}
	return out
}

// natural is the width that sqlcmd gives a type.
func natural(t *sql.ColumnType) (width int, right bool) {
	length, known := t.Length()
	bounded := func(perByte int) int {
		if !known || length <= 0 || length > wide {
			return wide
		}
		return min(int(length)*perByte, wide)
	}
	switch t.DatabaseTypeName() {
	case "BIT":
		return 1, true
	case "TINYINT":
		return 3, true
	case "SMALLINT":
		return 6, true
	case "INT":
		return 11, true
	case "BIGINT":
		return 20, true
	case "REAL":
		return 14, true
	case "FLOAT":
		return 24, true
	case "SMALLMONEY":
		return 12, true
	case "MONEY":
		return 21, true
	case "DECIMAL", "NUMERIC":
		p, _, ok := t.DecimalSize()
		if !ok {
			p = 38
		}
		return int(p) + 2, true
	case "DATE":
		return 10, false
	case "TIME":
		return 16, false
	case "SMALLDATETIME":
		return 19, false
	case "DATETIME":
		return 23, false
	case "DATETIME2":
		return 27, false
	case "DATETIMEOFFSET":
		return 34, false
	case "UNIQUEIDENTIFIER":
		return 36, false
	case "BINARY", "VARBINARY":
		if !known || length <= 0 || length > wide {
			return wide, false
		}
		return min(2+2*int(length), wide), false
	}
	return bounded(1), false
}

// text is a value as it is printed.
func text(kind string, v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case bool:
		if v {
			return "1"
		}
		return "0"
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'G', -1, 64)
	case string:
		return v
	case []byte:
		switch kind {
		case "DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY", "XML":
			return string(v)
		case "UNIQUEIDENTIFIER":
			var u mssql.UniqueIdentifier
			if err := u.Scan(v); err == nil {
				return u.String()
			}
		}
		return fmt.Sprintf("0x%X", v)
	case time.Time:
		return v.Format(layout(kind))
	}
	return fmt.Sprint(v)
}

func layout(kind string) string {
	switch kind {
	case "DATE":
		return "2006-01-02"
	case "TIME":
		return "15:04:05.0000000"
	case "SMALLDATETIME":
		return "2006-01-02 15:04:05"
	case "DATETIME":
		return "2006-01-02 15:04:05.000"
	case "DATETIMEOFFSET":
		return "2006-01-02 15:04:05.0000000 -07:00"
	}
	return "2006-01-02 15:04:05.0000000"
}

// pad fills a cell to its width; what is longer is cut, as sqlcmd does.
func (c column) pad(s string) string {
	n := utf8.RuneCountInString(s)
	if n > c.width {
		return string([]rune(s)[:c.width])
	}
	fill := strings.Repeat(" ", c.width-n)
	if c.right {
		return fill + s
	}
	return s + fill
}
