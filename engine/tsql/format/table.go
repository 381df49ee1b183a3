package format

import (
	"strings"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
)

func (p *printer) tableDef(d *ast.TableDef) {
	p.S("(")
	p.elements(d)
	p.S(")")
}

// elements prints the content of a table without parentheses.
func (p *printer) elements(d *ast.TableDef) {
	sep := ""
	next := func() {
		p.S(sep)
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
		p.ParenNames("PERIOD FOR SYSTEM_TIME ", d.Period)
	}
}

func (p *printer) column(c *ast.ColumnDef) {
	p.S(phrase.Quote(c.Name))
	if c.Computed != nil {
		p.OptExpr(" AS ", c.Computed)
	} else if c.Type != nil {
		p.S(" ", phrase.DataType(c.Type))
	}
	p.When(c.Persisted, " PERSISTED")
	p.Name(" COLLATE ", c.Collation)
	p.When(c.FileStream, " FILESTREAM")
	p.When(c.Sparse, " SPARSE")
	if c.Masked != nil {
		p.S(" MASKED WITH (FUNCTION = ")
		p.Literal(c.Masked)
		p.S(")")
	}
	switch {
	case c.Generated == "COLUMN_SET":
		p.S(" COLUMN_SET FOR ALL_SPARSE_COLUMNS")
	case c.Generated != "":
		p.S(" GENERATED ALWAYS AS ", c.Generated)
	}
	p.When(c.Hidden, " HIDDEN")
	if c.Encrypted != "" {
		p.S(" ENCRYPTED WITH (")
		p.Raw(c.Encrypted)
		p.S(")")
	}
	if i := c.Identity; i != nil {
		p.S(" IDENTITY")
		if i.Seed != nil {
			p.Args([]ast.Expr{i.Seed, i.Increment})
		}
		p.When(i.NotForReplication, " NOT FOR REPLICATION")
	}
	p.When(c.RowGUID, " ROWGUIDCOL")
	p.When(c.Nullable != "", " "+c.Nullable)
	for _, k := range c.Constraints {
		p.S(" ")
		p.constraint(k)
	}
	if c.Index != nil {
		p.S(" ")
		p.inlineIndex(c.Index)
	}
}

func (p *printer) indexColumns(list []ast.IndexColumn) {
	if list == nil {
		return
	}
	p.S(" (")
	p.Each(len(list), func(i int) {
		p.S(phrase.Quote(list[i].Name))
		p.When(list[i].Desc, " DESC")
	})
	p.S(")")
}

func (p *printer) constraint(k *ast.Constraint) {
	if k.Name != "" {
		p.S("CONSTRAINT ", phrase.Quote(k.Name), " ")
	}
	switch k.Kind {
	case "FOREIGN KEY":
		p.When(k.Columns != nil, "FOREIGN KEY")
		p.indexColumns(k.Columns)
		p.When(k.Columns != nil, " ")
		p.S("REFERENCES ", phrase.ObjectName(*k.RefTable))
		p.ParenNames(" ", k.RefColumns)
		p.When(k.OnDelete != "", " ON DELETE "+k.OnDelete)
		p.When(k.OnUpdate != "", " ON UPDATE "+k.OnUpdate)
		p.When(k.NotForReplication, " NOT FOR REPLICATION")
	case "CHECK":
		p.S("CHECK ")
		p.When(k.NotForReplication, "NOT FOR REPLICATION ")
		p.S("(")
		p.Expr(k.Check)
		p.S(")")
	case "DEFAULT":
		p.S("DEFAULT (")
		p.Expr(k.Default)
		p.S(")")
		p.Name(" FOR ", k.For)
		p.When(k.WithValues, " WITH VALUES")
	case "CONNECTION":
		p.S("CONNECTION (", k.For, ")")
	default:
		p.S(k.Kind)
		p.When(k.Clustering != "", " "+k.Clustering)
		p.When(k.Hash, " HASH")
		p.indexColumns(k.Columns)
		p.OptionList(k.Options)
		p.When(k.On != "", " ON "+k.On)
		p.When(k.NotEnforced, " NOT ENFORCED")
	}
}

func (p *printer) inlineIndex(d *ast.IndexDef) {
	p.S("INDEX ", phrase.Quote(d.Name))
	p.When(d.Unique, " UNIQUE")
	p.When(d.Clustering != "", " "+d.Clustering)
	p.When(d.Hash, " HASH")
	p.indexBody(d)
}

func (p *printer) indexBody(d *ast.IndexDef) {
	p.indexColumns(d.Columns)
	p.ParenNames(" INCLUDE ", d.Include)
	p.Where(d.Where)
	p.OptionList(d.Options)
	p.When(d.On != "", " ON "+d.On)
	p.When(d.FileStream != "", " FILESTREAM_ON "+d.FileStream)
}

func (p *printer) table(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateTable:
		p.S("CREATE TABLE ", phrase.ObjectName(s.Name))
		p.When(s.Kind == "FILETABLE", " AS FILETABLE")
		if s.Def != nil {
			p.S(" ")
			p.tableDef(s.Def)
		}
		p.When(s.Kind == "NODE" || s.Kind == "EDGE", " AS "+s.Kind)
		p.When(s.On != "", " ON "+s.On)
		p.When(s.TextImage != "", " TEXTIMAGE_ON "+s.TextImage)
		p.When(s.FileStream != "", " FILESTREAM_ON "+s.FileStream)
		p.OptionList(s.Options)
	case *ast.AlterTable:
		p.S("ALTER TABLE ", phrase.ObjectName(s.Name), " ")
		p.When(s.WithCheck != "", "WITH "+s.WithCheck+" ")
		p.alterTable(s.Action)
	case *ast.CreateIndex:
		p.S("CREATE ")
		p.When(s.Index.Unique, "UNIQUE ")
		p.When(s.Index.Clustering != "", s.Index.Clustering+" ")
		p.S("INDEX ", phrase.Quote(s.Index.Name), " ON ", phrase.ObjectName(s.Table))
		p.indexBody(s.Index)
	case *ast.AlterIndex:
		p.S("ALTER INDEX ")
		if s.Name == "" {
			p.S("ALL")
		}
		p.S(phrase.Quote(s.Name), " ON ", phrase.ObjectName(s.Table), " ", s.Action)
		if s.Action == "SET" {
			p.S(" (")
			p.Options(s.Options)
			p.S(")")
			return true
		}
		p.OptExpr(" PARTITION = ", s.Partition)
		p.OptionList(s.Options)
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
		p.S("ADD ")
		p.elements(a.Def)
	case *ast.AlterColumn:
		p.S("ALTER COLUMN ")
		if a.Toggle != "" {
			p.S(phrase.Quote(a.Column.Name), " ")
			p.Raw(a.Toggle)
			return
		}
		p.column(a.Column)
		p.OptionList(a.Options)
	case *ast.DropElements:
		p.S("DROP ")
		p.Each(len(a.Items), func(i int) {
			e := a.Items[i]
			if e.Kind == "PERIOD" {
				p.S("PERIOD FOR SYSTEM_TIME")
				return
			}
			p.S(e.Kind, " ")
			p.When(e.IfExists, "IF EXISTS ")
			p.S(phrase.Quote(e.Name))
			p.OptionList(e.Options)
		})
	case *ast.SwitchConstraints:
		p.S(a.Verb, " ", a.What, " ")
		if a.Names == nil {
			p.S("ALL")
		}
		p.Names(a.Names)
	case *ast.OtherTableAction:
		p.S(a.Verb)
		p.When(a.Text != "", " ")
		p.Raw(a.Text)
	}
}

func (p *printer) statistics(s *ast.Statistics) {
	p.S(string(s.Mode), " STATISTICS ")
	if s.Mode == "CREATE" {
		p.S(phrase.Quote(s.Names[0]), " ON ", phrase.ObjectName(s.Table))
		p.ParenNames(" ", s.Columns)
		p.Where(s.Where)
	} else {
		p.Object(s.Table)
		p.ParenNames(" ", s.Names)
	}
	for i, o := range s.Options {
		p.S(map[bool]string{true: " WITH ", false: ", "}[i == 0])
		if o.Name == "SAMPLE" {
			p.OptExpr("SAMPLE ", o.Value)
			p.S(" ", o.Unit)
			continue
		}
		p.Option(o)
	}
}

func (p *printer) drop(s *ast.Drop) {
	p.S("DROP ", s.Kind)
	p.When(s.IfExists, " IF EXISTS")
	p.When(s.Names != nil, " ")
	p.Objects(s.Names)
	switch {
	case len(s.On.Parts) == 0:
	case s.Kind == "TRIGGER":
		p.S(" ON ", s.On.Parts[0])
	default:
		p.S(" ON ", phrase.ObjectName(s.On))
	}
	p.OptionList(s.Options)
	p.When(s.RemoveProviderKey, " REMOVE PROVIDER KEY")
}

func (p *printer) params(list []*ast.Param) {
	p.Each(len(list), func(i int) {
		a := list[i]
		p.S(a.Name, " ", phrase.DataType(a.Type))
		p.When(a.Varying, " VARYING")
		p.When(a.Nullable != "", " "+a.Nullable)
		p.Masked(phrase.AssignsSecret(a.Name), func() { p.OptExpr(" = ", a.Default) })
		p.When(a.Output, " OUTPUT")
		p.When(a.ReadOnly, " READONLY")
	})
}

func (p *printer) moduleOptions(list []*ast.Option) {
	for i, o := range list {
		p.S(map[bool]string{true: " WITH ", false: ", "}[i == 0], o.Name)
		if o.Name == "EXECUTE AS" {
			p.OptExpr(" ", o.Value)
		} else {
			p.OptExpr(" = ", o.Value)
		}
	}
}

func (p *printer) externalOr(n *ast.ObjectName, body []ast.Statement) {
	if n != nil {
		p.S("EXTERNAL NAME ", phrase.ObjectName(*n))
		return
	}
	p.statements(body)
}

func joinUpper(list []string) string { return strings.Join(list, ", ") }
