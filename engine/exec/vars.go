package exec

import (
	"context"
	"strings"

	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/convert"
	"latchkey/engine/tsql/ast"
)

// resolve finds a variable's declared type, and makes a table variable's table.
func (s *Session) resolve(ctx context.Context, f *frame, v *variable) error {
	if v.known || v.decl == nil || v.decl.Cursor {
		return nil
	}
	if v.decl.Table != nil {
		v.known = true
		return s.makeTableVariable(ctx, f, v, v.decl.Table)
	}
	w := s.work(ctx, f)
	if def, err := s.tableType(w, v.decl.Type); err != nil || def != nil {
		if err = w.finish(err); err != nil {
			return err
		}
		v.known = true
		return s.makeTypedTable(ctx, f, v, def)
	}
	d, err := compile.TypeOf(w, v.decl.Type, v.name)
	if err = w.finish(err); err != nil {
		return err
	}
	if k := d.Type.Kind; k.IsLegacyLOB() {
		return raise.New(2739)
	}
	v.typ, v.known = d.Type, true
	v.typ.Nullable = true
	return nil
}

// declare is DECLARE: the variables are there since the frame began; now they get their values.
func (s *Session) declare(ctx context.Context, f *frame, st *ast.Declare) error {
	for _, d := range st.Variables {
		v := f.find(d.Name)
		if v == nil || v.decl != d {
			return raise.New(134, d.Name)
		}
		if err := s.resolve(ctx, f, v); err != nil {
			return err
		}
		if d.Value == nil {
			continue
		}
		x, err := s.converted(ctx, f, d.Value, v)
		if err != nil {
			return err
		}
		v.value = x
	}
	return nil
}

// setVariable is SET @v = expression.
func (s *Session) setVariable(ctx context.Context, f *frame, st *ast.SetVariable) error {
	if st.Method != nil {
		return raise.Unsupported("SET @variable.method")
	}
	v := f.find(st.Name)
	if v == nil {
		return notDeclared(st.Name)
	}
	if st.Cursor != nil {
		return s.setCursor(ctx, f, v, st.Cursor)
	}
	if v.decl != nil && v.decl.Cursor {
		return s.copyCursor(f, v, st.Value)
	}
	if err := s.resolve(ctx, f, v); err != nil {
		return err
	}
	if v.table != nil {
		return notDeclared(st.Name)
	}
	x := st.Value
	if st.Op != "=" {
		x = &ast.Binary{Op: strings.TrimSuffix(st.Op, "="), L: &ast.Variable{Name: st.Name}, R: st.Value}
		val, t, err := s.eval(ctx, f, x)
		if err == nil {
			v.value, err = s.fit(val, t, v.typ)
		}
		if err != nil {
			return err
		}
		s.quiet(1)
		return nil
	}
	val, err := s.converted(ctx, f, x, v)
	if err != nil {
		return err
	}
	v.value = val
	s.quiet(1)
	return nil
}

func notDeclared(name string) error {
	e := raise.New(137, name)
	e.Bind = true
	return e
}

// assign sets a declared variable to a value of a type.
func (s *Session) assign(f *frame, name string, v sqltype.Value, t sqltype.Type) error {
	x := f.find(name)
	if x == nil || !x.known {
		return notDeclared(name)
	}
	n, err := s.fit(v, t, x.typ)
	if err != nil {
		return err
	}
	x.value = n
	return nil
}

// fit converts a value to a variable's type; what is too long is cut.
func (s *Session) fit(v sqltype.Value, from, to sqltype.Type) (sqltype.Value, error) {
	if v.IsNull() {
		return v, nil
	}
	if err := convert.CheckImplicit(from, to); err != nil {
		return v, err
	}
	return convert.Convert(v, from, to, convert.Options{DateFormat: s.set.DateFormat})
}

// scalarKey finds a compiled expression in its unit.
type scalarKey struct {
	node ast.Expr
	set  plan.Settings
	to   sqltype.Type
	as   uint8 // 0 plain, 1 condition, 2 converted
}

// VariableValue is a variable's value, for plans.
func (f *frame) VariableValue(name string) (sqltype.Value, error) {
	if v := f.find(name); v != nil {
		return v.value, nil
	}
	return sqltype.NullValue, notDeclared(name)
}

// scalar compiles an expression or finds it compiled. The work is finished by compute.
func (s *Session) scalar(w *work, k scalarKey, v *variable) (*plan.Scalar, error) {
	if x, ok := w.f.unit.Plan(k).(*plan.Scalar); ok {
		return x, nil
	}
	var x *plan.Scalar
	var err error
	switch k.as {
	case 1:
		x, err = compile.Condition(w, k.node.(ast.Condition))
	case 2:
		x, err = compile.Convert(w, k.node, compile.Target{Type: v.typ})
	default:
		x, err = compile.Scalar(w, k.node)
	}
	if err != nil {
		return nil, bind(err)
	}
	if x.Eval != nil && len(w.versions) == 0 {
		w.f.unit.Keep(k, x)
	}
	return x, nil
}

// bind marks an error of compiling: it ends its batch or module.
func bind(err error) error {
	list := raise.From(err)
	if raise.Unknown(err) {
		return err
	}
	var out raise.List
	for _, e := range list {
		n := *e
		n.Bind = true
		out = append(out, &n)
	}
	return &bindError{out, err}
}

// bindError keeps the place of what was wrong.
type bindError struct {
	raise.List
	err error
}

func (e *bindError) Unwrap() []error { return []error{e.List, e.err} }

// compute computes a compiled expression. what is what a query in it runs as.
func (s *Session) compute(w *work, x *plan.Scalar) (sqltype.Value, error) {
	if x.Eval != nil {
		s.statementEnv()
		return x.Eval(s.planFrame(w.ctx, w.f))
	}
	if err := w.attached(x.Plan.Objects, w.views); err != nil {
		return sqltype.NullValue, err
	}
	if err := s.allowed(w, x.Plan.Uses, x.Plan.Objects); err != nil {
		return sqltype.NullValue, err
	}
	var out sqltype.Value
	n := 0
	err := s.run(w, x.Plan, func(row []sqltype.Value) error {
		if n++; n > 1 {
			return raise.New(512)
		}
		out = row[0]
		return nil
	})
	return out, err
}

func (s *Session) value(ctx context.Context, f *frame, k scalarKey, v *variable) (sqltype.Value, sqltype.Type, error) {
	w := s.work(ctx, f)
	k.set = w.set
	x, err := s.scalar(w, k, v)
	if err != nil {
		return sqltype.NullValue, sqltype.Type{}, w.finish(err)
	}
	val, err := s.compute(w, x)
	return val, x.Type, w.finish(err)
}

// eval computes an expression.
func (s *Session) eval(ctx context.Context, f *frame, x ast.Expr) (sqltype.Value, sqltype.Type, error) {
	switch x := x.(type) {
	case *ast.Literal:
		if v, t, ok := constant(x); ok {
			return v, t, nil
		}
	case *ast.Variable:
		if len(x.Name) > 1 && x.Name[1] != '@' {
			v := f.find(x.Name)
			if v == nil || v.decl != nil && v.decl.Cursor {
				return sqltype.NullValue, sqltype.Type{}, notDeclared(x.Name)
			}
			err := s.resolve(ctx, f, v)
			if err == nil && v.table != nil {
				err = notDeclared(x.Name)
			}
			return v.value, v.typ, err
		}
	case *ast.Word:
		return sqltype.NewText(sqltype.NVarChar, x.Text), sqltype.Sized(sqltype.NVarChar, max(1, len(x.Text))), nil
	}
	return s.value(ctx, f, scalarKey{node: x}, nil)
}

// converted computes an expression in a variable's type.
func (s *Session) converted(ctx context.Context, f *frame, x ast.Expr, v *variable) (sqltype.Value, error) {
	val, _, err := s.value(ctx, f, scalarKey{node: x, as: 2, to: v.typ}, v)
	return val, err
}

// condition computes a condition; unknown is false.
func (s *Session) condition(ctx context.Context, f *frame, _ ast.Statement, c ast.Condition) (bool, error) {
	v, _, err := s.value(ctx, f, scalarKey{node: c, as: 1}, nil)
	return v.Bool() || v.Kind() != sqltype.Bit && v.Int() != 0, err
}

// integer computes an expression as an int.
func (s *Session) integer(ctx context.Context, f *frame, x ast.Expr) (int64, error) {
	v, t, err := s.eval(ctx, f, x)
	if err != nil {
		return 0, err
	}
	v, err = s.fit(v, t, sqltype.Of(sqltype.Int))
	return v.Int(), err
}

// constant is the value of the simplest constants.
func constant(l *ast.Literal) (sqltype.Value, sqltype.Type, bool) {
	switch l.Kind {
	case ast.NullLit:
		return sqltype.NullValue, sqltype.Type{Nullable: true}, true
	case ast.IntLit:
		v, err := convert.Convert(text(l.Text), sysname, sqltype.Of(sqltype.Int), convert.Options{})
		return v, sqltype.Of(sqltype.Int), err == nil
	case ast.StringLit, ast.NStringLit:
		k := sqltype.VarChar
		if l.Kind == ast.NStringLit {
			k = sqltype.NVarChar
		}
		n := len([]rune(l.Text))
		if n > 4000 {
			n = sqltype.Max
		}
		if n != sqltype.Max {
			n = max(n, 1)
		}
		return sqltype.NewText(k, l.Text), sqltype.Sized(k, n), true
	}
	return sqltype.NullValue, sqltype.Type{}, false
}

var sysname = sqltype.SysName()

func text(s string) sqltype.Value { return sqltype.NewText(sqltype.NVarChar, s) }
