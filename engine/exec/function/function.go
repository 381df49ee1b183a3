// Package function runs scalar functions written in T-SQL: for statements that call them, and for EXEC @r = dbo.f.
//
// A [Runner] is the fn.Functions of a session. The body runs in a scope of its own, on the connection of the statement that calls (tran.Nest),
// so it sees what that statement sees, and it writes nothing: what a body may hold was checked when the function was made (package
// schema/ddl/routine). It answers the client nothing either; its first error is the calling statement's.
//
// Calls nest 32 deep together with procedures: message 217.
package function

import (
	"context"
	"errors"

	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/define"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/query"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/unit"
	"latchkey/engine/exec/work"
	"latchkey/engine/schema/ddl/routine"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/sqlval"
	"latchkey/engine/tsql/ast"
)

// maxDepth is how deep procedures and functions nest.
const maxDepth = 32

// maxKnown bounds the functions that a session remembers.
const maxKnown = 256

// Runner runs the functions of one session. Its parts are to be set.
type Runner struct {
	Work    *work.Session
	Define  *define.Definer
	Query   *query.Runner
	Flow    *flow.Machine
	Answer  *reply.Answer
	Modules *unit.Modules

	known map[key]*function
}

type key struct{ db, id int }

// function is one that was called before.
type function struct {
	*work.Function
	unit *unit.Unit
}

// find finds a function's definition as it is now.
func (r *Runner) find(ctx context.Context, k key) (*function, error) {
	old := r.known[k]
	if old != nil && r.Work.Same(old.Function) {
		return old, nil
	}
	w, err := r.Work.Function(ctx, k.db, k.id)
	if err != nil {
		return nil, err
	}
	if old != nil && old.Function.Function == w.Function {
		old.Function = w
		return old, nil
	}
	tree, err := w.Tree()
	if err != nil {
		return nil, err
	}
	def, ok := tree.(*ast.CreateFunction)
	if !ok || def.Body == nil {
		return nil, raise.Unsupported("FUNCTION " + w.Name)
	}
	if err := routine.Scalar(def.Body); err != nil { // one that an earlier version took
		return nil, err
	}
	f := &function{Function: w}
	if f.unit, err = r.Modules.Get(def, def.Body); err != nil {
		return nil, err
	}
	if r.known == nil || len(r.known) >= maxKnown {
		r.known = make(map[key]*function)
	}
	r.known[k] = f
	return f, nil
}

// Call runs a function: see fn.Functions.
func (r *Runner) Call(ctx context.Context, database, id int, args []sqltype.Value) (sqltype.Value, error) {
	f, err := r.find(ctx, key{database, id})
	if err != nil {
		return sqltype.NullValue, err
	}
	if len(args) != len(f.Params) {
		return sqltype.NullValue, raise.New(313, f.Name)
	}
	if f.NullOnNull {
		for _, a := range args {
			if a.IsNull() {
				return sqltype.NullValue, nil
			}
		}
	}
	in := r.Work.NewFrame(r.Work.Frame, f.unit)
	for i, p := range f.Params {
		in.Define(p.Name, p.Type, args[i])
	}
	return r.run(ctx, f, in)
}

// Execute runs a function with the arguments of EXEC. Messages 201, 8144, 8145.
func (r *Runner) Execute(ctx context.Context, database, id int, args []argument.Arg) (sqltype.Value, sqltype.Type, error) {
	none := sqltype.NullValue
	f, err := r.find(ctx, key{database, id})
	if err != nil {
		return none, sqltype.Type{}, err
	}
	names := make([]string, len(f.Params))
	for i, p := range f.Params {
		names[i] = p.Name
	}
	matched, err := argument.Match(f.Name, names, args)
	if err != nil {
		return none, f.Returns, err
	}
	in := r.Work.NewFrame(r.Work.Frame, f.unit)
	null := false
	for i, p := range f.Params {
		v := in.Define(p.Name, p.Type, none)
		switch a := matched[i]; {
		case a != nil && a.Output:
			return none, f.Returns, raise.New(8162, p.Name).In(f.Name)
		case a != nil && !a.Default:
			v.Value, err = r.Query.FitParameter(a, p.Type)
		case p.Default == nil:
			err = raise.New(201, f.Name, p.Name).In(f.Name)
		default:
			var e ast.Expr
			if e, err = p.Default.Tree(); err == nil {
				v.Value, err = r.Query.Converted(ctx, in, e, v)
			}
		}
		if err != nil {
			return none, f.Returns, err
		}
		null = null || v.Value.IsNull()
	}
	if null && f.NullOnNull {
		return none, f.Returns, nil
	}
	v, err := r.run(ctx, f, in)
	return v, f.Returns, err
}

// run runs the body in a scope that has its parameters.
func (r *Runner) run(ctx context.Context, f *function, in *scope.Frame) (sqltype.Value, error) {
	if r.Flow.Depth >= maxDepth {
		return sqltype.NullValue, raise.New(217)
	}
	in.Proc, in.ProcID, in.ProcDB, in.Owner = f.Name, f.ID, f.Database, f.Owner
	in.Module, in.Line = true, 1
	in.Returns = &scope.Variable{Name: f.Name, Type: f.Returns, Known: true}
	leave := r.Work.Nest(in)
	if f.QuotedIdentifier != r.Work.Set.Has(setting.QuotedIdentifier) || f.ANSINulls != r.Work.Set.Has(setting.AnsiNulls) {
		r.Work.ModuleSettings(f.QuotedIdentifier, f.ANSINulls)
	}
	answer := *r.Answer
	var told deaf
	r.Answer.Writer = *reply.New(&told)
	r.Flow.Depth++
	r.Flow.Tries++ // an error inside ends the statement that calls
	sig, err := r.Flow.List(ctx, in, in.Unit.Statements)
	r.Flow.Tries--
	r.Flow.Depth--
	*r.Answer = answer
	r.Define.Leave(ctx, in)
	leave()
	if err == nil {
		err = told.failed
	}
	if err == nil {
		err = flow.Astray(sig)
	}
	if err != nil {
		return sqltype.NullValue, called(err)
	}
	return in.Returns.Value, nil
}

// called is the error of a body as the statement that calls sees it.
func called(err error) error {
	var caught *flow.CaughtError
	if !errors.As(err, &caught) {
		return err
	}
	out := make(raise.List, len(caught.List))
	for i, e := range caught.List {
		n := *e
		n.Called = true
		out[i] = &n
	}
	return out
}

// deaf takes an answer and drops it, but for an error.
type deaf struct{ failed error }

// Token keeps an error.
func (d *deaf) Token(t tds.ServerToken) error {
	if m, ok := t.(*tds.Message); ok && !m.Info && d.failed == nil {
		d.failed = raise.List{{Number: int(m.Number), Severity: m.Class, State: m.State, Text: m.Text, Proc: m.Procedure, Line: int(m.Line), Called: true}}
	}
	return nil
}

// Row refuses rows: a function has none for the client.
func (*deaf) Row(*sqlval.Rows, []sqltype.Value) error { return raise.New(444) }

// Output drops a parameter.
func (*deaf) Output(string, int, sqltype.Type, sqltype.Value) error { return nil }

// Flush does nothing.
func (*deaf) Flush() error { return nil }

// Version is the newest.
func (*deaf) Version() tds.Version { return tds.V74 }
