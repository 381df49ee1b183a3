package format

import (
	"strconv"
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
)

func (p *printer) statements(list []ast.Statement) {
	for i, s := range list {
		if i > 0 {
			p.S("\n")
		}
		p.stmt(s)
		if _, ok := s.(*ast.Label); !ok {
			p.S(";")
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
	p.S("\n")
	p.statements(list)
	p.When(len(list) > 0, "\n")
}

// nested prints a statement inside IF or WHILE; a MERGE needs its semicolon there.
func (p *printer) nested(s ast.Statement) {
	p.stmt(s)
	if _, ok := s.(*ast.Merge); ok {
		p.S(";")
	}
}

func (p *printer) flow(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.Block:
		p.S("BEGIN")
		if s.Atomic != nil {
			p.S(" ATOMIC WITH (")
			p.Raw(s.Atomic[0].Name)
			p.S(")")
		}
		p.block(s.Body)
		p.S("END")
	case *ast.If:
		p.S("IF ")
		p.Expr(s.Cond)
		p.S(" ")
		if inner, ok := s.Then.(*ast.If); ok && s.Else != nil && inner.Else == nil {
			p.S("BEGIN\n") // or the ELSE would be the inner one's: only a tree made by hand has this
			p.stmt(inner)
			p.S(";\nEND")
		} else {
			p.nested(s.Then)
		}
		if s.Else != nil {
			p.S(" ELSE ")
			p.nested(s.Else)
		}
	case *ast.While:
		p.S("WHILE ")
		p.Expr(s.Cond)
		p.S(" ")
		p.nested(s.Body)
	case *ast.Break:
		p.S("BREAK")
	case *ast.Continue:
		p.S("CONTINUE")
	case *ast.Return:
		p.S("RETURN")
		p.OptExpr(" ", s.Value)
	case *ast.Goto:
		p.Name("GOTO ", s.Label)
	case *ast.Label:
		p.S(phrase.Quote(s.Name), ":")
	case *ast.WaitFor:
		p.S("WAITFOR ", s.Kind)
		p.OptExpr(" ", s.Value)
	case *ast.TryCatch:
		p.S("BEGIN TRY")
		p.block(s.Try)
		p.S("END TRY\nBEGIN CATCH")
		p.block(s.Catch)
		p.S("END CATCH")
	case *ast.Throw:
		p.S("THROW")
		if s.Number != nil {
			p.S(" ")
			p.Exprs([]ast.Expr{s.Number, s.Message, s.State})
		}
	case *ast.Print:
		p.OptExpr("PRINT ", s.X)
	case *ast.RaisError:
		p.S("RAISERROR ")
		p.Args(s.Args)
		p.When(s.Options != nil, " WITH "+strings.Join(s.Options, ", "))
	default:
		return p.transaction(s)
	}
	return true
}

func (p *printer) transaction(s ast.Statement) bool {
	tran := func(verb, name string) {
		p.S(verb, " TRANSACTION")
		p.When(name != "", " "+phrase.QuoteOrVar(name))
	}
	switch s := s.(type) {
	case *ast.BeginTran:
		verb := "BEGIN"
		if s.Distributed {
			verb = "BEGIN DISTRIBUTED"
		}
		tran(verb, s.Name)
		p.When(s.Mark, " WITH MARK")
		if s.MarkText != nil {
			p.OptExpr(" ", s.MarkText)
		}
	case *ast.CommitTran:
		tran("COMMIT", s.Name)
		p.When(s.Durable != "", " WITH (DELAYED_DURABILITY = "+s.Durable+")")
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
		p.S("DECLARE ")
		p.Each(len(s.Variables), func(i int) { p.variable(s.Variables[i]) })
	case *ast.SetVariable:
		p.S("SET ")
		switch {
		case s.Method != nil && s.Method.Property:
			p.Expr(s.Method)
			p.OptExpr(" "+s.Op+" ", s.Value)
		case s.Method != nil:
			p.Expr(s.Method)
		case s.Cursor != nil:
			p.S(s.Name, " = CURSOR")
			p.cursor(s.Cursor)
		default:
			p.S(s.Name)
			p.Masked(phrase.AssignsSecret(s.Name), func() { p.OptExpr(" "+s.Op+" ", s.Value) })
		}
	case *ast.SetOption:
		p.S("SET ")
		names := append([]string(nil), s.Names...)
		for i := range names {
			if w, rest, ok := strings.Cut(names[i], " "); ok && i > 0 && (w == "STATISTICS" || w == "OFFSETS") {
				names[i] = rest
			}
		}
		p.S(strings.Join(names, ", "))
		p.OptExpr(" ", s.Value)
	case *ast.SetIdentityInsert:
		p.S("SET IDENTITY_INSERT ", phrase.ObjectName(s.Table), onOff(s.On))
	case *ast.DeclareCursor:
		p.S("DECLARE ", phrase.Quote(s.Name))
		p.When(s.Def.Insensitive, " INSENSITIVE")
		p.When(s.Def.Scroll, " SCROLL")
		p.S(" CURSOR")
		p.cursor(s.Def)
	case *ast.CursorStmt:
		p.S(s.Action, " ", phrase.CursorName(s.Cursor))
	case *ast.Fetch:
		p.S("FETCH")
		p.When(s.Direction != "", " "+s.Direction)
		p.OptExpr(" ", s.Offset)
		p.S(" FROM ", phrase.CursorName(s.Cursor))
		p.When(s.Into != nil, " INTO "+strings.Join(s.Into, ", "))
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
	p.S(v.Name, " ")
	switch {
	case v.Cursor:
		p.S("CURSOR")
	case v.Table != nil:
		p.S("TABLE ")
		p.tableDef(v.Table)
	default:
		p.S(phrase.DataType(v.Type))
		p.Masked(phrase.AssignsSecret(v.Name), func() { p.OptExpr(" = ", v.Value) })
	}
}

func (p *printer) cursor(d *ast.CursorDef) {
	p.When(d.Options != nil, " "+strings.Join(d.Options, " "))
	p.S(" FOR ")
	p.SelectStmt(d.Query)
	p.When(d.ReadOnly, " FOR READ ONLY")
	p.When(d.Update, " FOR UPDATE")
	if d.UpdateOf != nil {
		p.S(" OF ")
		p.Names(d.UpdateOf)
	}
}

func (p *printer) execStmt(s *ast.Exec) {
	p.When(!s.Implicit, "EXEC ")
	p.When(s.Return != "", s.Return+" = ")
	switch {
	case s.Strings != nil:
		p.S("(")
		p.Masked(phrase.AnyHoldsSecret(s.Strings), func() {
			for i, x := range s.Strings {
				p.When(i > 0, " + ")
				p.Expr(x)
			}
		})
		if s.StringArgs != nil {
			p.S(", ")
			p.execArgs(s.StringArgs)
		}
		p.S(")")
		p.When(s.Context != "", " AS "+s.Context+" = "+phrase.StringLit(s.ContextName))
		p.Name(" AT ", s.Linked)
	case s.ProcVariable != "":
		p.S(s.ProcVariable)
	default:
		p.Object(s.Proc)
		p.When(s.Number != 0, ";"+strconv.Itoa(s.Number))
	}
	if s.Args != nil {
		p.S(" ")
		p.Masked(phrase.IsSecretProcedure(s.Proc), func() { p.execArgs(s.Args) })
	}
	sep := " WITH "
	for _, o := range s.Options {
		p.S(sep, o.Name)
		sep = ", "
	}
	if s.ResultSets != "" {
		p.S(sep, "RESULT SETS ")
		p.Raw(s.ResultSets)
	}
}

func (p *printer) execArgs(list []*ast.ExecArg) {
	p.Each(len(list), func(i int) {
		a := list[i]
		p.When(a.Name != "", a.Name+" = ")
		p.Masked(phrase.AssignsSecret(a.Name), func() { p.Expr(a.Value) })
		p.When(a.Output, " OUTPUT")
	})
}

// rest prints the statements that administer the server.
func (p *printer) rest(s ast.Statement) {
	switch s := s.(type) {
	case *ast.Use:
		p.Name("USE ", s.Database)
	case *ast.Dbcc:
		p.S("DBCC ", s.Command)
		if s.Paren {
			p.S(" (")
			p.Each(len(s.Args), func(i int) { p.dbccArg(s.Args[i].Value) })
			p.S(")")
		}
		if s.Options != nil {
			p.S(" WITH ")
			p.Options(s.Options)
		}
	case *ast.Kill:
		p.S("KILL ")
		p.When(s.Kind != "", s.Kind+" ")
		p.Expr(s.ID)
		p.When(s.StatusOnly, " WITH STATUSONLY")
	case *ast.Checkpoint:
		p.S("CHECKPOINT")
		p.OptExpr(" ", s.Duration)
	case *ast.Reconfigure:
		p.S("RECONFIGURE")
		p.When(s.Override, " WITH OVERRIDE")
	case *ast.Shutdown:
		p.S("SHUTDOWN")
		p.When(s.NoWait, " WITH NOWAIT")
	case *ast.Unsupported:
		p.Raw(s.Text)
	}
}

func (p *printer) dbccArg(e ast.Expr) {
	p.Expr(e)
}
