package module

import (
	"strings"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/schema"
	"latchkey/engine/schema/ddl/define"
	"latchkey/engine/tsql/ast"
)

// Caution is what sp_rename says when it has renamed: message 15477.
func Caution() *msg.Error {
	return &msg.Error{Number: 15477, Severity: 10, State: 1, Text: "Caution: Changing any part of an object name could break scripts and stored procedures."}
}

// parts splits a name as sp_rename takes it: in brackets, double quotes or bare.
func parts(s string) []string {
	var out []string
	var b strings.Builder
	for i := 0; i < len(s); {
		switch q := s[i]; {
		case (q == '[' || q == '"') && b.Len() == 0:
			end := q
			if q == '[' {
				end = ']'
			}
			for i++; i < len(s); i++ {
				if s[i] == end {
					if i+1 < len(s) && s[i+1] == end {
						i++
					} else {
						break
					}
				}
				b.WriteByte(s[i])
			}
			i++
		case q == '.':
			out = append(out, b.String())
			b.Reset()
			i++
		default:
			b.WriteByte(q)
			i++
		}
	}
	return append(out, b.String())
}

// Rename is sp_rename.
func (c *Maker) Rename(object, name, kind string) error {
	p := parts(object)
	if name == "" || len(p) == 0 || len(p) > 4 {
		return msg.New(15225, object, c.Database, orNull(kind))
	}
	switch kind = strings.ToUpper(kind); kind {
	case "":
		if err := c.renameObject(p, name, kind); err == nil || len(p) == 1 {
			return err
		}
		if t := c.FindTable(ast.ObjectName{Parts: p[:len(p)-1]}); t != nil && c.Column(t, p[len(p)-1]) != nil {
			return c.renameColumn(p, name)
		}
		return c.renameIndex(p, name)
	case "OBJECT":
		return c.renameObject(p, name, kind)
	case "COLUMN":
		return c.renameColumn(p, name)
	case "INDEX":
		return c.renameIndex(p, name)
	case "USERDATATYPE":
		u := c.TypeByName(ast.ObjectName{Parts: p})
		if u == nil {
			return msg.New(15225, object, c.Database, kind)
		}
		if c.Type(u.Schema, name) != nil {
			return msg.New(15335, name, kind)
		}
		v := *u
		v.Name = name
		return c.PutType(&v)
	}
	return msg.New(15249, kind)
}

func orNull(kind string) string {
	if kind == "" {
		return "(null)"
	}
	return kind
}

func (c *Maker) renameObject(p []string, name, kind string) error {
	o := c.Find(ast.ObjectName{Parts: p})
	if o == nil {
		return msg.New(15225, strings.Join(p, "."), c.Database, orNull(kind))
	}
	h := o.Meta()
	if x := c.Lookup(h.Schema, name); x != nil && x.Meta().ID != h.ID {
		return msg.New(15335, name, "object")
	}
	if c.BoundBy(o) != "" {
		return msg.New(15336, strings.Join(p, "."))
	}
	if h.Parent == 0 {
		return c.moved(o, func(h *schema.Head) { h.Name = name })
	}
	t := c.TableByID(h.Parent)
	if t == nil {
		return define.Refuse("sp_rename of a trigger")
	}
	t = t.Clone()
	for _, k := range t.Constraints() {
		if k.Meta().ID == h.ID {
			k.Meta().Name = name
		}
	}
	return c.Put(t)
}

func (c *Maker) renameColumn(p []string, name string) error {
	shown := strings.Join(p, ".")
	if len(p) < 2 {
		return msg.New(15248, "COLUMN")
	}
	old := c.FindTable(ast.ObjectName{Parts: p[:len(p)-1]})
	if old == nil || c.Column(old, p[len(p)-1]) == nil {
		return msg.New(15248, "COLUMN")
	}
	t := old.Clone()
	col := c.Column(t, p[len(p)-1])
	if x := c.Column(t, name); x != nil && x != col {
		return msg.New(15335, name, "COLUMN")
	}
	for _, k := range t.Checks {
		if schema.Mentions(k.Expr, col.Name, c.Same) {
			return msg.New(15336, shown)
		}
	}
	for _, o := range t.Columns {
		if o.Computed != nil && schema.Mentions(o.Computed.Expr, col.Name, c.Same) {
			return msg.New(15336, shown)
		}
	}
	for _, x := range t.Indexes {
		if x.Filter != nil && schema.Mentions(x.Filter, col.Name, c.Same) {
			return msg.New(15336, shown)
		}
	}
	if c.BoundBy(old) != "" {
		return msg.New(15336, shown)
	}
	col.Name = name // its name in SQLite stays
	t.Modified = c.Now()
	return c.Put(t)
}

func (c *Maker) renameIndex(p []string, name string) error {
	if len(p) < 2 {
		return msg.New(15248, "INDEX")
	}
	old := c.FindTable(ast.ObjectName{Parts: p[:len(p)-1]})
	if old == nil {
		return msg.New(15248, "INDEX")
	}
	b := c.Builder(old.Clone(), true)
	last := p[len(p)-1]
	for _, k := range b.Def.Keys() {
		if c.Same(k.Name, last) {
			k.Name = name
			return c.Put(b.Def)
		}
	}
	x := b.IndexByName(last)
	if x == nil {
		return msg.New(15248, "INDEX")
	}
	if y := b.IndexByName(name); y != nil && y != x {
		return msg.New(15335, name, "INDEX")
	}
	x.Name = name
	return c.Put(b.Def)
}
