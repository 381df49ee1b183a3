package normal_test

import (
	"testing"

	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/normal"
)

// The forms are those that SQL Server's catalogue shows for what stands before them.
func TestText(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"en IN ('x','y')", "([en]='y' OR [en]='x')"},
		{"a > 0 AND (b < 5 OR c = N'é''s')", "([a]>(0) AND ([b]<(5) OR [c]=N'é''s'))"},
		{"a NOT BETWEEN 1 AND 2", "(NOT ([a]>=(1) AND [a]<=(2)))"},
		{"a NOT IN (1)", "(NOT [a]=(1))"},
		{"a LIKE '[0-9]%' ESCAPE '!' AND b IS NOT NULL AND c IS NULL", "([a] like '[0-9]%' escape '!' AND [b] IS NOT NULL AND [c] IS NULL)"},
		{"a NOT LIKE 'x' OR NOT b = 1", "(NOT [a] like 'x' OR NOT [b]=(1))"},
		{"a = (b + c) * -1 - (d - e)", "([a]=([b]+[c])*(-1)-([d]-[e]))"},
		{"a = CAST(b AS varchar(10)) + CONVERT(char(8), GETDATE(), 112)", "([a]=CONVERT([varchar](10),[b])+CONVERT([char](8),getdate(),(112)))"},
		{"a = CASE WHEN b = 1 THEN 'x' ELSE IIF(c > 0, NULL, 0x01) END", "([a]=case when [b]=(1) then 'x' else case when [c]>(0) then NULL else 0x01 end end)"},
		{"DATEPART(YEAR, a) > 1.5 OR dbo.f(a, CURRENT_TIMESTAMP) = 1e3", "(datepart(year,[a])>(1.5) OR [dbo].[f]([a],getdate())=(1e3))"},
		{"LEN(a COLLATE Latin1_General_BIN) >= 3", "(len([a] collate Latin1_General_BIN)>=(3))"},
	} {
		b, err := tsql.Parse("IF "+c.text+" PRINT ''", tsql.Options{QuotedIdentifier: true})
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		got, ok := normal.Text(b.Statements[0].(*ast.If).Cond)
		if !ok || got != c.want {
			t.Errorf("%s:\n got %s %v\nwant %s", c.text, got, ok, c.want)
		}
		again, err := tsql.Parse("IF "+got+" PRINT ''", tsql.Options{QuotedIdentifier: true})
		if err != nil {
			t.Errorf("%s: %v", got, err)
			continue
		}
		if twice, _ := normal.Text(again.Statements[0].(*ast.If).Cond); twice != got {
			t.Errorf("%s became %s", got, twice)
		}
	}
	for _, text := range []string{"EXISTS (SELECT 1)", "a IN (SELECT 1)", "a = (SELECT 1)"} {
		b, err := tsql.Parse("IF "+text+" PRINT ''", tsql.Options{QuotedIdentifier: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := normal.Text(b.Statements[0].(*ast.If).Cond); ok {
			t.Errorf("%s: %s", text, got)
		}
	}
}
