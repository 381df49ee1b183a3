package format

import (
	"strconv"
	"strings"

	"latchkey/engine/tsql/ast"
)

func (p *printer) statements(list []ast.Statement) {
	for i, s := range list {
		if i > 0 {
			p.s("\n")
		}
		p.stmt(s)
		if _, ok := s.(*ast.Label); !ok {
			p.s(";")
		}
	}
}

// stmt prints a statement without a semicolon.
func (p *printer) stmt(s ast.Statement) {
	if p.dml(s) || p.flow(s) || p.exec(s) || p.table(s) || p.module(s) || p.principal(s) || p.key(s) || p.database(s) {
		return
	}
	p.rest(s)
}

func (p *printer) block(list []ast.Statement) {
	p.s("\n")
	p.statements(list)
	p.when(len(list) > 0, "\n")
}

// nested prints a statement inside IF or WHILE; a MERGE needs its semicolon there.
func (p *printer) nested(s ast.Statement) {
	p.stmt(s)
	if _, ok := s.(*ast.Merge); ok {
		p.s(";")
	}
}

func (p *printer) flow(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.Block:
		p.s("BEGIN")
		if s.Atomic != nil {
			p.s(" ATOMIC WITH (")
			p.raw(s.Atomic[0].Name)
			p.s(")")
		}
		p.block(s.Body)
		p.s("END")
	case *ast.If:
		p.s("IF ")
		p.expr(s.Cond)
		p.s(" ")
		if inner, ok := s.Then.(*ast.If); ok && s.Else != nil && inner.Else == nil {
			p.s("BEGIN\n") // or the ELSE would be the inner one's: only a tree made by hand has this
			p.stmt(inner)
			p.s(";\nEND")
		} else {
			p.nested(s.Then)
		}
		if s.Else != nil {
			p.s(" ELSE ")
			p.nested(s.Else)
		}
	case *ast.While:
		p.s("WHILE ")
		p.expr(s.Cond)
		p.s(" ")
		p.nested(s.Body)
	case *ast.Break:
		p.s("BREAK")
	case *ast.Continue:
		p.s("CONTINUE")
	case *ast.Return:
		p.s("RETURN")
		p.optExpr(" ", s.Value)
	case *ast.Goto:
		p.name("GOTO ", s.Label)
	case *ast.Label:
		p.s(quote(s.Name), ":")
	case *ast.WaitFor:
		p.s("WAITFOR ", s.Kind)
		p.optExpr(" ", s.Value)
	case *ast.TryCatch:
		p.s("BEGIN TRY")
		p.block(s.Try)
		p.s("END TRY\nBEGIN CATCH")
		p.block(s.Catch)
		p.s("END CATCH")
	case *ast.Throw:
		p.s("THROW")
		if s.Number != nil {
			p.s(" ")
			p.exprs([]ast.Expr{s.Number, s.Message, s.State})
		}
	case *ast.Print:
		p.optExpr("PRINT ", s.X)
	case *ast.RaisError:
		p.s("RAISERROR ")
		p.args(s.Args)
		p.when(s.Options != nil, " WITH "+strings.Join(s.Options, ", "))
	default:
		return p.transaction(s)
	}
	return true
}

func (p *printer) transaction(s ast.Statement) bool {
	tran := func(verb, name string) {
		p.s(verb, " TRANSACTION")
		p.when(name != "", " "+quoteOrVar(name))
	}
	switch s := s.(type) {
	case *ast.BeginTran:
		verb := "BEGIN"
		if s.Distributed {
			verb = "BEGIN DISTRIBUTED"
		}
		tran(verb, s.Name)
		p.when(s.Mark, " WITH MARK")
		if s.MarkText != nil {
			p.optExpr(" ", s.MarkText)
		}
	case *ast.CommitTran:
		tran("COMMIT", s.Name)
		p.when(s.Durable != "", " WITH (DELAYED_DURABILITY = "+s.Durable+")")
	case *ast.RollbackTran:
		tran("ROLLBACK", s.Name)
	case *ast.SaveTran:
		tran("SAVE", s.Name)
	default:
		return false
	}
	return true
}

func (p *printer) exec(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.Exec:
		p.execStmt(s)
	case *ast.Declare:
		p.s("DECLARE ")
		p.each(len(s.Variables), func(i int) { p.variable(s.Variables[i]) })
	case *ast.SetVariable:
		p.s("SET ")
		switch {
		case s.Method != nil && s.Method.Property:
			p.expr(s.Method)
			p.optExpr(" "+s.Op+" ", s.Value)
		case s.Method != nil:
			p.expr(s.Method)
		case s.Cursor != nil:
			p.s(s.Name, " = CURSOR")
			p.cursor(s.Cursor)
		default:
			p.s(s.Name)
			p.masked(assignsSecret(s.Name), func() { p.optExpr(" "+s.Op+" ", s.Value) })
		}
	case *ast.SetOption:
		p.s("SET ")
		names := append([]string(nil), s.Names...)
		for i := range names {
			if w, rest, ok := strings.Cut(names[i], " "); ok && i > 0 && (w == "STATISTICS" || w == "OFFSETS") {
				names[i] = rest
			}
		}
		p.s(strings.Join(names, ", "))
		p.optExpr(" ", s.Value)
	case *ast.SetIdentityInsert:
		p.s("SET IDENTITY_INSERT ", object(s.Table), onOff(s.On))
	case *ast.DeclareCursor:
		p.s("DECLARE ", quote(s.Name))
		p.when(s.Def.Insensitive, " INSENSITIVE")
		p.when(s.Def.Scroll, " SCROLL")
		p.s(" CURSOR")
		p.cursor(s.Def)
	case *ast.CursorStmt:
		p.s(s.Action, " ", cursorName(s.Cursor))
	case *ast.Fetch:
		p.s("FETCH")
		p.when(s.Direction != "", " "+s.Direction)
		p.optExpr(" ", s.Offset)
		p.s(" FROM ", cursorName(s.Cursor))
		p.when(s.Into != nil, " INTO "+strings.Join(s.Into, ", "))
	default:
		return false
	}
	return true
}

func onOff(on bool) string {
	if on {
		return " ON"
	}
	return " OFF"
}

func (p *printer) variable(v *ast.VariableDecl) {
	p.s(v.Name, " ")
	switch {
	case v.Cursor:
		p.s("CURSOR")
	case v.Table != nil:
		p.s("TABLE ")
		p.tableDef(v.Table)
	default:
		p.s(dataType(v.Type))
		p.masked(assignsSecret(v.Name), func() { p.optExpr(" = ", v.Value) })
	}
}

func (p *printer) cursor(d *ast.CursorDef) {
	p.when(d.Options != nil, " "+strings.Join(d.Options, " "))
	p.s(" FOR ")
	p.selectStmt(d.Query)
	p.when(d.ReadOnly, " FOR READ ONLY")
	p.when(d.Update, " FOR UPDATE")
	if d.UpdateOf != nil {
		p.s(" OF ")
		p.names(d.UpdateOf)
	}
}

func (p *printer) execStmt(s *ast.Exec) {
	p.when(!s.Implicit, "EXEC ")
	p.when(s.Return != "", s.Return+" = ")
	switch {
	case s.Strings != nil:
		p.s("(")
		for i, x := range s.Strings {
			p.when(i > 0, " + ")
			p.expr(x)
		}
		if s.StringArgs != nil {
			p.s(", ")
			p.execArgs(s.StringArgs)
		}
		p.s(")")
		p.when(s.Context != "", " AS "+s.Context+" = "+stringLit(s.ContextName))
		p.name(" AT ", s.Linked)
	case s.ProcVariable != "":
		p.s(s.ProcVariable)
	default:
		p.object(s.Proc)
		p.when(s.Number != 0, ";"+strconv.Itoa(s.Number))
	}
	if s.Args != nil {
		p.s(" ")
		p.masked(isSecretProcedure(s.Proc), func() { p.execArgs(s.Args) })
	}
	sep := " WITH "
	for _, o := range s.Options {
		p.s(sep, o.Name)
		sep = ", "
	}
	if s.ResultSets != "" {
		p.s(sep, "RESULT SETS ")
		p.raw(s.ResultSets)
	}
}

func (p *printer) execArgs(list []*ast.ExecArg) {
	p.each(len(list), func(i int) {
		a := list[i]
		p.when(a.Name != "", a.Name+" = ")
		p.masked(assignsSecret(a.Name), func() { p.expr(a.Value) })
		p.when(a.Output, " OUTPUT")
	})
}

// rest prints the statements that administer the server.
func (p *printer) rest(s ast.Statement) {
	switch s := s.(type) {
	case *ast.Use:
		p.name("USE ", s.Database)
	case *ast.Dbcc:
		p.s("DBCC ", s.Command)
		if s.Paren {
			p.s(" (")
			p.each(len(s.Args), func(i int) { p.dbccArg(s.Args[i].Value) })
			p.s(")")
		}
		if s.Options != nil {
			p.s(" WITH ")
			p.options(s.Options)
		}
	case *ast.Kill:
		p.s("KILL ")
		p.when(s.Kind != "", s.Kind+" ")
		p.expr(s.ID)
		p.when(s.StatusOnly, " WITH STATUSONLY")
	case *ast.Checkpoint:
		p.s("CHECKPOINT")
		p.optExpr(" ", s.Duration)
	case *ast.Reconfigure:
		p.s("RECONFIGURE")
		p.when(s.Override, " WITH OVERRIDE")
	case *ast.Shutdown:
		p.s("SHUTDOWN")
		p.when(s.NoWait, " WITH NOWAIT")
	case *ast.Unsupported:
		p.raw(s.Text)
	}
}

func (p *printer) dbccArg(e ast.Expr) {
	p.expr(e)
}
