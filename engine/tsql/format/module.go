package format

import (
	"strconv"

	"latchkey/engine/tsql/ast"
)

func (p *printer) module(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateView:
		p.s(string(s.Mode), " VIEW ", object(s.Name))
		p.parenNames(" ", s.Columns)
		p.when(s.Options != nil, " WITH "+joinUpper(s.Options))
		p.s(" AS\n")
		p.selectStmt(s.Query)
		p.when(s.CheckOption, " WITH CHECK OPTION")
	case *ast.CreateProc:
		p.s(string(s.Mode), " PROCEDURE ", object(s.Name))
		p.when(s.Number != 0, ";"+strconv.Itoa(s.Number))
		p.when(s.Params != nil, " ")
		p.params(s.Params)
		p.moduleOptions(s.Options)
		p.when(s.ForReplication, " FOR REPLICATION")
		p.s(" AS\n")
		p.externalOr(s.External, s.Body)
	case *ast.CreateFunction:
		p.createFunction(s)
	case *ast.CreateTrigger:
		p.s(string(s.Mode), " TRIGGER ", object(s.Name), " ON ", s.Scope, object(s.On))
		p.moduleOptions(s.Options)
		p.s(" ", s.When, " ", joinUpper(s.Events))
		p.when(s.Append, " WITH APPEND")
		p.when(s.NotForReplication, " NOT FOR REPLICATION")
		p.s(" AS\n")
		p.externalOr(s.External, s.Body)
	case *ast.SwitchTrigger:
		p.s(map[bool]string{true: "ENABLE", false: "DISABLE"}[s.Enable], " TRIGGER ")
		if s.Names == nil {
			p.s("ALL")
		}
		p.objects(s.Names)
		p.s(" ON ", s.Scope, object(s.On))
	default:
		return p.otherObject(s)
	}
	return true
}

func (p *printer) createFunction(s *ast.CreateFunction) {
	p.s(string(s.Mode), " FUNCTION ", object(s.Name), " (")
	p.params(s.Params)
	p.s(") RETURNS ")
	switch {
	case s.Returns != nil:
		p.s(dataType(s.Returns))
	case s.TableVariable != "":
		p.s(s.TableVariable, " TABLE ")
		p.tableDef(s.Table)
	default:
		p.s("TABLE")
		if s.Table != nil {
			p.s(" ")
			p.tableDef(s.Table)
		}
	}
	p.moduleOptions(s.Options)
	p.s(" AS\n")
	switch {
	case s.External != nil:
		p.externalOr(s.External, nil)
	case s.Query != nil:
		p.s("RETURN (")
		p.selectStmt(s.Query)
		p.s(")")
	default:
		p.s("BEGIN")
		p.block(s.Body)
		p.s("END")
	}
}

func (p *printer) otherObject(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateSchema:
		p.s("CREATE SCHEMA ", quote(s.Name))
		p.name(" AUTHORIZATION ", s.Authorization)
		for _, e := range s.Elements {
			p.s("\n")
			p.stmt(e)
		}
	case *ast.TransferSchema:
		p.s("ALTER SCHEMA ", quote(s.Name), " TRANSFER ")
		p.when(s.Class != "", s.Class+"::")
		p.object(s.Object)
	case *ast.Sequence:
		p.s(string(s.Mode), " SEQUENCE ", object(s.Name))
		if s.Type != nil {
			p.s(" AS ", dataType(s.Type))
		}
		for _, o := range s.Options {
			p.s(" ", o.Name)
			p.optExpr(" ", o.Value)
		}
	case *ast.CreateSynonym:
		p.s("CREATE SYNONYM ", object(s.Name), " FOR ", object(s.For))
	case *ast.CreateType:
		p.s("CREATE TYPE ", object(s.Name))
		switch {
		case s.Base != nil:
			p.s(" FROM ", dataType(s.Base))
			p.when(s.Nullable != "", " "+s.Nullable)
		case s.Table != nil:
			p.s(" AS TABLE ")
			p.tableDef(s.Table)
			p.optionList(s.Options)
		default:
			p.s(" ")
			p.externalOr(s.External, nil)
		}
	default:
		return false
	}
	return true
}
