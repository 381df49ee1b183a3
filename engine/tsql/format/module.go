package format

import (
	"strconv"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
)

func (p *printer) module(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateView:
		p.S(string(s.Mode), " VIEW ", phrase.ObjectName(s.Name))
		p.ParenNames(" ", s.Columns)
		p.When(s.Options != nil, " WITH "+joinUpper(s.Options))
		p.S(" AS\n")
		p.SelectStmt(s.Query)
		p.When(s.CheckOption, " WITH CHECK OPTION")
	case *ast.CreateProc:
		p.S(string(s.Mode), " PROCEDURE ", phrase.ObjectName(s.Name))
		p.When(s.Number != 0, ";"+strconv.Itoa(s.Number))
		p.When(s.Params != nil, " ")
		p.params(s.Params)
		p.moduleOptions(s.Options)
		p.When(s.ForReplication, " FOR REPLICATION")
		p.S(" AS\n")
		p.externalOr(s.External, s.Body)
	case *ast.CreateFunction:
		p.createFunction(s)
	case *ast.CreateTrigger:
		p.S(string(s.Mode), " TRIGGER ", phrase.ObjectName(s.Name), " ON ", s.Scope, phrase.ObjectName(s.On))
		p.moduleOptions(s.Options)
		p.S(" ", s.When, " ", joinUpper(s.Events))
		p.When(s.Append, " WITH APPEND")
		p.When(s.NotForReplication, " NOT FOR REPLICATION")
		p.S(" AS\n")
		p.externalOr(s.External, s.Body)
	case *ast.SwitchTrigger:
		p.S(map[bool]string{true: "ENABLE", false: "DISABLE"}[s.Enable], " TRIGGER ")
		if s.Names == nil {
			p.S("ALL")
		}
		p.Objects(s.Names)
		p.S(" ON ", s.Scope, phrase.ObjectName(s.On))
	default:
		return p.otherObject(s)
	}
	return true
}

func (p *printer) createFunction(s *ast.CreateFunction) {
	p.S(string(s.Mode), " FUNCTION ", phrase.ObjectName(s.Name), " (")
	p.params(s.Params)
	p.S(") RETURNS ")
	switch {
	case s.Returns != nil:
		p.S(phrase.DataType(s.Returns))
	case s.TableVariable != "":
		p.S(s.TableVariable, " TABLE ")
		p.tableDef(s.Table)
	default:
		p.S("TABLE")
		if s.Table != nil {
			p.S(" ")
			p.tableDef(s.Table)
		}
	}
	p.moduleOptions(s.Options)
	p.S(" AS\n")
	switch {
	case s.External != nil:
		p.externalOr(s.External, nil)
	case s.Query != nil:
		p.S("RETURN (")
		p.SelectStmt(s.Query)
		p.S(")")
	default:
		p.S("BEGIN")
		p.block(s.Body)
		p.S("END")
	}
}

func (p *printer) otherObject(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateSchema:
		p.S("CREATE SCHEMA ", phrase.Quote(s.Name))
		p.Name(" AUTHORIZATION ", s.Authorization)
		for _, e := range s.Elements {
			p.S("\n")
			p.stmt(e)
		}
	case *ast.TransferSchema:
		p.S("ALTER SCHEMA ", phrase.Quote(s.Name), " TRANSFER ")
		p.When(s.Class != "", s.Class+"::")
		p.Object(s.Object)
	case *ast.Sequence:
		p.S(string(s.Mode), " SEQUENCE ", phrase.ObjectName(s.Name))
		if s.Type != nil {
			p.S(" AS ", phrase.DataType(s.Type))
		}
		for _, o := range s.Options {
			p.S(" ", o.Name)
			p.OptExpr(" ", o.Value)
		}
	case *ast.CreateSynonym:
		p.S("CREATE SYNONYM ", phrase.ObjectName(s.Name), " FOR ", phrase.ObjectName(s.For))
	case *ast.CreateType:
		p.S("CREATE TYPE ", phrase.ObjectName(s.Name))
		switch {
		case s.Base != nil:
			p.S(" FROM ", phrase.DataType(s.Base))
			p.When(s.Nullable != "", " "+s.Nullable)
		case s.Table != nil:
			p.S(" AS TABLE ")
			p.tableDef(s.Table)
			p.OptionList(s.Options)
		default:
			p.S(" ")
			p.externalOr(s.External, nil)
		}
	default:
		return false
	}
	return true
}
