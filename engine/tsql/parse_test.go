package tsql_test

import (
	"testing"

	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
)

func mustParse(t *testing.T, src string, o tsql.Options) *ast.Batch {
	t.Helper()
	b, err := tsql.Parse(src, o)
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	return b
}

// "x" is a name or a string, by the session's setting and by SET QUOTED_IDENTIFIER inside the batch, from there on.
func TestQuotedIdentifier(t *testing.T) {
	isName := func(s ast.Statement) bool {
		_, ok := s.(*ast.SelectStmt).Query.Body.(*ast.Select).Items[0].X.(*ast.ColumnRef)
		return ok
	}
	for _, quoted := range []bool{true, false} {
		b := mustParse(t, `SELECT "x"; SET QUOTED_IDENTIFIER ON SELECT "x"; SET QUOTED_IDENTIFIER OFF; SELECT "x"`, tsql.Options{QuotedIdentifier: quoted})
		got := []bool{isName(b.Statements[0]), isName(b.Statements[2]), isName(b.Statements[4])}
		if got[0] != quoted || !got[1] || got[2] {
			t.Errorf("QUOTED_IDENTIFIER %t: names %v", quoted, got)
		}
	}
}

// A statement knows its line and its text: what error messages and module definitions need.
func TestStatementRange(t *testing.T) {
	src := "-- head\nUSE master\n\nCREATE LOGIN l\nFROM ASYMMETRIC KEY k ; IF 1 = 1\n  SELECT 2\n"
	b := mustParse(t, src, on)
	want := []struct {
		line int32
		text string
	}{{2, "USE master"}, {4, "CREATE LOGIN l\nFROM ASYMMETRIC KEY k"}, {5, "IF 1 = 1\n  SELECT 2"}}
	if len(b.Statements) != len(want) {
		t.Fatalf("%d statements", len(b.Statements))
	}
	for i, s := range b.Statements {
		start, end := s.Range()
		if s.At().Line != want[i].line || src[start:end] != want[i].text {
			t.Errorf("line %d: %q, want line %d: %q", s.At().Line, src[start:end], want[i].line, want[i].text)
		}
	}
	if inner := b.Statements[2].(*ast.If).Then.At().Line; inner != 6 {
		t.Errorf("inner statement on line %d", inner)
	}
}

// What decides about keys is where the executor looks for it.
func TestKeyStatements(t *testing.T) {
	for src, want := range map[string]string{
		"ALTER DATABASE d SET ENCRYPTION SUSPEND": "SUSPEND",
		"ALTER DATABASE d SET ENCRYPTION RESUME":  "RESUME",
		"ALTER DATABASE d SET READ_ONLY":          "",
	} {
		if got := mustParse(t, src, on).Statements[0].(*ast.AlterDatabase).Action.(*ast.SetDatabase).Encryption(); got != want {
			t.Errorf("%s: %q", src, got)
		}
	}
	k := mustParse(t, "ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY k", on).Statements[0].(*ast.DatabaseKey)
	if k.By.Kind != "ASYMMETRIC KEY" || k.By.Name != "k" || k.Mode != "ALTER" {
		t.Errorf("%+v", k)
	}
	x := mustParse(t, "sp_configure 'show advanced', 1", on).Statements[0].(*ast.Exec)
	if !x.Implicit || x.Proc.Name() != "sp_configure" || len(x.Args) != 2 {
		t.Errorf("%+v", x)
	}
}

// Statements without semicolons end where the next begins.
func TestStatementsWithoutSemicolons(t *testing.T) {
	for src, n := range map[string]int{
		"USE master CREATE LOGIN a FROM ASYMMETRIC KEY k ALTER LOGIN a ADD CREDENTIAL c DROP LOGIN a":    4,
		"CREATE DATABASE d ALTER DATABASE d SET ENCRYPTION ON BACKUP DATABASE d TO DISK = 'x'":           3,
		"DECLARE @a int SET @a = 1 SELECT @a PRINT @a RETURN":                                            5,
		"RECONFIGURE RECONFIGURE WITH OVERRIDE EXEC sp_configure CHECKPOINT":                             4,
		"BEGIN TRAN COMMIT TRAN ROLLBACK SAVE TRAN x":                                                    4,
		"REVERT GRANT CONTROL SERVER TO l OPEN MASTER KEY DECRYPTION BY PASSWORD = 'p' CLOSE MASTER KEY": 4,
		"": 0, ";;": 0, "-- nothing": 0, "/* nothing */ ;": 0,
	} {
		if got := len(mustParse(t, src, on).Statements); got != n {
			t.Errorf("%d statements, want %d: %s", got, n, src)
		}
	}
}

// Operators bind as the server's do.
func TestPrecedence(t *testing.T) {
	for src, want := range map[string]string{
		"1 + 2 * 3":              "(1 + (2 * 3))",
		"1 - 2 - 3":              "((1 - 2) - 3)",
		"1 | 2 & 3 + 4 ^ 5":      "((((1 | 2) & 3) + 4) ^ 5)",
		"-1 * ~2 % 3":            "(((-1) * (~2)) % 3)",
		"- 1 + 2":                "((-1) + 2)",
		"'a' + 'b' COLLATE c":    "('a' + ('b' COLLATE c))",
		"-a COLLATE c":           "(-(a COLLATE c))",
		"a + b AT TIME ZONE 'z'": "(a + (b AT TIME ZONE 'z'))",
	} {
		item := mustParse(t, "SELECT "+src, on).Statements[0].(*ast.SelectStmt).Query.Body.(*ast.Select).Items[0]
		if got := explicit(item.X); got != want {
			t.Errorf("%s is %s, want %s", src, got, want)
		}
	}
	for src, want := range map[string]string{
		"a = 1 OR b = 2 AND c = 3":            "(a OR (b AND c))",
		"NOT a = 1 AND b = 2":                 "((NOT a) AND b)",
		"a = 1 AND (b = 2 OR c = 3) OR d = 4": "((a AND (b OR c)) OR d)",
		"a BETWEEN 1 AND 2 AND b = 1":         "(a AND b)",
	} {
		where := mustParse(t, "SELECT 1 WHERE "+src, on).Statements[0].(*ast.SelectStmt).Query.Body.(*ast.Select).Where
		if got := explicit(where); got != want {
			t.Errorf("%s is %s, want %s", src, got, want)
		}
	}
}

// explicit writes an expression with all its parentheses, comparisons as their left side.
func explicit(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Binary:
		return "(" + explicit(e.L) + " " + e.Op + " " + explicit(e.R) + ")"
	case *ast.Unary:
		return "(" + e.Op + explicit(e.X) + ")"
	case *ast.Collate:
		return "(" + explicit(e.X) + " COLLATE " + e.Collation + ")"
	case *ast.AtTimeZone:
		return "(" + explicit(e.X) + " AT TIME ZONE " + explicit(e.Zone) + ")"
	case *ast.Logical:
		s := "("
		for i, t := range e.Terms {
			if i > 0 {
				s += " " + e.Op + " "
			}
			s += explicit(t)
		}
		return s + ")"
	case *ast.Not:
		return "(NOT " + explicit(e.X) + ")"
	case *ast.Compare:
		return explicit(e.L)
	case *ast.Between:
		return explicit(e.X)
	case *ast.ColumnRef:
		return e.Name.Name()
	case *ast.Literal:
		if e.Kind == ast.StringLit {
			return "'" + e.Text + "'"
		}
		return e.Text
	}
	return "?"
}

// What is recognised and refused keeps its name, and hides nothing behind it.
func TestUnsupportedIsNamed(t *testing.T) {
	for src, want := range map[string]string{
		"CREATE ASSEMBLY a FROM 0x00":                          "CREATE ASSEMBLY",
		"ALTER AVAILABILITY GROUP g GRANT CREATE ANY DATABASE": "ALTER AVAILABILITY GROUP",
		"DROP COLUMN ENCRYPTION KEY k":                         "DROP COLUMN ENCRYPTION KEY",
		"CREATE DEFAULT d AS 1":                                "CREATE DEFAULT",
		"ADD SIGNATURE TO p BY CERTIFICATE c":                  "ADD SIGNATURE",
		"READTEXT t.a @p 1 2":                                  "READTEXT",
	} {
		b := mustParse(t, src+" DROP LOGIN sa; SELECT 1", on)
		u, ok := b.Statements[0].(*ast.Unsupported)
		if !ok || u.Feature != want || len(b.Statements) != 2 {
			t.Errorf("%s: %T %+v, %d statements", src, b.Statements[0], b.Statements[0], len(b.Statements))
		}
	}
}
