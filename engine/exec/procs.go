package exec

import (
	"context"
	"runtime"
	"strconv"
	"strings"

	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/sysproc"
	"latchkey/engine/exec/unit"
	"latchkey/engine/schema/ddl"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
func cpus() int           { return runtime.NumCPU() }

func emptyUnit() *unit.Unit { return &unit.Unit{} }

// system is a system procedure: in Go, in T-SQL or one that runs text.
type system struct {
	name    string
	code    *Procedure
	text    *ast.CreateProc
	dynamic func(context.Context, *frame, []arg) (outcome, error)
}

// findSystem finds a system procedure: of any schema that is not a user's.
func (s *Session) findSystem(n ast.ObjectName) *system {
	switch fold(n.Schema()) {
	case "", "sys", "dbo":
	default:
		return nil
	}
	name := fold(n.Name())
	if !strings.HasPrefix(name, "sp_") && !strings.HasPrefix(name, "xp_") {
		return nil
	}
	if d := s.dynamic(name); d != nil {
		return &system{name: name, dynamic: d}
	}
	if p := s.server.procs[name]; p != nil {
		return &system{name: p.Name, code: p}
	}
	if p := sysproc.Find(name); p != nil {
		return &system{name: name, text: p}
	}
	return nil
}

func (s *Session) callSystem(ctx context.Context, f *frame, p *system, args []arg) (outcome, error) {
	switch {
	case p.dynamic != nil:
		return p.dynamic(ctx, f, args)
	case p.text != nil:
		return s.callText(ctx, f, p, args)
	}
	return s.callGo(ctx, f, p.code, args)
}

// callText runs a procedure of package sysproc.
func (s *Session) callText(ctx context.Context, f *frame, p *system, args []arg) (outcome, error) {
	u, err := s.server.modules.Get(p.text)
	if err != nil {
		return outcome{}, err
	}
	in := s.newFrame(f, u)
	in.proc, in.line = p.name, 1
	names := make([]string, len(p.text.Params))
	for i, x := range p.text.Params {
		names[i] = x.Name
	}
	matched, err := match(p.name, names, args)
	if err != nil {
		return outcome{}, err
	}
	w := s.work(ctx, in)
	for i, x := range p.text.Params {
		a := matched[i]
		if a == nil || a.dflt {
			if x.Default == nil {
				return outcome{}, w.finish(raise.New(201, p.name, x.Name))
			}
			a = &arg{dflt: true}
		}
		if err := s.dynamicParameter(ctx, w, in, x, a); err != nil {
			return outcome{}, w.finish(err)
		}
	}
	if err := w.finish(nil); err != nil {
		return outcome{}, err
	}
	saved := s.set
	s.moduleSettings(true, true)
	out, err := s.enterModule(ctx, f, in)
	s.set = saved
	return out, err
}

// callGo runs a procedure in Go.
func (s *Session) callGo(ctx context.Context, f *frame, p *Procedure, args []arg) (outcome, error) {
	n := len(p.Params)
	a := &Args{Values: make([]sqltype.Value, n), Given: make([]bool, n), set: make([]bool, n)}
	given := args
	if p.Variadic && len(args) > n {
		given, a.extra = args[:n], args[n:]
	}
	names := make([]string, n)
	for i, x := range p.Params {
		names[i] = x.Name
	}
	matched, err := match(p.Name, names, given)
	if err != nil {
		return outcome{}, err
	}
	for i, x := range p.Params {
		m := matched[i]
		if m == nil || m.dflt {
			if !x.Optional {
				return outcome{}, raise.New(201, p.Name, x.Name)
			}
			continue
		}
		a.Given[i] = true
		if a.Values[i], err = s.fitParameter(m, x.Type); err != nil {
			return outcome{}, err
		}
	}
	in := &frame{parent: f, unit: emptyUnit(), proc: p.Name, line: 1, saved: s.set, acting: len(s.acting), module: true}
	if f != nil {
		in.line = f.line
	}
	s.depth++
	s.out.Enter()
	status, err := p.Run(ctx, &Context{s: s, f: in}, a)
	if err == nil && s.out.Open() {
		err = s.endResult(nil)
	}
	s.out.Leave()
	s.depth--
	if err != nil {
		return outcome{status: int32(status)}, err
	}
	for i, x := range p.Params {
		if m := matched[i]; m != nil && m.output && m.set != nil && x.Output {
			if err := m.set(a.Values[i], x.Type); err != nil {
				return outcome{}, err
			}
		}
	}
	return outcome{status: int32(status)}, nil
}

// beginRows begins a result of a handler or procedure; the one before ends.
func (s *Session) beginRows(_ *frame, columns []Column) (*RowWriter, error) {
	if s.out.Open() {
		if err := s.endResult(nil); err != nil {
			return nil, err
		}
	}
	names := make([]string, len(columns))
	types := make([]sqltype.Type, len(columns))
	for i, c := range columns {
		names[i], types[i] = c.Name, c.Type
	}
	return &RowWriter{s: s, types: types}, s.out.Rows(newResult(names, types))
}

func (s *Session) row(values []sqltype.Value) error { return s.out.Row(values) }

func nameParam(name string, optional bool) ProcParam {
	return ProcParam{Name: name, Type: sqltype.Sized(sqltype.NVarChar, 776), Optional: optional}
}

// builtinProcedures are the executor's own in Go.
func builtinProcedures() []*Procedure {
	refused := func(name, what string) *Procedure {
		return &Procedure{Name: name, Variadic: true, Run: func(context.Context, *Context, *Args) (int, error) {
			return 1, raise.Unsupported(what)
		}}
	}
	return []*Procedure{
		{
			Name: "sp_rename", Params: []ProcParam{nameParam("@objname", false), nameParam("@newname", false), nameParam("@objtype", true)},
			Run: func(ctx context.Context, c *Context, a *Args) (int, error) {
				return 0, c.s.rename(ctx, c.f, a.Text(0), a.Text(1), strings.ToUpper(a.Text(2)))
			},
		},
		{
			Name: "sp_set_session_context",
			Params: []ProcParam{
				nameParam("@key", false),
				{Name: "@value", Type: sqltype.Of(sqltype.Variant)},
				{Name: "@read_only", Type: sqltype.Of(sqltype.Bit), Optional: true},
			},
			Run: func(_ context.Context, c *Context, a *Args) (int, error) { return 0, c.s.setContext(a) },
		},
		{Name: "sp_reset_connection", Run: func(ctx context.Context, c *Context, _ *Args) (int, error) { return 0, nil }},
		{
			Name: "sp_describe_first_result_set", Params: []ProcParam{
				{Name: "@tsql", Type: sqltype.Sized(sqltype.NVarChar, sqltype.Max)},
				{Name: "@params", Type: sqltype.Sized(sqltype.NVarChar, sqltype.Max), Optional: true},
				{Name: "@browse_information_mode", Type: sqltype.Of(sqltype.TinyInt), Optional: true},
			},
			Run: func(ctx context.Context, c *Context, a *Args) (int, error) {
				return 0, c.s.describeFirst(ctx, c, a.Text(0), a.Text(1))
			},
		},
		{
			Name: "xp_msver", Params: []ProcParam{nameParam("@optname", true)},
			Run: func(_ context.Context, c *Context, a *Args) (int, error) { return 0, c.s.msver(c, a.Text(0)) },
		},
		registryRead("xp_instance_regread"),
		registryRead("xp_regread"),
		refused("sp_getapplock", "sp_getapplock"),
		refused("sp_releaseapplock", "sp_releaseapplock"),
		refused("xp_cmdshell", "xp_cmdshell"),
		refused("sp_describe_undeclared_parameters", "sp_describe_undeclared_parameters"),
		refused("sp_addlinkedserver", "LINKED SERVER"),
		refused("sp_oacreate", "OLE AUTOMATION"),
	}
}

// registryRead answers what a tool asks of the registry of a machine with Windows: that the value is not there.
func registryRead(name string) *Procedure {
	return &Procedure{
		Name: name,
		Params: []ProcParam{
			nameParam("@rootkey", false), nameParam("@key", false), nameParam("@value_name", true),
			{Name: "@value", Type: sqltype.Sized(sqltype.NVarChar, 4000), Output: true, Optional: true},
			nameParam("@no_output", true),
		},
		Run: func(_ context.Context, c *Context, a *Args) (int, error) {
			if !c.s.perm().Sysadmin() {
				return 1, raise.New(229, "EXECUTE", name, "mssqlsystemresource", "sys")
			}
			if a.Given[3] || a.Text(4) != "" {
				a.Set(3, sqltype.NullValue)
				return 0, nil
			}
			_, err := c.Rows(Column{"Value", tName}, Column{"Data", tText})
			return 0, err
		},
	}
}

func (s *Session) msver(c *Context, which string) error {
	w, err := c.Rows(Column{"Index", tSmallInt}, Column{"Name", tName}, Column{"Internal_Value", tInt}, Column{"Character_Value", tText})
	if err != nil {
		return err
	}
	for i, r := range []struct {
		name  string
		n     int64
		value string
	}{
		{"ProductName", -1, "Microsoft SQL Server"},
		{"ProductVersion", microsoftVersion(s.server.cfg.Version), s.server.cfg.Version},
		{"Language", 1033, "English (United States)"},
		{"Platform", -1, "NT x64"},
		{"ProcessorCount", int64(cpus()), itoa(int64(cpus()))},
		{"WindowsVersion", 0, ""},
		{"PhysicalMemory", 0, ""},
	} {
		if which != "" && !strings.EqualFold(which, r.name) {
			continue
		}
		n := sqltype.NullValue
		if r.n >= 0 {
			n = number(r.n)
		}
		if err := w.Row(smallint(i+1), text(r.name), n, orNull(r.value)); err != nil {
			return err
		}
	}
	return nil
}

// setContext is sp_set_session_context.
func (s *Session) setContext(a *Args) error {
	key := a.Text(0)
	if key == "" || len(key) > 256 {
		return raise.New(15664, key)
	}
	if s.context == nil {
		s.context = make(map[string]sqltype.Value)
		s.contextLocked = make(map[string]bool)
	}
	k := fold(key)
	if s.contextLocked[k] {
		return raise.New(15664, key)
	}
	if s.context[k] = a.Values[1]; len(s.context) > 1000 {
		delete(s.context, k)
		return raise.New(15665)
	}
	n, _ := a.Int(2)
	s.contextLocked[k] = n != 0 || a.Values[2].Bool()
	return nil
}

// rename is sp_rename.
func (s *Session) rename(ctx context.Context, f *frame, object, name, kind string) error {
	if kind == "DATABASE" {
		return raise.Unsupported("sp_rename of a database; use ALTER DATABASE MODIFY NAME")
	}
	if err := s.implicit(); err != nil {
		return err
	}
	n, err := splitName(object)
	if err != nil {
		return err
	}
	w := s.work(ctx, f)
	if err := w.writing(s.db, false); err != nil {
		return w.finish(err)
	}
	s.defining(w.main)
	defer s.settleAlone()
	var r ddl.Result
	sh, err := s.server.shared(w.main)
	if err == nil {
		target := n
		if kind == "COLUMN" || kind == "INDEX" {
			target = ast.ObjectName{Parts: n.Parts[:max(len(n.Parts)-1, 0)]}
		}
		err = s.mayDefine(w, &ast.AlterTable{Name: target}, w.main)
	}
	if err == nil {
		err = w.hold.Savepoint()
	}
	if err == nil {
		r, err = ddl.Rename(ctx, s.ddlEnv(w, sh), object, name, kind)
	}
	if err = w.finish(err); err != nil {
		return err
	}
	c := &Context{s: s, f: f}
	for _, m := range r.Messages {
		c.Info(m)
	}
	return nil
}

// describeFirst is sp_describe_first_result_set: the columns of the first query of a batch.
func (s *Session) describeFirst(ctx context.Context, c *Context, stmt, params string) error {
	u, err := s.dynamicUnit(stmt, params)
	if err != nil {
		return err
	}
	w, err := c.Rows(
		Column{"is_hidden", tBit}, Column{"column_ordinal", tInt}, Column{"name", tName}, Column{"is_nullable", tBit}, Column{"system_type_id", tInt},
		Column{"system_type_name", tName}, Column{"max_length", tSmallInt}, Column{"precision", sqltype.Of(sqltype.TinyInt)},
		Column{"scale", sqltype.Of(sqltype.TinyInt)}, Column{"collation_name", tName}, Column{"user_type_id", tInt}, Column{"is_identity_column", tBit},
		Column{"is_updateable", tBit}, Column{"is_computed_column", tBit},
	)
	if err != nil {
		return err
	}
	in := s.newFrame(c.f, u)
	for _, st := range u.Statements {
		q, ok := st.(*ast.SelectStmt)
		if !ok || selectInto(q.Query.Body) != nil {
			continue
		}
		wk := s.work(ctx, in)
		for _, p := range u.Params {
			if err := s.dynamicParameter(ctx, wk, in, p, &arg{dflt: true}); err != nil {
				return wk.finish(err)
			}
		}
		k, err := s.plan(wk, q)
		if err == nil {
			err = s.allowed(wk, k.p.Uses, k.p.Objects)
		}
		if err = wk.finish(err); err != nil {
			return err
		}
		if k.result == nil {
			continue
		}
		for i, col := range k.p.Columns[:visible(k.p.Columns)] {
			t := col.Type
			p, sc := t.Digits()
			coll := sqltype.NullValue
			if t.Kind.IsText() {
				coll = text(t.Collation.String())
			}
			name := orNull(col.Name)
			err := w.Row(bit(false), integer(i+1), name, bit(t.Nullable), integer(t.Kind.SystemID()), text(t.String()), smallint(t.StorageBytes()),
				sqltype.NewInt(sqltype.TinyInt, int64(p)), sqltype.NewInt(sqltype.TinyInt, int64(sc)), coll, sqltype.NullValue, bit(col.Identity),
				bit(col.Updatable), bit(col.Computed))
			if err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// Extra is the arguments behind the parameters of a variadic procedure, as text.
func (a *Args) Extra() []string {
	var out []string
	for _, x := range a.extra {
		v, err := convert.Convert(x.value, x.typ, sqltype.Sized(sqltype.NVarChar, 4000), convert.Options{})
		if err != nil {
			v = sqltype.NullValue
		}
		out = append(out, v.Text())
	}
	return out
}
