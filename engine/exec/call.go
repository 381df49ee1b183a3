package exec

import (
	"context"
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/unit"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tds"
	"latchkey/engine/tsql/ast"
)

// maxDepth is how deep procedures and dynamic batches nest: message 217.
const maxDepth = 32

// arg is an argument of a call.
type arg struct {
	name    string // with @, "" by position
	value   sqltype.Value
	typ     sqltype.Type
	dflt    bool // DEFAULT, or left out by the client
	output  bool
	table   *plan.Object                                // a table variable
	rows    *tds.Table                                  // a table that a client sent
	set     func(v sqltype.Value, t sqltype.Type) error // where an output goes; may be nil
	ordinal int
}

// outcome is what a call leaves: its status, and the parameters that came back.
type outcome struct {
	status int32
	sig    signal
}

// exec is EXEC.
func (s *Session) exec(ctx context.Context, f *frame, st *ast.Exec) (signal, error) {
	if st.Linked != "" {
		return signal{}, raise.New(7202, st.Linked)
	}
	if r := st.ResultSets; r != "" && r != "NONE" && r != "UNDEFINED" {
		return signal{}, raise.Unsupported("WITH RESULT SETS")
	}
	if st.Number > 1 {
		return signal{}, raise.Unsupported("NUMBERED PROCEDURE")
	}
	if st.Strings != nil {
		return s.execString(ctx, f, st)
	}
	args, err := s.arguments(ctx, f, st.Args)
	if err != nil {
		return signal{}, err
	}
	name := st.Proc
	if st.ProcVariable != "" {
		v := f.find(st.ProcVariable)
		if v == nil {
			return signal{}, notDeclared(st.ProcVariable)
		}
		if name, err = splitName(v.value.Text()); err != nil {
			return signal{}, err
		}
	}
	var ret *variable
	if st.Return != "" {
		if ret = f.find(st.Return); ret == nil {
			return signal{}, notDeclared(st.Return)
		}
		if err := s.resolve(ctx, f, ret); err != nil {
			return signal{}, err
		}
	}
	out, err := s.call(ctx, f, name, args)
	if err != nil {
		return signal{}, err
	}
	if ret != nil {
		if ret.value, err = s.fit(sqltype.NewInt(sqltype.Int, int64(out.status)), sqltype.Of(sqltype.Int), ret.typ); err != nil {
			return signal{}, err
		}
	}
	if out.sig.kind == stop {
		return out.sig, nil
	}
	status := out.status
	return signal{}, s.out.ProcDone(&status, false)
}

// splitName splits a name that came as text.
func splitName(s string) (ast.ObjectName, error) {
	var n ast.ObjectName
	for rest := s; ; {
		rest = strings.TrimLeft(rest, " ")
		var part string
		switch {
		case strings.HasPrefix(rest, "["), strings.HasPrefix(rest, `"`):
			closing := map[byte]string{'[': "]", '"': `"`}[rest[0]]
			rest = rest[1:]
			for {
				i := strings.Index(rest, closing)
				if i < 0 {
					return n, raise.New(203, s)
				}
				part += rest[:i]
				rest = rest[i+1:]
				if !strings.HasPrefix(rest, closing) {
					break
				}
				part += closing
				rest = rest[1:]
			}
		default:
			i := strings.IndexByte(rest, '.')
			if i < 0 {
				i = len(rest)
			}
			part, rest = strings.TrimRight(rest[:i], " "), rest[i:]
		}
		n.Parts = append(n.Parts, part)
		rest = strings.TrimLeft(rest, " ")
		if rest == "" {
			break
		}
		if rest[0] == ';' && strings.Trim(rest[1:], " 0123456789") == "" {
			break // a procedure's number
		}
		if rest[0] != '.' || len(n.Parts) == 4 {
			return n, raise.New(203, s)
		}
		rest = rest[1:]
	}
	if n.Name() == "" {
		return n, raise.New(2812, s)
	}
	return n, nil
}

// arguments computes the arguments of EXEC.
func (s *Session) arguments(ctx context.Context, f *frame, list []*ast.ExecArg) ([]arg, error) {
	args := make([]arg, len(list))
	named := false
	for i, a := range list {
		x := arg{name: a.Name, output: a.Output, ordinal: i}
		if named = named || a.Name != ""; named && a.Name == "" {
			return nil, raise.New(119, i+1)
		}
		if err := s.argument(ctx, f, a, &x); err != nil {
			return nil, err
		}
		args[i] = x
	}
	return args, nil
}

// argument computes one argument of EXEC.
func (s *Session) argument(ctx context.Context, f *frame, a *ast.ExecArg, x *arg) (err error) {
	var vr *variable
	switch v := a.Value.(type) {
	case *ast.Default:
		x.dflt = true
		return nil
	case *ast.Variable:
		if !strings.HasPrefix(v.Name, "@@") {
			vr = f.find(v.Name)
		}
	}
	if vr == nil {
		if a.Output {
			return raise.New(179)
		}
		x.value, x.typ, err = s.eval(ctx, f, a.Value)
		return err
	}
	if err := s.resolve(ctx, f, vr); err != nil {
		return err
	}
	x.value, x.typ, x.table = vr.value, vr.typ, vr.table
	if a.Output {
		x.set = func(val sqltype.Value, t sqltype.Type) error {
			n, err := s.fit(val, t, vr.typ)
			if err == nil {
				vr.value = n
			}
			return err
		}
	}
	return nil
}

// execString is EXEC ('text').
func (s *Session) execString(ctx context.Context, f *frame, st *ast.Exec) (signal, error) {
	if len(st.StringArgs) > 0 {
		return signal{}, raise.Unsupported("EXEC (string, arguments)")
	}
	var b strings.Builder
	for _, x := range st.Strings {
		t, err := s.text(ctx, f, x, sqltype.Max)
		if err != nil {
			return signal{}, err
		}
		b.WriteString(t)
	}
	if st.Context != "" {
		return signal{}, raise.Unsupported("EXEC (string) AS " + st.Context)
	}
	u, err := s.server.units.Get(unit.Key{Text: b.String(), QuotedIdentifier: s.quoted()})
	if err != nil {
		return signal{}, inModule(err)
	}
	in := s.newFrame(f, u)
	in.procDB, in.owner, in.proc = 0, 0, ""
	out, err := s.enterModule(ctx, f, in)
	if err != nil || out.sig.kind == stop {
		return out.sig, err
	}
	return signal{}, s.out.ProcDone(nil, false)
}

// inModule marks an error of parsing a dynamic batch: it ends that batch alone, and a TRY around catches it.
func inModule(err error) error {
	list := raise.From(err)
	for _, e := range list {
		e.Bind = false
	}
	return raise.List(list)
}

// enterModule runs a frame as a procedure or dynamic batch.
func (s *Session) enterModule(ctx context.Context, parent, in *frame) (outcome, error) {
	if s.depth >= maxDepth {
		return outcome{}, raise.New(217)
	}
	in.module = true
	set, db, dbName := s.set, s.db, s.dbName
	count := s.tx.Count()
	scope := s.identity_.scope
	s.identity_.scope = sqltype.NullValue
	outer, procID := s.frame, s.procID
	s.frame, s.procID = in, in.procID
	s.depth++
	s.out.Enter()
	sig, err := s.list(ctx, in, in.unit.Statements)
	s.out.Leave()
	s.depth--
	s.frame, s.procID = outer, procID
	s.leave(ctx, in)
	s.identity_.scope = scope
	s.truncateActing(in.acting)
	lang := s.set.Language
	s.set = set
	if lang != set.Language {
		_ = s.languageChanged(&frame{saved: s.set, line: 1})
	}
	s.apply()
	if s.db != db { // USE in a dynamic batch ends with it
		if e := s.use(context.WithoutCancel(ctx), parent, dbName); e != nil && err == nil {
			err = e
		}
	}
	if err != nil {
		return outcome{status: -6}, err
	}
	out := outcome{status: in.status}
	switch sig.kind {
	case stop:
		out.sig = sig
		return out, nil
	}
	if err := astray(sig); err != nil {
		return out, err
	}
	if now := s.tx.Count(); now != count {
		if _, err := s.failed(ctx, parent, nil, raise.New(266, count, now)); err != nil {
			return out, err
		}
	}
	return out, nil
}

// call runs a procedure by name.
func (s *Session) call(ctx context.Context, f *frame, name ast.ObjectName, args []arg) (outcome, error) {
	if s.depth >= maxDepth {
		return outcome{}, raise.New(217)
	}
	if p := s.findSystem(name); p != nil {
		return s.callSystem(ctx, f, p, args)
	}
	p, err := s.findProcedure(ctx, f, name)
	if err != nil {
		return outcome{}, err
	}
	if p == nil {
		return outcome{}, raise.New(2812, name.String())
	}
	return s.callUser(ctx, f, p, args)
}

// fitParameter converts an argument to its parameter's type: message 8114 if it does not convert.
func (s *Session) fitParameter(a *arg, to sqltype.Type) (sqltype.Value, error) {
	if a.value.IsNull() {
		return a.value, nil
	}
	from := a.typ
	if err := convert.CheckImplicit(from, to); err != nil {
		return a.value, err
	}
	v, err := convert.Convert(a.value, from, to, convert.Options{DateFormat: s.set.DateFormat})
	if err != nil {
		return v, sqltype.NewError(8114, from.Kind.MessageName(), to.Kind.MessageName())
	}
	return v, nil
}

// match finds the argument of each parameter, nil for none. Errors: 8144, 8145, 8143, 8146.
func match(proc string, names []string, args []arg) ([]*arg, error) {
	out := make([]*arg, len(names))
	for i := range args {
		a := &args[i]
		if a.name == "" {
			if len(names) == 0 {
				return nil, raise.New(8146, proc)
			}
			if i >= len(names) {
				return nil, raise.New(8144, proc)
			}
			out[i] = a
			continue
		}
		found := false
		for j, n := range names {
			if strings.EqualFold(n, a.name) {
				if out[j] != nil {
					return nil, raise.New(8143, a.name)
				}
				out[j], found = a, true
			}
		}
		if !found {
			return nil, raise.New(8145, a.name, proc)
		}
	}
	return out, nil
}
