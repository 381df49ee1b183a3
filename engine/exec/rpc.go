package exec

import (
	"context"
	"strings"

	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/unit"
	"latchkey/engine/sqltype"
	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/engine/tds/sqlval"
	"latchkey/engine/tsql/ast"
)

// prepared is what sp_prepare made.
type prepared struct {
	unit *unit.Unit
}

// returned is an output parameter on its way back.
type returned struct {
	name    string
	ordinal int
	t       sqltype.Type
	v       sqltype.Value
}

// RPC runs procedure calls.
func (s *Session) RPC(ctx context.Context, m *tds.RPC, out *conn.Reply) error {
	return s.request(ctx, out, func(ctx context.Context) error {
		for i := range m.Calls {
			if err := s.remote(ctx, &m.Calls[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// remote runs one call.
func (s *Session) remote(ctx context.Context, c *tds.Call) error {
	name := c.Name()
	f := &frame{unit: &unit.Unit{}, saved: s.set, acting: len(s.acting), line: 1}
	if strings.EqualFold(name, "sp_reset_connection") {
		return s.out.ProcDone(new(int32), false)
	}
	args, err := s.decode(c)
	if err != nil {
		return s.remoteFailed(ctx, f, err)
	}
	var back []returned
	for i := range args {
		a := &args[i]
		if a.output {
			t := a.typ
			a.set = func(v sqltype.Value, from sqltype.Type) error {
				if from.Kind != sqltype.Null {
					t = from
				}
				back = append(back, returned{c.Params[a.ordinal].Name, a.ordinal, t, v})
				return nil
			}
		}
	}
	result, err := s.remoteCall(ctx, f, name, c, args)
	if err != nil {
		return s.remoteFailed(ctx, f, err)
	}
	if result.sig.kind == stop {
		if err := s.out.ProcDone(nil, true); err != nil {
			return err
		}
		return errStop
	}
	if err := s.out.Status(result.status); err != nil {
		return err
	}
	for _, r := range back {
		if err := s.out.Output(r.name, r.ordinal, r.t, r.v); err != nil {
			return err
		}
	}
	return s.out.ProcDone(nil, false)
}

// remoteFailed tells an error of a call.
func (s *Session) remoteFailed(ctx context.Context, f *frame, err error) error {
	if err == errStop || ctx.Err() != nil {
		return err
	}
	s.tries = 0
	sig, err := s.failed(ctx, f, nil, err)
	if err != nil {
		return err
	}
	if err := s.out.ProcDone(nil, true); err != nil {
		return err
	}
	if sig.kind != next {
		return errStop
	}
	return nil
}

// decode makes arguments of a call's parameters.
func (s *Session) decode(c *tds.Call) ([]arg, error) {
	args := make([]arg, len(c.Params))
	coll := s.planSettings().Collation
	for i := range c.Params {
		p := &c.Params[i]
		a := arg{name: p.Name, output: p.Output, ordinal: i, dflt: p.Default}
		if p.Table != nil {
			a.rows = p.Table
			args[i] = a
			continue
		}
		t, err := sqlval.TypeOf(p.Type, coll)
		if err != nil {
			return nil, err
		}
		a.typ = t
		if a.value, err = sqlval.Decode(t, p.Value); err != nil {
			return nil, err
		}
		args[i] = a
	}
	return args, nil
}

// remoteCall runs a call of the family of sp_executesql, or a procedure by name.
func (s *Session) remoteCall(ctx context.Context, f *frame, name string, c *tds.Call, args []arg) (outcome, error) {
	if c.Proc == "" || strings.HasPrefix(name, "sp_") {
		if run := s.dynamic(fold(name)); run != nil {
			return run(ctx, f, args)
		}
	}
	n, err := splitName(name)
	if err != nil {
		return outcome{}, err
	}
	return s.call(ctx, f, n, args)
}

// dynamic finds the procedures that run text, by name; nil for any other.
func (s *Session) dynamic(name string) func(context.Context, *frame, []arg) (outcome, error) {
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
		return func(context.Context, *frame, []arg) (outcome, error) {
			return outcome{}, raise.Unsupported(name)
		}
	}
	return nil
}

// textArg is an argument that must be Unicode text: message 214.
func textArg(args []arg, i int, name, typ string) (string, error) {
	if i >= len(args) || !args[i].value.IsNull() && !args[i].value.Kind().IsText() {
		return "", raise.New(214, name, typ)
	}
	return args[i].value.Text(), nil
}

func (s *Session) quoted() bool { return s.set.Has(setting.QuotedIdentifier) }

// dynamicUnit parses the text and the declaration of a dynamic batch.
func (s *Session) dynamicUnit(text, params string) (*unit.Unit, error) {
	u, err := s.server.units.Get(unit.Key{Text: text, Params: params, QuotedIdentifier: s.quoted()})
	if err != nil {
		return nil, inModule(err)
	}
	return u, nil
}

// spExecuteSQL is sp_executesql @stmt, @params, values.
func (s *Session) spExecuteSQL(ctx context.Context, f *frame, args []arg) (outcome, error) {
	if len(args) > 0 && args[0].name != "" { // by name: @stmt and @params may be swapped
		args = reorder(args, "@stmt", "@params")
	}
	stmt, err := textArg(args, 0, "@statement", "ntext/nchar/nvarchar")
	if err != nil {
		return outcome{}, err
	}
	params := ""
	rest := args[1:]
	if len(rest) > 0 {
		if params, err = textArg(args, 1, "@parameters", "ntext/nchar/nvarchar"); err != nil {
			return outcome{}, err
		}
		rest = rest[1:]
	}
	u, err := s.dynamicUnit(stmt, params)
	if err != nil {
		return outcome{}, err
	}
	return s.executeSQL(ctx, f, u, rest)
}

// reorder puts the arguments of the given names first.
func reorder(args []arg, names ...string) []arg {
	out := make([]arg, 0, len(args))
	taken := make([]bool, len(args))
	for k, n := range names {
		for i, a := range args {
			alias := map[string]string{"@stmt": "@statement", "@params": "@parameters"}[n]
			if !taken[i] && (strings.EqualFold(a.name, n) || strings.EqualFold(a.name, alias) || a.name == "" && i == k) {
				a.name, taken[i] = "", true
				out = append(out, a)
				break
			}
		}
	}
	for i, a := range args {
		if !taken[i] {
			out = append(out, a)
		}
	}
	return out
}

// maxPrepared bounds the handles of one session.
const maxPrepared = 10000

func (s *Session) prepare(u *unit.Unit) (int32, error) {
	if len(s.prepared) >= maxPrepared {
		return 0, raise.New(701)
	}
	if s.prepared == nil {
		s.prepared = make(map[int32]*prepared)
	}
	s.handle++
	s.prepared[s.handle] = &prepared{u}
	return s.handle, nil
}

func setHandle(args []arg, h int32) error {
	if len(args) > 0 && args[0].set != nil {
		return args[0].set(sqltype.NewInt(sqltype.Int, int64(h)), sqltype.Of(sqltype.Int))
	}
	return nil
}

// spPrepare is sp_prepare @handle OUTPUT, @params, @stmt, @options.
func (s *Session) spPrepare(ctx context.Context, f *frame, args []arg) (outcome, error) {
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
	return outcome{}, setHandle(args, h)
}

func (s *Session) prepareUnit(args []arg) (*unit.Unit, error) {
	params := ""
	var err error
	if len(args) > 1 && !args[1].value.IsNull() {
		if params, err = textArg(args, 1, "@params", "ntext/nchar/nvarchar"); err != nil {
			return nil, err
		}
	}
	stmt, err := textArg(args, 2, "@stmt", "ntext/nchar/nvarchar")
	if err != nil {
		return nil, err
	}
	return s.dynamicUnit(stmt, params)
}

// describe tells the columns of the first result of a unit, if its first statement is a query: what sp_prepare answers.
func (s *Session) describe(ctx context.Context, f *frame, u *unit.Unit) error {
	if len(u.Statements) == 0 {
		return nil
	}
	q, ok := u.Statements[0].(*ast.SelectStmt)
	if !ok || selectInto(q.Query.Body) != nil {
		return nil
	}
	in := s.newFrame(f, u)
	w := s.work(ctx, in)
	for _, p := range u.Params {
		if err := s.dynamicParameter(ctx, w, in, p, &arg{dflt: true}); err != nil {
			return w.finish(err)
		}
	}
	k, err := s.plan(w, q)
	if err == nil {
		err = s.allowed(w, k.p.Uses, k.p.Objects)
	}
	if err = w.finish(err); err != nil {
		return err
	}
	if k.result == nil {
		return nil
	}
	s.out.Enter()
	defer s.out.Leave()
	if err := s.out.Rows(k.result); err != nil {
		return err
	}
	s.out.EndRows()
	return s.out.Done(tds.CommandSelect, true, 0, false)
}

// spPrepExec is sp_prepexec @handle OUTPUT, @params, @stmt, values.
func (s *Session) spPrepExec(ctx context.Context, f *frame, args []arg) (outcome, error) {
	u, err := s.prepareUnit(args)
	if err != nil {
		return outcome{}, err
	}
	h, err := s.prepare(u)
	if err != nil {
		return outcome{}, err
	}
	out, err := s.executeSQL(ctx, f, u, args[3:])
	if err != nil {
		delete(s.prepared, h)
		return out, err
	}
	return out, setHandle(args, h)
}

// handleArg finds a prepared statement: message 8179.
func (s *Session) handleArg(args []arg) (int32, *prepared, error) {
	if len(args) == 0 {
		return 0, nil, raise.New(214, "@handle", "int")
	}
	h := int32(args[0].value.Int())
	p := s.prepared[h]
	if p == nil {
		return 0, nil, raise.New(8179, h)
	}
	return h, p, nil
}

// spExecute is sp_execute @handle, values.
func (s *Session) spExecute(ctx context.Context, f *frame, args []arg) (outcome, error) {
	_, p, err := s.handleArg(args)
	if err != nil {
		return outcome{}, err
	}
	return s.executeSQL(ctx, f, p.unit, args[1:])
}

// spUnprepare is sp_unprepare @handle.
func (s *Session) spUnprepare(_ context.Context, _ *frame, args []arg) (outcome, error) {
	h, _, err := s.handleArg(args)
	if err != nil {
		return outcome{}, err
	}
	delete(s.prepared, h)
	return outcome{}, nil
}
