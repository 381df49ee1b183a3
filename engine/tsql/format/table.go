package format

import (
	"strings"

	"latchkey/engine/tsql/ast"
)

func (p *printer) tableDef(d *ast.TableDef) {
	p.s("(")
	sep := ""
	next := func() {
		p.s(sep)
		sep = ", "
	}
	for _, c := range d.Columns {
		next()
		p.column(c)
	}
	for _, k := range d.Constraints {
		next()
		p.constraint(k)
	}
	for _, i := range d.Indexes {
		next()
		p.inlineIndex(i)
	}
	if d.Period != nil {
		next()
		p.parenNames("PERIOD FOR SYSTEM_TIME ", d.Period)
	}
	p.s(")")
}

func (p *printer) column(c *ast.ColumnDef) {
	p.s(quote(c.Name))
	if c.Computed != nil {
		p.optExpr(" AS ", c.Computed)
	} else if c.Type != nil {
		p.s(" ", dataType(c.Type))
	}
	p.when(c.Persisted, " PERSISTED")
	p.name(" COLLATE ", c.Collation)
	p.when(c.FileStream, " FILESTREAM")
	p.when(c.Sparse, " SPARSE")
	if c.Masked != nil {
		p.s(" MASKED WITH (FUNCTION = ")
		p.literal(c.Masked)
		p.s(")")
	}
	switch {
	case c.Generated == "COLUMN_SET":
		p.s(" COLUMN_SET FOR ALL_SPARSE_COLUMNS")
	case c.Generated != "":
		p.s(" GENERATED ALWAYS AS ", c.Generated)
	}
	p.when(c.Hidden, " HIDDEN")
	if c.Encrypted != "" {
		p.s(" ENCRYPTED WITH (")
		p.raw(c.Encrypted)
		p.s(")")
	}
	if i := c.Identity; i != nil {
		p.s(" IDENTITY")
		if i.Seed != nil {
			p.args([]ast.Expr{i.Seed, i.Increment})
		}
		p.when(i.NotForReplication, " NOT FOR REPLICATION")
	}
	p.when(c.RowGUID, " ROWGUIDCOL")
	p.when(c.Nullable != "", " "+c.Nullable)
	for _, k := range c.Constraints {
		p.s(" ")
		p.constraint(k)
	}
	if c.Index != nil {
		p.s(" ")
		p.inlineIndex(c.Index)
	}
}

func (p *printer) indexColumns(list []ast.IndexColumn) {
	if list == nil {
		return
	}
	p.s(" (")
	p.each(len(list), func(i int) {
		p.s(quote(list[i].Name))
		p.when(list[i].Desc, " DESC")
	})
	p.s(")")
}

func (p *printer) constraint(k *ast.Constraint) {
	if k.Name != "" {
		p.s("CONSTRAINT ", quote(k.Name), " ")
	}
	switch k.Kind {
	case "FOREIGN KEY":
		p.when(k.Columns != nil, "FOREIGN KEY")
		p.indexColumns(k.Columns)
		p.when(k.Columns != nil, " ")
		p.s("REFERENCES ", object(*k.RefTable))
		p.parenNames(" ", k.RefColumns)
		p.when(k.OnDelete != "", " ON DELETE "+k.OnDelete)
		p.when(k.OnUpdate != "", " ON UPDATE "+k.OnUpdate)
		p.when(k.NotForReplication, " NOT FOR REPLICATION")
	case "CHECK":
		p.s("CHECK ")
		p.when(k.NotForReplication, "NOT FOR REPLICATION ")
		p.s("(")
		p.expr(k.Check)
		p.s(")")
	case "DEFAULT":
		p.s("DEFAULT (")
		p.expr(k.Default)
		p.s(")")
		p.name(" FOR ", k.For)
		p.when(k.WithValues, " WITH VALUES")
	case "CONNECTION":
		p.s("CONNECTION (", k.For, ")")
	default:
		p.s(k.Kind)
		p.when(k.Clustering != "", " "+k.Clustering)
		p.when(k.Hash, " HASH")
		p.indexColumns(k.Columns)
		p.optionList(k.Options)
		p.when(k.On != "", " ON "+k.On)
		p.when(k.NotEnforced, " NOT ENFORCED")
	}
}

func (p *printer) inlineIndex(d *ast.IndexDef) {
	p.s("INDEX ", quote(d.Name))
	p.when(d.Unique, " UNIQUE")
	p.when(d.Clustering != "", " "+d.Clustering)
	p.when(d.Hash, " HASH")
	p.indexBody(d)
}

func (p *printer) indexBody(d *ast.IndexDef) {
	p.indexColumns(d.Columns)
	p.parenNames(" INCLUDE ", d.Include)
	p.where(d.Where)
	p.optionList(d.Options)
	p.when(d.On != "", " ON "+d.On)
	p.when(d.FileStream != "", " FILESTREAM_ON "+d.FileStream)
}

func (p *printer) table(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateTable:
		p.s("CREATE TABLE ", object(s.Name))
		p.when(s.Kind == "FILETABLE", " AS FILETABLE")
		if s.Def != nil {
			p.s(" ")
			p.tableDef(s.Def)
		}
		p.when(s.Kind == "NODE" || s.Kind == "EDGE", " AS "+s.Kind)
		p.when(s.On != "", " ON "+s.On)
		p.when(s.TextImage != "", " TEXTIMAGE_ON "+s.TextImage)
		p.when(s.FileStream != "", " FILESTREAM_ON "+s.FileStream)
		p.optionList(s.Options)
	case *ast.AlterTable:
		p.s("ALTER TABLE ", object(s.Name), " ")
		p.when(s.WithCheck != "", "WITH "+s.WithCheck+" ")
		p.alterTable(s.Action)
	case *ast.CreateIndex:
		p.s("CREATE ")
		p.when(s.Index.Unique, "UNIQUE ")
		p.when(s.Index.Clustering != "", s.Index.Clustering+" ")
		p.s("INDEX ", quote(s.Index.Name), " ON ", object(s.Table))
		p.indexBody(s.Index)
	case *ast.AlterIndex:
		p.s("ALTER INDEX ")
		if s.Name == "" {
			p.s("ALL")
		}
		p.s(quote(s.Name), " ON ", object(s.Table), " ", s.Action)
		if s.Action == "SET" {
			p.s(" (")
			p.options(s.Options)
			p.s(")")
			return true
		}
		p.optExpr(" PARTITION = ", s.Partition)
		p.optionList(s.Options)
	case *ast.Statistics:
		p.statistics(s)
	case *ast.Drop:
		p.drop(s)
	default:
		return false
	}
	return true
}

func (p *printer) alterTable(a ast.AlterTableAction) {
	switch a := a.(type) {
	case *ast.AddColumns:
		p.s("ADD ")
		sub := &printer{show: p.show, mask: p.mask}
		sub.tableDef(a.Def)
		s := sub.b.String()
		p.s(s[1 : len(s)-1]) // the list without its parentheses
	case *ast.AlterColumn:
		p.s("ALTER COLUMN ")
		if a.Toggle != "" {
			p.s(quote(a.Column.Name), " ")
			p.raw(a.Toggle)
			return
		}
		p.column(a.Column)
		p.optionList(a.Options)
	case *ast.DropElements:
		p.s("DROP ")
		p.each(len(a.Items), func(i int) {
			e := a.Items[i]
			if e.Kind == "PERIOD" {
				p.s("PERIOD FOR SYSTEM_TIME")
				return
			}
			p.s(e.Kind, " ")
			p.when(e.IfExists, "IF EXISTS ")
			p.s(quote(e.Name))
			p.optionList(e.Options)
		})
	case *ast.SwitchConstraints:
		p.s(a.Verb, " ", a.What, " ")
		if a.Names == nil {
			p.s("ALL")
		}
		p.names(a.Names)
	case *ast.OtherTableAction:
		p.s(a.Verb)
		p.when(a.Text != "", " ")
		p.raw(a.Text)
	}
}

func (p *printer) statistics(s *ast.Statistics) {
	p.s(string(s.Mode), " STATISTICS ")
	if s.Mode == "CREATE" {
		p.s(quote(s.Names[0]), " ON ", object(s.Table))
		p.parenNames(" ", s.Columns)
		p.where(s.Where)
	} else {
		p.object(s.Table)
		p.parenNames(" ", s.Names)
	}
	for i, o := range s.Options {
		p.s(map[bool]string{true: " WITH ", false: ", "}[i == 0])
		if o.Name == "SAMPLE" {
			p.optExpr("SAMPLE ", o.Value)
			p.s(" ", o.Unit)
			continue
		}
		p.option(o)
	}
}

func (p *printer) drop(s *ast.Drop) {
	p.s("DROP ", s.Kind)
	p.when(s.IfExists, " IF EXISTS")
	p.when(s.Names != nil, " ")
	p.objects(s.Names)
	switch {
	case len(s.On.Parts) == 0:
	case s.Kind == "TRIGGER":
		p.s(" ON ", s.On.Parts[0])
	default:
		p.s(" ON ", object(s.On))
	}
	p.optionList(s.Options)
	p.when(s.RemoveProviderKey, " REMOVE PROVIDER KEY")
}

func (p *printer) params(list []*ast.Param) {
	p.each(len(list), func(i int) {
		a := list[i]
		p.s(a.Name, " ", dataType(a.Type))
		p.when(a.Varying, " VARYING")
		p.when(a.Nullable != "", " "+a.Nullable)
		p.masked(assignsSecret(a.Name), func() { p.optExpr(" = ", a.Default) })
		p.when(a.Output, " OUTPUT")
		p.when(a.ReadOnly, " READONLY")
	})
}

func (p *printer) moduleOptions(list []*ast.Option) {
	for i, o := range list {
		p.s(map[bool]string{true: " WITH ", false: ", "}[i == 0], o.Name)
		if o.Name == "EXECUTE AS" {
			p.optExpr(" ", o.Value)
		} else {
			p.optExpr(" = ", o.Value)
		}
	}
}

func (p *printer) externalOr(n *ast.ObjectName, body []ast.Statement) {
	if n != nil {
		p.s("EXTERNAL NAME ", object(*n))
		return
	}
	p.statements(body)
}

func joinUpper(list []string) string { return strings.Join(list, ", ") }
