package module

import (
	"regexp"
	"strings"
	"sync"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile"
	"latchkey/engine/compile/plan"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl/define"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

var verb = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?is)^(CREATE\s+OR\s+ALTER|ALTER|CREATE)\b`) })

// Maker makes and drops objects that are no tables.
type Maker struct{ *define.Change }

// module cuts the definition out of the batch, as CREATE.
func (c *Maker) module(st ast.Statement) *schema.Module {
	from, to := st.Range()
	text := ""
	if from >= 0 && to <= len(c.Source) && from < to {
		text = verb().ReplaceAllString(c.Source[from:to], "CREATE")
	}
	return &schema.Module{Text: text, QuotedIdentifier: !c.QuotedIdentifierOff, ANSINulls: !c.ANSINullsOff}
}

// place finds what a CREATE, ALTER or CREATE OR ALTER makes or changes: the head that it has, new or old. same tells whether the
// object that is there is of the right kind.
func (c *Maker) place(mode ast.Mode, n ast.ObjectName, same func(schema.Object) bool) (schema.Head, error) {
	s, err := c.SchemaOf(n)
	if err != nil {
		return schema.Head{}, err
	}
	o := c.Lookup(s.Name, n.Name())
	switch {
	case o == nil && mode == "ALTER":
		return schema.Head{}, msg.New(208, n.String()).At(6)
	case o == nil:
		return c.Head(s, n.Name(), 0)
	case mode == "CREATE":
		return schema.Head{}, msg.New(2714, n.Name())
	case !same(o):
		if mode == "ALTER" {
			return schema.Head{}, msg.New(2010, n.String())
		}
		return schema.Head{}, msg.New(2714, n.Name())
	}
	h := *o.Meta()
	h.Modified = c.Now()
	return h, nil
}

// CreateView carries out CREATE and ALTER VIEW.
func (c *Maker) CreateView(st *ast.CreateView) error {
	m := c.module(st)
	for _, o := range st.Options {
		switch o {
		case "SCHEMABINDING":
			m.SchemaBound = true
		case "VIEW_METADATA":
		default:
			return define.Refuse("CREATE VIEW WITH " + o)
		}
	}
	h, err := c.place(st.Mode, st.Name, func(o schema.Object) bool { return o.Kind() == schema.ViewKind })
	if err != nil {
		return err
	}
	cols, err := c.queryColumns(c.Scope, st.Query, st.Columns, st.Name.Name())
	if err != nil {
		return err
	}
	return c.Put(&schema.View{Head: h, Module: m, Columns: cols, CheckOption: st.CheckOption})
}

// queryColumns are the columns of a view or inline function: messages 4511, 4502, 4506.
func (c *Maker) queryColumns(sc plan.Scope, q *ast.SelectStmt, names []string, of string) ([]*schema.Column, error) {
	p, err := compile.Query(sc, q)
	if err != nil {
		return nil, err
	}
	var out []*schema.Column
	for _, col := range p.Columns {
		if col.Hidden {
			continue
		}
		i := len(out)
		name := col.Name
		if len(names) > 0 {
			if i >= len(names) {
				return nil, plan.Fail(q.At(), 8158, of)
			}
			name = names[i]
		}
		if name == "" {
			return nil, msg.New(4511, i+1)
		}
		t := col.Type
		if t.Kind == sqltype.Null {
			t = sqltype.Of(sqltype.Int)
		}
		for _, o := range out {
			if c.Same(o.Name, name) {
				return nil, msg.New(4506, name, of)
			}
		}
		out = append(out, &schema.Column{Name: name, Stored: name, ID: i + 1, Type: t})
	}
	if len(names) > len(out) {
		return nil, msg.New(4502, of)
	}
	return out, nil
}

// moduleOptions reads the options of procedures and functions.
func moduleOptions(m *schema.Module, what string, opts []*ast.Option) error {
	for _, o := range opts {
		switch o.Name {
		case "RECOMPILE":
			m.Recompile = true
		case "SCHEMABINDING":
			m.SchemaBound = true
		case "EXECUTE AS":
			switch v := o.Value.(type) {
			case *ast.Word:
				m.ExecuteAs = v.Text
			case *ast.Literal:
				m.ExecuteAs = v.Text
			}
		case "RETURNS NULL ON NULL INPUT":
			m.NullOnNull = true
		case "CALLED ON NULL INPUT", "INLINE":
		default:
			return define.Refuse(what + " WITH " + o.Name)
		}
	}
	return nil
}

// params are the parameters of a procedure or function.
func (c *Maker) params(list []*ast.Param) ([]*schema.Param, error) {
	var out []*schema.Param
	for i, d := range list {
		if d.Varying {
			return nil, define.Refuse("CURSOR parameter")
		}
		p := &schema.Param{Name: d.Name, ID: i + 1, Output: d.Output, ReadOnly: d.ReadOnly}
		if u := c.TypeByName(d.Type.Name); u != nil && u.Table != nil {
			p.TableType, p.UserType = u.Table.ID, u.ID
		} else {
			decl, err := compile.TypeOf(c.Scope, d.Type, d.Name)
			if err != nil {
				return nil, define.MissingType(err, i+1, d.Type)
			}
			p.Type = decl.Type
			p.Type.Nullable = true
			if decl.SysName {
				p.UserType = define.SysNameID
			} else if u != nil {
				p.UserType = u.ID
			}
		}
		if d.Default != nil {
			p.Default = define.Expr(d.Default)
		}
		out = append(out, p)
	}
	return out, nil
}

// CreateProc carries out CREATE and ALTER PROCEDURE. The body is compiled when it runs.
func (c *Maker) CreateProc(st *ast.CreateProc) error {
	switch {
	case st.External != nil:
		return define.Refuse("CREATE PROCEDURE AS EXTERNAL NAME")
	case st.Number > 1:
		return define.Refuse("numbered procedure")
	case st.ForReplication:
		return define.Refuse("CREATE PROCEDURE FOR REPLICATION")
	}
	m := c.module(st)
	if err := moduleOptions(m, "CREATE PROCEDURE", st.Options); err != nil {
		return err
	}
	h, err := c.place(st.Mode, st.Name, func(o schema.Object) bool { return o.Kind() == schema.ProcedureKind })
	if err != nil {
		return err
	}
	params, err := c.params(st.Params)
	if err != nil {
		return err
	}
	return c.Put(&schema.Procedure{Head: h, Module: m, Params: params})
}

// DropModules carries out DROP of what has no table: views, procedures, functions, triggers, sequences, synonyms.
func (c *Maker) DropModules(st *ast.Drop, is func(schema.Object) bool) error {
	word := strings.ToLower(st.Kind)
	if st.Kind == "SEQUENCE" {
		word = "sequence object"
	}
	for _, n := range st.Names {
		o := c.Find(n)
		switch {
		case o == nil && st.IfExists:
			continue
		case o == nil:
			return msg.New(3701, "drop", word, n.String()).At(5)
		case !is(o):
			return define.WrongDrop(st.Kind, n, o)
		}
		if o.Kind() == schema.SequenceKind {
			if d := c.givesDefault(o); d != "" {
				return msg.New(3729, "DROP SEQUENCE", n.String(), d)
			}
		}
		if f, ok := o.(*schema.Function); ok {
			if by := c.CalledBy(f); by != "" {
				return msg.New(3729, "DROP FUNCTION", n.String(), by)
			}
		}
		if o.Kind() == schema.ViewKind {
			if v := c.BoundBy(o); v != "" {
				return msg.New(3729, "DROP VIEW", n.String(), v)
			}
			if view, ok := o.(*schema.View); ok {
				for _, t := range view.Triggers {
					if err := c.Forget(t); err != nil {
						return err
					}
				}
			}
		}
		if err := c.Forget(o); err != nil {
			return err
		}
	}
	return nil
}
