package module

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/compile"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl/define"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
)

// DropSchemas carries out DROP SCHEMA.
func (c *Maker) DropSchemas(st *ast.Drop) error {
	for _, n := range st.Names {
		s := c.Edit.Schema(n.Name())
		if s == nil || s.ID < 5 || s.ID >= 16384 {
			switch {
			case s == nil && st.IfExists:
				continue
			case s == nil:
				return msg.New(15151, "drop", "schema", n.Name())
			}
			return msg.New(15150, "drop", "schema", n.Name())
		}
		for _, o := range c.Objects() {
			if h := o.Meta(); h.SchemaID == s.ID {
				return msg.New(3729, "drop schema", n.Name(), h.Name)
			}
		}
		for _, u := range c.Types() {
			if u.SchemaID == s.ID {
				return msg.New(3729, "drop schema", n.Name(), u.Name)
			}
		}
		if err := c.DeleteSchema(s.ID); err != nil {
			return err
		}
	}
	return nil
}

// Transfer carries out ALTER SCHEMA ... TRANSFER.
func (c *Maker) Transfer(st *ast.TransferSchema) error {
	to := c.Edit.Schema(st.Name)
	if to == nil || to.ID == schema.Sys || to.ID == schema.InformationSchema {
		return msg.New(15151, "alter", "schema", st.Name)
	}
	switch st.Class {
	case "", "OBJECT":
	case "TYPE":
		u := c.TypeByName(st.Object)
		if u == nil {
			return msg.New(15151, "find", "type", st.Object.Name())
		}
		v := *u
		v.Schema, v.SchemaID = to.Name, to.ID
		return c.PutType(&v)
	default:
		return define.Refuse("ALTER SCHEMA TRANSFER " + st.Class)
	}
	o := c.Find(st.Object)
	if o == nil || o.Meta().Parent != 0 {
		return msg.New(15151, "find", "object", st.Object.Name())
	}
	if c.Lookup(to.Name, o.Meta().Name) != nil {
		return msg.New(15530, "object", o.Meta().Name)
	}
	return c.moved(o, func(h *schema.Head) { h.Schema, h.SchemaID = to.Name, to.ID })
}

// moved writes a copy of an object with a changed head; a table's constraints follow to its schema.
func (c *Maker) moved(o schema.Object, f func(*schema.Head)) error {
	now := c.Now()
	apply := func(h *schema.Head) { f(h); h.Modified = now }
	switch o := o.(type) {
	case *schema.Table:
		t := o.Clone()
		apply(&t.Head)
		for _, k := range t.Constraints() {
			k.Meta().SchemaID = t.SchemaID
		}
		return c.Put(t)
	case *schema.View:
		x := *o
		apply(&x.Head)
		return c.Put(&x)
	case *schema.Procedure:
		x := *o
		apply(&x.Head)
		return c.Put(&x)
	case *schema.Function:
		x := *o
		apply(&x.Head)
		return c.Put(&x)
	case *schema.Synonym:
		x := *o
		apply(&x.Head)
		return c.Put(&x)
	case *schema.Sequence:
		x := *o
		apply(&x.Head)
		return c.Put(&x)
	}
	return define.Refuse("moving this kind of object")
}

// CreateSynonym carries out CREATE SYNONYM. What it stands for need not exist.
func (c *Maker) CreateSynonym(st *ast.CreateSynonym) error {
	if len(st.For.Parts) > 3 {
		return define.Refuse("SYNONYM for an object of another server")
	}
	s, err := c.SchemaOf(st.Name)
	if err != nil {
		return err
	}
	if err := c.Free(s.Name, st.Name.Name()); err != nil {
		return err
	}
	h, err := c.Head(s, st.Name.Name(), 0)
	if err != nil {
		return err
	}
	return c.Put(&schema.Synonym{Head: h, Base: slices.Clone(st.For.Parts)})
}

// CreateType carries out CREATE TYPE.
func (c *Maker) CreateType(st *ast.CreateType) error {
	if st.External != nil {
		return define.Refuse("CREATE TYPE EXTERNAL NAME")
	}
	if len(st.Options) > 0 {
		return define.Refuse("CREATE TYPE WITH " + st.Options[0].Name)
	}
	s, err := c.SchemaOf(st.Name)
	if err != nil {
		return err
	}
	name := st.Name.Name()
	_, system := sqltype.KindByName(name)
	if c.Type(s.Name, name) != nil || system || strings.EqualFold(name, "sysname") {
		return msg.New(219, s.Name+"."+name)
	}
	id, err := c.NewTypeID()
	if err != nil {
		return err
	}
	u := &schema.UserType{ID: id, Schema: s.Name, SchemaID: s.ID, Name: name}
	if st.Base != nil {
		decl, err := compile.TypeOf(c.Scope, st.Base, name)
		if err != nil {
			return define.MissingType(err, 1, st.Base)
		}
		if decl.Alias != "" {
			return msg.New(15036, phrase.DataType(st.Base))
		}
		u.Base = decl.Type
		u.Base.Nullable = st.Nullable != "NOT NULL"
		return c.PutType(u)
	}
	h, err := c.Head(s, "TT_"+define.Cut(name, 20)+"_"+define.SystemName("", "", "", id)[len("____"):], 0)
	if err != nil {
		return err
	}
	t := &schema.Table{Head: h, Type: id, Stored: ""}
	if err := c.Builder(t, false).Add(st.Table); err != nil {
		return err
	}
	if len(t.Foreign) > 0 {
		return define.Refuse("FOREIGN KEY in a table type")
	}
	if err := c.Put(t); err != nil {
		return err
	}
	return c.PutType(u)
}

// DropTypes carries out DROP TYPE: message 3732 while something uses the type.
func (c *Maker) DropTypes(st *ast.Drop) error {
	for _, n := range st.Names {
		u := c.TypeByName(n)
		if u == nil {
			if st.IfExists {
				continue
			}
			return msg.New(3701, "drop", "type", n.String()).At(5)
		}
		for _, o := range c.Objects() {
			if uses(o, u.ID) {
				return msg.New(3732, n.String(), o.Meta().Name)
			}
		}
		if u.Table != nil {
			if err := c.Forget(u.Table); err != nil {
				return err
			}
		}
		if err := c.DeleteType(u.ID); err != nil {
			return err
		}
	}
	return nil
}

// uses reports whether an object has a column or parameter of a type made by CREATE TYPE.
func uses(o schema.Object, id int) bool {
	column := func(c *schema.Column) bool { return c.UserType == id }
	param := func(p *schema.Param) bool { return p.UserType == id }
	switch o := o.(type) {
	case *schema.Table:
		return o.Type != id && slices.ContainsFunc(o.Columns, column)
	case *schema.Procedure:
		return slices.ContainsFunc(o.Params, param)
	case *schema.Function:
		return slices.ContainsFunc(o.Params, param) || slices.ContainsFunc(o.Columns, column)
	}
	return false
}

// Sequence carries out CREATE and ALTER SEQUENCE.
func (c *Maker) Sequence(st *ast.Sequence) error {
	h, err := c.place(st.Mode, st.Name, func(o schema.Object) bool { return o.Kind() == schema.SequenceKind })
	if err != nil {
		return err
	}
	q := &schema.Sequence{Head: h, Type: sqltype.Of(sqltype.BigInt), Increment: 1, Cache: -1}
	fresh := true
	if old, ok := c.ByID(h.ID).(*schema.Sequence); ok {
		x := *old
		x.Head = h
		q, fresh = &x, false
	}
	if st.Type != nil {
		decl, err := compile.TypeOf(c.Scope, st.Type, h.Name)
		if err != nil {
			return define.MissingType(err, 1, st.Type)
		}
		q.Type = decl.Type
		k := q.Type.Kind
		if k == sqltype.Bit || !k.IsInteger() && (k != sqltype.Decimal || q.Type.Scale != 0) {
			return msg.New(11702, h.Name)
		}
	}
	q.Type.Nullable = false
	if fresh {
		q.Min, q.Max = bounds(q.Type)
	}
	start, restart, err := sequenceOptions(q, st.Options)
	if err != nil {
		return err
	}
	lo, hi := bounds(q.Type)
	q.Min, q.Max = max(q.Min, lo), min(q.Max, hi)
	switch {
	case q.Increment == 0:
		return msg.New(11700, h.Name)
	case q.Min >= q.Max:
		return msg.New(11705, h.Name)
	}
	switch {
	case start != nil:
		q.Start = *start
	case fresh && q.Increment > 0:
		q.Start = q.Min
	case fresh:
		q.Start = q.Max
	}
	if q.Start < q.Min || q.Start > q.Max {
		return msg.New(11703, h.Name)
	}
	q.Version = rand.Int64()
	if err := c.Put(q); err != nil {
		return err
	}
	if restart {
		return c.Env.Shared.Restart(c.Conn, q)
	}
	return nil
}

// bounds of a sequence's type.
func bounds(t sqltype.Type) (lo, hi int64) {
	if t.Kind == sqltype.Decimal {
		if t.Precision >= 19 {
			return math.MinInt64, math.MaxInt64
		}
		p := int64(math.Pow10(int(t.Precision))) - 1
		return -p, p
	}
	return sqltype.IntRange(t.Kind)
}

func sequenceOptions(q *schema.Sequence, opts []*ast.Option) (start *int64, restart bool, err error) {
	for _, o := range opts {
		n, ok := int64(0), false
		if o.Value != nil {
			if n, ok = define.WholeNumber(o.Value); !ok {
				return nil, false, define.Refuse("SEQUENCE " + o.Name + " of more than 64 bits")
			}
		}
		switch o.Name {
		case "START WITH", "START":
			start = &n
		case "RESTART WITH":
			start, restart = &n, true
		case "RESTART":
			if ok {
				start = &n
			}
			restart = true
		case "INCREMENT BY", "INCREMENT":
			q.Increment = n
		case "MINVALUE":
			q.Min = n
		case "MAXVALUE":
			q.Max = n
		case "NO MINVALUE":
			q.Min, _ = bounds(q.Type)
		case "NO MAXVALUE":
			_, q.Max = bounds(q.Type)
		case "CYCLE":
			q.Cycle = true
		case "NO CYCLE":
			q.Cycle = false
		case "CACHE":
			q.Cache = -1
			if ok {
				q.Cache = int(n)
			}
		case "NO CACHE":
			q.Cache = 0
		default:
			return nil, false, define.Refuse("SEQUENCE " + o.Name)
		}
	}
	return start, restart, nil
}

// givesDefault names a default that takes values of a sequence, "" for none.
func (c *Maker) givesDefault(seq schema.Object) string {
	for _, o := range c.Objects() {
		d, ok := o.(*schema.Default)
		if !ok {
			continue
		}
		if tree, err := d.Tree(); err == nil && c.takes(tree, seq) {
			return d.Name
		}
	}
	return ""
}

// takes reports whether an expression has NEXT VALUE FOR a sequence.
func (c *Maker) takes(e ast.Expr, seq schema.Object) bool {
	switch e := e.(type) {
	case *ast.NextValue:
		o := c.Find(e.Sequence)
		return o != nil && o.Meta().ID == seq.Meta().ID
	case *ast.Binary:
		return c.takes(e.L, seq) || c.takes(e.R, seq)
	case *ast.Unary:
		return c.takes(e.X, seq)
	case *ast.Cast:
		return c.takes(e.X, seq)
	case *ast.Convert:
		return c.takes(e.X, seq)
	case *ast.FuncCall:
		return slices.ContainsFunc(e.Args, func(a ast.Expr) bool { return c.takes(a, seq) })
	}
	return false
}
