// Package routine says what the body of a function written in T-SQL may hold, and what a definition refers to.
//
// [Scalar] checks the body of a scalar function when it is made: it ends with RETURN (455), gives the client no rows (444), changes nothing but its
// own variables and calls nothing whose value is another each time (443), and uses no temporary table (2772). So whoever runs it need not ask
// again. What SQL Server takes and this server does not is refused by name (40517).
//
// [References] visits the names that a tree refers to, for dependencies. Both go over trees by reflection, so no node is forgotten.
package routine

import (
	"reflect"
	"slices"
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

// Scalar checks the body of a scalar function.
func Scalar(body []ast.Statement) error {
	last, _ := lastOf(body).(*ast.Return)
	if err := statements(body); err != nil {
		return err
	}
	if last == nil {
		return plan.Fail(at(lastOf(body)), 455)
	}
	return nil
}

func lastOf(list []ast.Statement) ast.Statement {
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}

func at(st ast.Statement) token.Pos {
	if st == nil {
		return token.Pos{}
	}
	return st.At()
}

func statements(list []ast.Statement) error {
	for _, st := range list {
		if err := statement(st); err != nil {
			return err
		}
	}
	return nil
}

// statement checks one statement of a body.
func statement(st ast.Statement) error {
	side := func(operator string) error { return plan.Fail(st.At(), 443, operator) }
	switch st := st.(type) {
	case nil:
		return nil
	case *ast.Block:
		if st.Atomic != nil {
			return plan.Unsupported("BEGIN ATOMIC", st.Pos)
		}
		return statements(st.Body)
	case *ast.If:
		if err := pure(st.Cond, st.Pos); err != nil {
			return err
		}
		if err := statement(st.Then); err != nil {
			return err
		}
		return statement(st.Else)
	case *ast.While:
		if err := pure(st.Cond, st.Pos); err != nil {
			return err
		}
		return statement(st.Body)
	case *ast.Declare:
		for _, v := range st.Variables {
			if v.Table != nil {
				return plan.Unsupported("TABLE VARIABLE IN A FUNCTION", st.Pos)
			}
		}
		return pure(st, st.Pos)
	case *ast.SetVariable:
		if st.Method != nil {
			return plan.Unsupported("SET OF A METHOD", st.Pos)
		}
		return pure(st, st.Pos)
	case *ast.Return:
		if st.Value == nil {
			return plan.Fail(st.Pos, 456)
		}
		return pure(st, st.Pos)
	case *ast.SelectStmt:
		return selects(st)
	case *ast.DeclareCursor:
		if slices.Contains(st.Def.Options, "GLOBAL") {
			return side("DECLARE CURSOR")
		}
		return pure(st, st.Pos)
	case *ast.CursorStmt, *ast.Break, *ast.Continue, *ast.Goto, *ast.Label:
		return nil
	case *ast.Fetch:
		if st.Into == nil {
			return plan.Fail(st.Pos, 444)
		}
		return pure(st, st.Pos)
	case *ast.Exec:
		if st.Strings != nil || st.ProcVariable != "" {
			return side("EXECUTE STRING")
		}
		return pure(st, st.Pos)
	case *ast.Insert:
		if st.Exec != nil {
			return side("INSERT EXEC")
		}
	}
	return side(operator(st))
}

// selects checks SELECT: it assigns variables.
func selects(st *ast.SelectStmt) error {
	var first *ast.Select
	for b := st.Query.Body; first == nil; {
		switch x := b.(type) {
		case *ast.Select:
			first = x
		case *ast.SetOp:
			b = x.L
		default:
			return plan.Fail(st.Pos, 444)
		}
	}
	if first.Into != nil {
		return plan.Fail(st.Pos, 443, "SELECT INTO")
	}
	if !slices.ContainsFunc(first.Items, func(i *ast.SelectItem) bool { return i.Variable != "" }) {
		return plan.Fail(st.Pos, 444)
	}
	return pure(st, st.Pos)
}

// operator is what message 443 calls a statement.
func operator(st ast.Statement) string {
	switch st := st.(type) {
	case *ast.Insert:
		return "INSERT"
	case *ast.Update:
		return "UPDATE"
	case *ast.Delete:
		return "DELETE"
	case *ast.Merge:
		return "MERGE"
	case *ast.TryCatch:
		return "BEGIN TRY"
	case *ast.Print:
		return "PRINT"
	case *ast.RaisError:
		return "RAISERROR"
	case *ast.Throw:
		return "THROW"
	case *ast.BeginTran:
		return "BEGIN TRANSACTION"
	case *ast.CommitTran:
		return "COMMIT TRANSACTION"
	case *ast.RollbackTran:
		return "ROLLBACK TRANSACTION"
	case *ast.SaveTran:
		return "SAVE TRANSACTION"
	case *ast.WaitFor:
		return "WAITFOR"
	case *ast.Truncate:
		return "TRUNCATE TABLE"
	case *ast.CreateTable:
		return "CREATE TABLE"
	case *ast.Drop:
		return "DROP OBJECT"
	case *ast.Use:
		return "USE DATABASE"
	case *ast.SetOption:
		if w, ok := st.Value.(*ast.Word); ok && (w.Text == "ON" || w.Text == "OFF") {
			return "SET OPTION " + w.Text
		}
		return "SET COMMAND"
	case *ast.SetIdentityInsert:
		return "SET OPTION ON"
	}
	name := strings.TrimPrefix(reflect.TypeOf(st).String(), "*ast.")
	var b strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return strings.ToUpper(b.String())
}

// Pure checks the query of an inline function: it calls nothing whose value is another each time, and uses no temporary table.
func Pure(q *ast.SelectStmt) error { return pure(q, q.Pos) }

// pure looks at expressions and queries.
func pure(node any, pos token.Pos) error {
	var err error
	walk(reflect.ValueOf(node), func(n any) {
		if err != nil {
			return
		}
		switch n := n.(type) {
		case *ast.FuncCall:
			switch name := strings.ToLower(n.Name.Name()); name {
			case "newid", "newsequentialid", "rand", "crypt_gen_random":
				if len(n.Name.Parts) == 1 {
					err = plan.Fail(n.Name.Pos, 443, name)
				}
			}
		case *ast.Table:
			if strings.HasPrefix(n.Name.Name(), "#") {
				err = plan.Fail(pos, 2772)
			}
		}
	})
	return err
}

// Reference is a name that a definition refers to.
type Reference struct {
	Name     ast.ObjectName
	Function bool // called, else read from
}

// References visits the names that a tree refers to: tables and views in FROM, functions with a schema. Names of common table expressions are among
// them: they have one part.
func References(node any, visit func(Reference)) {
	walk(reflect.ValueOf(node), func(n any) {
		switch n := n.(type) {
		case *ast.Table:
			visit(Reference{Name: n.Name})
		case *ast.FuncCall:
			if len(n.Name.Parts) > 1 {
				visit(Reference{Name: n.Name, Function: true})
			}
		case *ast.Exec:
			if len(n.Proc.Parts) > 0 {
				visit(Reference{Name: n.Proc, Function: true})
			}
		}
	})
}

// CTEs are the names of the common table expressions of a tree.
func CTEs(node any) []string {
	var out []string
	walk(reflect.ValueOf(node), func(n any) {
		if w, ok := n.(*ast.CTE); ok {
			out = append(out, w.Name)
		}
	})
	return out
}

// walk visits the nodes of a tree, what is around before what is inside.
func walk(v reflect.Value, visit func(any)) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			walk(v.Elem(), visit)
		}
	case reflect.Pointer:
		if v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return
		}
		visit(v.Interface())
		fields(v.Elem(), visit)
	case reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), visit)
		}
	case reflect.Struct:
		fields(v, visit)
	}
}

func fields(v reflect.Value, visit func(any)) {
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			walk(v.Field(i), visit)
		}
	}
}
