package fn_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/engine/fn"
	"latchkey/engine/sqltype"
)

// fake answers all that functions ask, and remembers what keys were asked.
type fake struct{ asked []string }

func text(s string) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, s) }
func num(n int64) sqltype.Value   { return sqltype.NewInt(sqltype.BigInt, n) }

func (f *fake) Value(_ context.Context, name string) (sqltype.Value, error) {
	switch name {
	case "@@ROWCOUNT", "XACT_STATE", "SCOPE_IDENTITY":
		return num(7), nil
	case "ERROR_MESSAGE", "@@VERSION":
		return text(name), nil
	}
	return sqltype.NullValue, nil
}

type props struct{ *fake }

func (props) Property(_ context.Context, function, name string) (sqltype.Value, error) {
	return text(function + "." + name), nil
}

type databases struct{}

func (databases) Database(_ context.Context, name string, id int) (fn.Database, bool, error) {
	if name == "" && (id == 0 || id == 5) || strings.EqualFold(name, "shop") {
		return fn.Database{ID: 5, Name: "Shop", Accessible: true}, true, nil
	}
	return fn.Database{}, false, nil
}

func (databases) Property(_ context.Context, db, p string) (sqltype.Value, error) {
	return text(db + "." + p), nil
}

type principals struct{}

func (principals) Principal(_ context.Context, q fn.Who) (fn.Principal, bool, error) {
	switch {
	case q.Original:
		return fn.Principal{ID: 1, Name: "sa", SID: "\x01"}, true, nil
	case q.Current && q.Server, q.Name == "ann", q.ID == 260, q.SID == "\x02":
		return fn.Principal{ID: 260, Name: "ann", SID: "\x02"}, true, nil
	case q.Current:
		return fn.Principal{ID: 5, Name: "dbo"}, true, nil
	}
	return fn.Principal{}, false, nil
}

type objects struct{}

func (objects) Object(_ context.Context, q fn.ObjectQuery) (fn.Object, bool, error) {
	if q.ID == 99 || q.Name == "t x" && q.Schema == "dbo" && q.Type != "V" {
		return fn.Object{ID: 99, Name: "t x", Schema: "dbo", SchemaID: 1, Type: "U"}, true, nil
	}
	return fn.Object{}, false, nil
}

func (objects) Column(_ context.Context, _ fn.Object, name string, n int) (fn.Column, bool, error) {
	return fn.Column{ID: 1, Name: "c", Type: sqltype.Sized(sqltype.NVarChar, 20)}, name == "c" || n == 1, nil
}

func (objects) Scope(_ context.Context, k fn.ScopeKind, name string, id int) (fn.Scope, bool, error) {
	return fn.Scope{ID: 1, Name: "dbo"}, k == fn.SchemaScope && (name == "dbo" || id == 1 || name == "" && id == 0), nil
}

func (objects) Property(_ context.Context, function string, args []sqltype.Value) (sqltype.Value, error) {
	return num(int64(len(args))), nil
}

type security struct{}

func (security) HasPermission(_ context.Context, q fn.PermissionQuery) (sqltype.Value, error) {
	if q.Securable == nil && q.Class == nil && *q.Permission == "CONTROL SERVER" {
		return num(1), nil
	}
	return sqltype.NullValue, nil
}

func (security) IsMember(_ context.Context, server bool, role, principal string) (sqltype.Value, error) {
	if role != "sysadmin" {
		return sqltype.NullValue, nil
	}
	return num(map[bool]int64{true: 1}[server && principal == ""]), nil
}

type keys struct{ *fake }

func (k keys) Call(_ context.Context, name string, args []sqltype.Value) (sqltype.Value, error) {
	line := name
	for _, a := range args {
		line += fmt.Sprintf(" %v:%s", a.Kind(), strings.Trim(a.Text(), "\x00"))
	}
	k.asked = append(k.asked, line)
	return sqltype.NullValue, nil
}

func TestSession(t *testing.T) {
	f := &fake{}
	env := &fn.Env{
		Now: time.Unix(1e9, 0), Session: props{f}, Databases: databases{}, Names: principals{}, Objects: objects{}, Security: security{}, Keys: keys{f},
	}
	for expr, want := range map[string]string{
		"@@ROWCOUNT":                         "int:7",
		"@@IDENTITY":                         "decimal(38,0):NULL",
		"@@VERSION":                          "nvarchar(300):@@VERSION",
		"@@DATEFIRST":                        "tinyint:7",
		"@@LANGUAGE":                         "nvarchar(128):us_english",
		"@@CPU_BUSY":                         "refused",
		"SCOPE_IDENTITY":                     "decimal(38,0):7",
		"XACT_STATE":                         "smallint:7",
		"ERROR_MESSAGE":                      "nvarchar(4000):ERROR_MESSAGE",
		"SERVERPROPERTY | Edition":           "sql_variant:SERVERPROPERTY.Edition",
		"DB_ID":                              "int:5",
		"DB_ID | SHOP ":                      "int:5",
		"DB_ID | nope":                       "int:NULL",
		"DB_ID | varchar(1):":                "int:NULL",
		"DB_NAME":                            "nvarchar(128):Shop",
		"DB_NAME | int:6":                    "nvarchar(128):NULL",
		"HAS_DBACCESS | shop":                "int:1",
		"DATABASEPROPERTYEX | shop | Status": "sql_variant:shop.Status",
		"SUSER_SNAME":                        "nvarchar(128):ann",
		"SUSER_SNAME | varbinary(85):0x02":   "nvarchar(128):ann",
		"SUSER_SID | ann":                    "varbinary(85):0x02",
		"SUSER_ID | bob":                     "int:NULL",
		"ORIGINAL_LOGIN":                     "nvarchar(128):sa",
		"SYSTEM_USER":                        "nvarchar(128):ann",
		"CURRENT_USER":                       "nvarchar(128):dbo",
		"USER_NAME":                          "nvarchar(128):dbo",
		"OBJECT_ID | dbo.[t x]":              "int:99",
		"OBJECT_ID | dbo.[t x] | v":          "int:NULL",
		"OBJECT_ID | a.b.c.d.e":              "int:NULL",
		"OBJECT_NAME | int:99":               "nvarchar(128):t x",
		"OBJECT_SCHEMA_NAME | int:98":        "nvarchar(128):NULL",
		"COL_LENGTH | dbo.[t x] | c":         "smallint:40",
		"COL_LENGTH | dbo.[t x] | d":         "smallint:NULL",
		"COL_NAME | int:99 | int:1":          "nvarchar(128):c",
		"SCHEMA_NAME":                        "nvarchar(128):dbo",
		"SCHEMA_ID | dbo":                    "int:1",
		"TYPE_ID | datetime":                 "int:61",
		"TYPE_ID | sys.sysname":              "int:256",
		"TYPE_NAME | int:56":                 "nvarchar(128):int",
		"TYPE_NAME | int:999":                "nvarchar(128):NULL",
		"COLUMNPROPERTY | int:99 | c | IsIdentity":         "int:3",
		"IDENT_CURRENT | t":                                "decimal(38,0):1",
		"IS_SRVROLEMEMBER | sysadmin":                      "int:1",
		"IS_SRVROLEMEMBER | sysadmin | ann":                "int:0",
		"IS_SRVROLEMEMBER | nobody":                        "int:NULL",
		"HAS_PERMS_BY_NAME | NULL | NULL | CONTROL SERVER": "int:1",
	} {
		if got := call(t, env, expr); got != want {
			t.Errorf("%s is %s, want %s", expr, got, want)
		}
	}
	f.asked = nil
	for _, expr := range []string{
		"KEY_GUID | k", "ENCRYPTBYKEY | uniqueidentifier:6F9619FF-8B86-D011-B42D-00C04FC964FF | nvarchar(5):ab", "DECRYPTBYKEY | varbinary(8):0x01 | int:1 | x",
		"DECRYPTBYASYMKEY | int:256 | varbinary(8):0x01 | nvarchar(9):pw", "KEY_NAME | uniqueidentifier:6F9619FF-8B86-D011-B42D-00C04FC964FF",
		"DECRYPTBYKEYAUTOASYMKEY | int:1 | NULL | varbinary(8):0x41",
	} {
		call(t, env, expr)
	}
	got := strings.Join(f.asked, "\n")
	for _, want := range []string{"KEY_GUID nvarchar:k", "varbinary:a\x00b", "DECRYPTBYKEY varbinary:\x01 int: varbinary:x", "DECRYPTBYASYMKEY int: varbinary:\x01 nvarchar:pw", "KEY_NAME uniqueidentifier:", "DECRYPTBYKEYAUTOASYMKEY int: NULL: varbinary:A"} {
		if !strings.Contains(got, want) && !strings.Contains(strings.ReplaceAll(got, "NULL:", "Null:"), want) {
			t.Errorf("%q was not asked in\n%q", want, got)
		}
	}
}

// Without a session, what needs one is refused by name; an error of the session comes back as it is.
func TestNoSession(t *testing.T) {
	for _, expr := range []string{"DB_NAME", "@@SPID", "OBJECT_ID | t", "KEY_GUID | k", "IS_MEMBER | r", "SUSER_SNAME", "SERVERPROPERTY | x", "GETDATE"} {
		if got := call(t, &fn.Env{}, expr); got != "refused" {
			t.Errorf("%s is %s", expr, got)
		}
	}
	var e *sqltype.Error
	if err := error(&fn.Refusal{Name: "X"}); !errors.As(err, &e) || e.Number != 40517 {
		t.Errorf("a refusal is %v", err)
	}
}
