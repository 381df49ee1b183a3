package handler

import (
	"context"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/actor"
	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/internal/clock"
)

// Handler takes statements that the session does not carry out itself: those of the key-management dialect, of logins, permissions
// and databases.
type Handler interface {
	// Statement carries out one statement. handled is false for a statement of another handler. Errors are *msg.Error, msg.List,
	// *sqltype.Error or *raise.Error; any other is internal and its text goes to the log alone.
	Statement(ctx context.Context, c *Context, s ast.Statement) (handled bool, err error)
}

// Func is a function as a Handler.
type Func func(ctx context.Context, c *Context, s ast.Statement) (bool, error)

// Statement calls f.
func (f Func) Statement(ctx context.Context, c *Context, s ast.Statement) (bool, error) {
	return f(ctx, c, s)
}

// Column is a column of a result.
type Column struct {
	Name string
	Type sqltype.Type
}

// Kept is something that lives as long as the session, such as its open keys.
type Kept interface {
	// Reset is called when the connection is reset for the next user of a pool, and at the session's end.
	Reset()
}

// Context is a session as a statement's handler sees it. It is for the goroutine of the statement and ends with it.
type Context struct {
	Parts *Parts
	Frame *scope.Frame
}

// Caller is who runs the statement, in which database.
func (c *Context) Caller() catalog.Caller { return c.Parts.Actor.Caller() }

// Catalog is the server's catalogue.
func (c *Context) Catalog() *catalog.Catalog { return c.Parts.Actor.Catalog }

// Clock is the server's.
func (c *Context) Clock() clock.Clock { return c.Parts.Work.Clock }

// Session is the session's number.
func (c *Context) Session() int { return c.Parts.Actor.ID }

// Settings are the session's SET options, to read.
func (c *Context) Settings() *setting.Settings { return &c.Parts.Work.Set }

// Do carries out operations on the catalogue for the caller and tells the client what they note.
func (c *Context) Do(ctx context.Context, ops ...catalog.Operation) (*model.State, error) {
	r, err := c.Catalog().Do(ctx, c.Caller(), ops...)
	for _, n := range r.Notes {
		c.Info(n)
	}
	return r.State, err
}

// Info tells the client a message that informs, at the statement's line.
func (c *Context) Info(m *msg.Error) {
	c.Parts.Answer.Info(c.Frame.Mark(&raise.Error{Number: m.Number, Severity: uint8(m.Severity), State: uint8(m.State), Text: m.Text}))
}

// Flush sends what the client was told so far: for progress that it wants to see now.
func (c *Context) Flush() { _ = c.Parts.Answer.Flush() } // a broken connection shows at the next token

// Print tells the client a text, as PRINT does.
func (c *Context) Print(text string) {
	c.Parts.Answer.Info(c.Frame.Mark(&raise.Error{State: 1, Text: text}))
}

// Rows begins a result. The one before it, if any, ends; the last ends with the statement.
func (c *Context) Rows(columns ...Column) (*RowWriter, error) {
	return c.Parts.BeginRows(c.Frame, columns)
}

// RowWriter takes the rows of a result.
type RowWriter struct {
	s     *Parts
	types []sqltype.Type
}

// Row sends a row. Values are NULL or of their column's kind.
func (w *RowWriter) Row(values ...sqltype.Value) error { return w.s.Answer.Row(values) }

// Eval computes an expression of an option: a constant, a variable, or anything without rows. The type of NULL is the zero Type.
func (c *Context) Eval(ctx context.Context, x ast.Expr) (sqltype.Value, sqltype.Type, error) {
	return c.Parts.Query.Eval(ctx, c.Frame, x)
}

// Text is the text of a constant or of a variable in its place.
func (c *Context) Text(ctx context.Context, t *ast.Text) (string, error) {
	if t == nil {
		return "", nil
	}
	if !t.Variable {
		return t.Value, nil
	}
	v, _, err := c.Parts.Query.Eval(ctx, c.Frame, &ast.Variable{Name: t.Value})
	return v.Text(), err
}

// SetVariable sets a declared variable, converting the value to its type.
func (c *Context) SetVariable(name string, v sqltype.Value, t sqltype.Type) error {
	return c.Parts.Query.Assign(c.Frame, name, v, t)
}

// InTransaction reports whether the user has a transaction open.
func (c *Context) InTransaction() bool { return c.Parts.Work.Tx.Count() > 0 }

// NotInTransaction is message 226 (574 with out of the list that uses it) if the user has a transaction open: for statements whose
// effects a rollback would not undo.
func (c *Context) NotInTransaction(statement string) error {
	if c.InTransaction() {
		return raise.New(226, statement)
	}
	return nil
}

// Use changes the session's database: messages 911, 916, 924, 942, 945 and so on. The client is told by an ENVCHANGE and
// message 5701.
func (c *Context) Use(ctx context.Context, database string) error {
	return c.Parts.Use(ctx, c.Frame, database)
}

// Identity is who the session acts as now.
func (c *Context) Identity() actor.Identity { return c.Parts.Actor.Identity() }

// Impersonate makes the session act as another until Revert, or until the procedure that called it ends. With noRevert only the end of
// the session or a cookie reverts.
func (c *Context) Impersonate(id actor.Identity, noRevert bool, cookie string) {
	c.Parts.Actor.Impersonate(id, noRevert, cookie)
}

// Revert ends the last Impersonate of this session, "" being no cookie. false means that there is none, or that the cookie is wrong.
func (c *Context) Revert(cookie string) bool { return c.Parts.Actor.Revert(c.Frame, cookie) }

// Impersonated reports whether the session acts as another than who logged in.
func (c *Context) Impersonated() bool { return c.Parts.Actor.Impersonations() > 1 }

// Keep gives what the session keeps under a key, made by create at the first use. key is a value of the keeper's own type.
func (c *Context) Keep(key any, create func() Kept) Kept {
	if k, ok := c.Parts.Kept[key]; ok {
		return k
	}
	k := create()
	c.Parts.Kept[key] = k
	return k
}

// Procedure is a system procedure in Go.
type Procedure struct {
	Name string
	// Params are its parameters in order. A call is matched against them as SQL Server does.
	Params []Param
	// Variadic takes any arguments behind the parameters, by position or name.
	Variadic bool
	Run      func(ctx context.Context, c *Context, args *Args) (status int, err error)
}

// Param is a parameter of a [Procedure].
type Param struct {
	Name     string // with @
	Type     sqltype.Type
	Output   bool
	Optional bool
}

// Args are the arguments of a call, in the order of the procedure's parameters and of their types.
type Args struct {
	Values []sqltype.Value
	Given  []bool // false: left out, or DEFAULT
	Rest   []argument.Arg
}

// Text is argument i as text, "" for NULL.
func (a *Args) Text(i int) string { return a.Values[i].Text() }

// Int is argument i as an integer and whether it was given and is not NULL.
func (a *Args) Int(i int) (int64, bool) {
	return a.Values[i].Int(), a.Given[i] && !a.Values[i].IsNull()
}

// Set sets an output parameter.
func (a *Args) Set(i int, v sqltype.Value) { a.Values[i] = v }

// Message tells the client a message that informs and says where it comes from: system procedures have lines of their own.
func (c *Context) Message(e *raise.Error) { c.Parts.Answer.Info(c.Frame.Mark(e)) }
