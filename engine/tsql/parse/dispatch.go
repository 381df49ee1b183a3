package parse

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/database"
	"latchkey/engine/tsql/parse/ddl"
	"latchkey/engine/tsql/parse/query"
	"latchkey/engine/tsql/parse/security"
	"latchkey/engine/tsql/token"
)

// dispatch parses the statement that the current token begins; nil if none can begin so.
func dispatch(c *cursor.Cursor) ast.Statement {
	switch w := c.Keyword(); w {
	case "":
		return plain(c)
	case "SELECT", "INSERT", "DELETE", "MERGE", "WITH":
		return query.Statement(c)
	case "UPDATE":
		if c.IsAt(1, "STATISTICS") {
			return ddl.UpdateStatistics(c)
		}
		return query.Statement(c)
	case "TRUNCATE":
		return query.Truncate(c)
	case "BULK":
		return query.BulkInsert(c)
	case "CREATE":
		return create(c)
	case "ALTER":
		return alter(c)
	case "DROP":
		return ddl.Drop(c)
	case "GRANT", "DENY", "REVOKE":
		return security.Permission(c)
	case "BACKUP", "RESTORE", "OPEN", "CLOSE", "REVERT":
		return keyOrNot(c, w)
	case "EXEC", "EXECUTE":
		return exec(c)
	case "DECLARE":
		return declare(c)
	case "SET":
		return set(c)
	case "FETCH":
		return fetch(c)
	case "DEALLOCATE":
		c.Advance()
		return &ast.CursorStmt{Action: w, Cursor: query.CursorName(c)}
	default:
		if s := flow(c, w); s != nil {
			return s
		}
		return admin(c, w)
	}
}

// keyOrNot parses the words that keys share with databases and cursors.
func keyOrNot(c *cursor.Cursor, w string) ast.Statement {
	var s ast.Statement
	switch w {
	case "REVERT":
		return security.Revert(c)
	case "BACKUP":
		if s = security.Backup(c); s == nil {
			s = database.Backup(c)
		}
	case "RESTORE":
		if s = security.Restore(c); s == nil {
			s = database.Restore(c)
		}
	default:
		if w == "OPEN" {
			s = security.Open(c)
		} else {
			s = security.Close(c)
		}
		if s == nil {
			c.Advance()
			s = &ast.CursorStmt{Action: w, Cursor: query.CursorName(c)}
		}
	}
	return s
}

// plain parses statements that begin with no reserved word.
func plain(c *cursor.Cursor) ast.Statement {
	switch {
	case c.IsSym(token.LParen):
		return query.Statement(c)
	case c.IsSym(token.LBrace):
		return odbcCall(c)
	case !c.IsName() && !c.IsSym(token.Dot):
		return nil
	case c.SymAt(1, token.Colon):
		l := &ast.Label{Name: c.Name()}
		c.Advance()
		return l
	case c.Is("THROW") && !c.SymAt(1, token.Dot):
		return throw(c)
	case c.IsSeq("ENABLE", "TRIGGER"), c.IsSeq("DISABLE", "TRIGGER"):
		return ddl.SwitchTrigger(c)
	case c.IsSeq("GET", "CONVERSATION"), c.IsSeq("MOVE", "CONVERSATION"):
		w := c.AnyWord()
		return ddl.Swallow(c, w+" CONVERSATION", w)
	case c.IsSeq("SEND", "ON"):
		return ddl.Swallow(c, "SEND", "")
	case c.Is("RECEIVE") && (c.Scope.Later || c.SymAt(1, token.LParen) || c.SymAt(1, token.Star) || c.IsAt(1, "TOP")):
		return ddl.Swallow(c, "RECEIVE", "")
	case !c.Scope.Later && c.Scope.Module == "":
		return implicitExec(c)
	}
	return nil
}

// admin parses what administers the server and words that are recognised alone; nil for others.
func admin(c *cursor.Cursor, w string) ast.Statement {
	switch w {
	case "USE":
		if c.Scope.Module != "" {
			c.FailWith(154, "a USE database statement is not allowed in a procedure, function or trigger.")
		}
		c.Advance()
		return &ast.Use{Database: c.Name()}
	case "DBCC":
		return dbcc(c)
	case "KILL":
		return kill(c)
	case "CHECKPOINT":
		c.Advance()
		s := &ast.Checkpoint{}
		if c.Kind() == token.Int {
			s.Duration = c.Literal()
		}
		return s
	case "RECONFIGURE":
		c.Advance()
		s := &ast.Reconfigure{}
		if c.IsSeq("WITH", "OVERRIDE") {
			s.Override = c.Accept("WITH", "OVERRIDE")
		}
		return s
	case "SHUTDOWN":
		c.Advance()
		s := &ast.Shutdown{}
		if c.IsSeq("WITH", "NOWAIT") {
			s.NoWait = c.Accept("WITH", "NOWAIT")
		}
		return s
	case "ADD":
		if c.IsAt(1, "SIGNATURE") || c.IsAt(1, "COUNTER") || c.IsAt(1, "SENSITIVITY") {
			c.Advance()
			return ddl.Unsupported(c, w)
		}
	case "END":
		if c.IsAt(1, "CONVERSATION") {
			return ddl.Swallow(c, "END CONVERSATION", "")
		}
	case "SETUSER", "READTEXT", "WRITETEXT", "UPDATETEXT", "DUMP", "LOAD", "LINENO":
		return ddl.Swallow(c, w, "")
	}
	return nil
}

func kill(c *cursor.Cursor) ast.Statement {
	c.Advance()
	s := &ast.Kill{}
	switch {
	case c.Accept("QUERY", "NOTIFICATION", "SUBSCRIPTION"):
		s.Kind = "QUERY NOTIFICATION SUBSCRIPTION"
	case c.Accept("STATS", "JOB"):
		s.Kind = "STATS JOB"
	}
	if c.Is("ALL") || c.IsLiteral() || c.Kind() == token.Minus || c.Kind() == token.Variable {
		s.ID, _ = c.OptionValue()
	} else {
		c.Fail()
	}
	if c.IsSeq("WITH", "STATUSONLY") {
		s.StatusOnly = c.Accept("WITH", "STATUSONLY")
	}
	return s
}

func dbcc(c *cursor.Cursor) ast.Statement {
	c.Advance()
	s := &ast.Dbcc{Command: c.AnyWord()}
	if c.Sym(token.LParen) {
		s.Paren = true
		for !c.IsSym(token.RParen) {
			o := &ast.Option{}
			if c.IsName() {
				o.Value = &ast.ColumnRef{Name: c.Object()}
			} else {
				o.Value, _ = c.OptionValue()
			}
			s.Args = append(s.Args, o)
			if !c.Comma() {
				break
			}
		}
		c.ExpectSym(token.RParen)
	}
	if c.Accept("WITH") {
		s.Options = c.Options()
	}
	return s
}
