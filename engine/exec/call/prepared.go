package call

import (
	"context"
	"slices"
	"strings"

	"latchkey/engine/exec/argument"
	"latchkey/engine/exec/flow"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/unit"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/sqlval"
	"latchkey/engine/tsql/ast"
)

// prepared is what sp_prepare made.
type prepared struct {
	unit  *unit.Unit
	types parameterTypes
}

// returned is an output parameter on its way back.
type returned struct {
	name    string
	ordinal int
	t       sqltype.Type
	v       sqltype.Value
}

// Remote runs one call.
func (s *Caller) Remote(ctx context.Context, c *tds.Call) error {
	name := c.Name()
	f := &s.outer
	*f = scope.Frame{Unit: &s.nothing, Saved: s.Work.Set, Acting: s.Actor.Impersonations(), Line: 1}
	if strings.EqualFold(name, "sp_reset_connection") {
		return s.Answer.ProcDone(new(int32), false)
	}
	known := s.recently(c)
	from := 0
	if known != nil {
		from = 2 // the text and the declaration are known
	}
	args, err := s.decode(c, from)
	if err != nil {
		return s.remoteFailed(ctx, f, err)
	}
	defer s.reuse(args)
	back := outputs(c, args)
	var result outcome
	if known != nil {
		result, err = s.executeSQL(ctx, f, known.unit, args, &known.types)
	} else {
		result, err = s.remoteCall(ctx, f, name, c, args)
	}
	if err != nil {
		return s.remoteFailed(ctx, f, err)
	}
	if result.sig.Kind == flow.Stop {
		if err := s.Answer.ProcDone(nil, true); err != nil {
			return err
		}
		return flow.ErrStop
	}
	if err := s.Answer.Status(result.status); err != nil {
		return err
	}
	if back != nil {
		for _, r := range *back {
			if err := s.Answer.Output(r.name, r.ordinal, r.t, r.v); err != nil {
				return err
			}
		}
	}
	return s.Answer.ProcDone(nil, false)
}

// outputs gathers what comes back for the output parameters of a call; nil if it has none.
func outputs(c *tds.Call, args []argument.Arg) *[]returned {
	if !slices.ContainsFunc(args, func(a argument.Arg) bool { return a.Output }) {
		return nil
	}
	back := new([]returned)
	for i := range args {
		a := &args[i]
		if !a.Output {
			continue
		}
		name, ordinal, t := c.Params[a.Ordinal].Name, a.Ordinal, a.Type
		a.Set = func(v sqltype.Value, from sqltype.Type) error {
			if from.Kind != sqltype.Null {
				t = from
			}
			*back = append(*back, returned{name, ordinal, t, v})
			return nil
		}
	}
	return back
}

// remoteFailed tells an error of a call.
func (s *Caller) remoteFailed(ctx context.Context, f *scope.Frame, err error) error {
	if err == flow.ErrStop || ctx.Err() != nil {
		return err
	}
	s.Flow.Tries = 0
	sig, err := s.Flow.Failed(ctx, f, nil, err)
	if err != nil {
		return err
	}
	if err := s.Answer.ProcDone(nil, true); err != nil {
		return err
	}
	if sig.Kind != flow.Next {
		return flow.ErrStop
	}
	return nil
}

// decode makes arguments of a call's parameters, from one of them on.
func (s *Caller) decode(c *tds.Call, from int) ([]argument.Arg, error) {
	args := slices.Grow(s.args[:0], len(c.Params)-from)[:len(c.Params)-from]
	coll := s.Work.Collation()
	for i := range args {
		p := &c.Params[i+from]
		a := &args[i]
		*a = argument.Arg{Name: p.Name, Output: p.Output, Ordinal: i + from, Default: p.Default}
		if p.Table != nil {
			a.Rows = p.Table
			continue
		}
		t, err := sqlval.TypeOf(p.Type, coll)
		if err != nil {
			return nil, err
		}
		a.Type = t
		if a.Value, err = sqlval.Decode(t, p.Value); err != nil {
			return nil, err
		}
	}
	return args, nil
}

// reuse keeps the place of arguments for the next call, without what was in them.
func (s *Caller) reuse(args []argument.Arg) {
	const much = 64
	if cap(args) > much {
		s.args = nil
		return
	}
	clear(args)
	s.args = args
}

// remoteCall runs a call of the family of sp_executesql, or a procedure by name.
func (s *Caller) remoteCall(ctx context.Context, f *scope.Frame, name string, c *tds.Call, args []argument.Arg) (outcome, error) {
	if c.Proc == "" && c.ProcID == tds.ProcExecuteSQL {
		return s.executeText(ctx, f, c, args)
	}
	if c.Proc == "" || strings.HasPrefix(name, "sp_") {
		if run := s.dynamic(strings.ToLower(name)); run != nil {
			return run(ctx, f, args)
		}
	}
	n, err := argument.SplitName(name)
	if err != nil {
		return outcome{}, err
	}
	return s.call(ctx, f, n, args)
}

// Dynamic are the names of the procedures that run text.
func Dynamic() []string {
	return []string{"sp_executesql", "sp_prepare", "sp_prepexec", "sp_execute", "sp_unprepare"}
}

// dynamic finds the procedures that run text, by name; nil for any other.
func (s *Caller) dynamic(name string) func(context.Context, *scope.Frame, []argument.Arg) (outcome, error) {
	switch name {
	case "sp_executesql":
		return s.spExecuteSQL
	case "sp_prepare":
		return s.spPrepare
	case "sp_prepexec":
		return s.spPrepExec
	case "sp_execute":
		return s.spExecute
	case "sp_unprepare":
		return s.spUnprepare
	case "sp_cursor", "sp_cursoropen", "sp_cursorprepare", "sp_cursorexecute", "sp_cursorprepexec", "sp_cursorunprepare", "sp_cursorfetch",
		"sp_cursoroption", "sp_cursorclose", "sp_prepexecrpc":
		return func(context.Context, *scope.Frame, []argument.Arg) (outcome, error) {
			return outcome{}, raise.Unsupported(name)
		}
	}
	return nil
}

// spExecuteSQL is sp_executesql @stmt, @params, values.
func (s *Caller) spExecuteSQL(ctx context.Context, f *scope.Frame, args []argument.Arg) (outcome, error) {
	return s.executeText(ctx, f, nil, args)
}

// executeText is sp_executesql; c is the client's call, nil for one in T-SQL.
func (s *Caller) executeText(ctx context.Context, f *scope.Frame, c *tds.Call, args []argument.Arg) (outcome, error) {
	if len(args) > 0 && args[0].Name != "" { // by name: @stmt and @params may be swapped
		args = argument.Reorder(args, "@stmt", "@params")
	}
	if c == nil && len(args) > 0 && !args[0].Value.IsNull() && !unicode(args[0].Type) { // drivers send what they like
		return outcome{}, raise.New(214, "@statement", "ntext/nchar/nvarchar").At(1, "sp_executesql")
	}
	stmt, err := argument.Text(args, 0, "@statement", "ntext/nchar/nvarchar")
	if err != nil {
		return outcome{}, err
	}
	params := ""
	rest := args[1:]
	if len(rest) > 0 {
		if params, err = argument.Text(args, 1, "@parameters", "ntext/nchar/nvarchar"); err != nil {
			return outcome{}, err
		}
		rest = rest[1:]
	}
	u, err := s.Parts.Parse(stmt, params)
	if err != nil {
		return outcome{}, err
	}
	known := s.remember(c, u)
	if known == nil {
		known = &recent{}
	}
	return s.executeSQL(ctx, f, u, rest, &known.types)
}

func unicode(t sqltype.Type) bool {
	return t.Kind == sqltype.NVarChar || t.Kind == sqltype.NChar || t.Kind == sqltype.NText
}

// maxPrepared bounds the handles of one session.
const maxPrepared = 10000

func (s *Caller) prepare(u *unit.Unit) (int32, error) {
	if len(s.prepared) >= maxPrepared {
		return 0, raise.New(701)
	}
	if s.prepared == nil {
		s.prepared = make(map[int32]*prepared)
	}
	s.handle++
	s.prepared[s.handle] = &prepared{unit: u}
	return s.handle, nil
}

// spPrepare is sp_prepare @handle OUTPUT, @params, @stmt, @options.
func (s *Caller) spPrepare(ctx context.Context, f *scope.Frame, args []argument.Arg) (outcome, error) {
	u, err := s.prepareUnit(args)
	if err != nil {
		return outcome{}, err
	}
	if err := s.describe(ctx, f, u); err != nil {
		return outcome{}, append(raise.List(raise.From(err)), raise.New(8180))
	}
	h, err := s.prepare(u)
	if err != nil {
		return outcome{}, err
	}
	return outcome{}, argument.SetHandle(args, h)
}

func (s *Caller) prepareUnit(args []argument.Arg) (*unit.Unit, error) {
	params := ""
	var err error
	if len(args) > 1 && !args[1].Value.IsNull() {
		if params, err = argument.Text(args, 1, "@params", "ntext/nchar/nvarchar"); err != nil {
			return nil, err
		}
	}
	stmt, err := argument.Text(args, 2, "@stmt", "ntext/nchar/nvarchar")
	if err != nil {
		return nil, err
	}
	return s.Parts.Parse(stmt, params)
}

// describe tells the columns of the first result of a unit, if its first statement is a query: what sp_prepare answers.
func (s *Caller) describe(ctx context.Context, f *scope.Frame, u *unit.Unit) error {
	if len(u.Statements) == 0 {
		return nil
	}
	q, ok := u.Statements[0].(*ast.SelectStmt)
	if !ok {
		return nil
	}
	k, err := s.Query.Describe(ctx, f, u, q)
	if err != nil || k == nil {
		return err
	}
	s.Answer.Enter()
	defer s.Answer.Leave()
	if err := s.Answer.Rows(k.Result); err != nil {
		return err
	}
	s.Answer.EndRows()
	return s.Answer.Done(tds.CommandSelect, true, 0, false)
}

// spPrepExec is sp_prepexec @handle OUTPUT, @params, @stmt, values.
func (s *Caller) spPrepExec(ctx context.Context, f *scope.Frame, args []argument.Arg) (outcome, error) {
	u, err := s.prepareUnit(args)
	if err != nil {
		return outcome{}, err
	}
	h, err := s.prepare(u)
	if err != nil {
		return outcome{}, err
	}
	out, err := s.executeSQL(ctx, f, u, args[3:], &s.prepared[h].types)
	if err != nil {
		delete(s.prepared, h)
		return out, err
	}
	return out, argument.SetHandle(args, h)
}

// handleArg finds a prepared statement: message 8179.
func (s *Caller) handleArg(args []argument.Arg) (int32, *prepared, error) {
	if len(args) == 0 {
		return 0, nil, raise.New(214, "@handle", "int")
	}
	h := int32(args[0].Value.Int())
	p := s.prepared[h]
	if p == nil {
		return 0, nil, raise.New(8179, h)
	}
	return h, p, nil
}

// spExecute is sp_execute @handle, values.
func (s *Caller) spExecute(ctx context.Context, f *scope.Frame, args []argument.Arg) (outcome, error) {
	_, p, err := s.handleArg(args)
	if err != nil {
		return outcome{}, err
	}
	return s.executeSQL(ctx, f, p.unit, args[1:], &p.types)
}

// spUnprepare is sp_unprepare @handle.
func (s *Caller) spUnprepare(_ context.Context, _ *scope.Frame, args []argument.Arg) (outcome, error) {
	h, _, err := s.handleArg(args)
	if err != nil {
		return outcome{}, err
	}
	delete(s.prepared, h)
	return outcome{}, nil
}
