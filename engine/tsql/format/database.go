package format

import (
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/format/phrase"
)

func (p *printer) files(list []*ast.FileSpec) {
	p.Each(len(list), func(i int) {
		p.S("(")
		p.Options(list[i].Options)
		p.S(")")
	})
}

func (p *printer) createDatabase(s *ast.CreateDatabase) {
	p.S("CREATE DATABASE ", phrase.Quote(s.Name))
	p.When(s.Containment != "", " CONTAINMENT = "+s.Containment)
	for i, g := range s.Groups {
		if i == 0 {
			p.S(" ON PRIMARY ")
		} else {
			p.S(", FILEGROUP ", phrase.Quote(g.Name), " ")
			p.When(g.Contains != "", "CONTAINS "+g.Contains+" ")
			p.When(g.Default, "DEFAULT ")
		}
		p.files(g.Files)
	}
	if s.Log != nil {
		p.S(" LOG ON ")
		p.files(s.Log)
	}
	p.Name(" COLLATE ", s.Collation)
	if s.Service != nil {
		p.S(" (")
		p.Options(s.Service)
		p.S(")")
	}
	p.When(s.For != "", " FOR "+s.For)
	p.settings(" WITH ", s.ForOptions)
	p.settings(" WITH ", s.Options)
	p.Name(" AS SNAPSHOT OF ", s.SnapshotOf)
	if s.CopyOf != nil {
		p.S(" AS COPY OF ", phrase.ObjectName(*s.CopyOf))
	}
}

func (p *printer) settings(before string, list []*ast.Option) {
	if list != nil {
		p.S(before)
		p.Each(len(list), func(i int) { p.setting(list[i]) })
	}
}

// equals are the settings that are written with =.
var equals = phrase.Words(`COMPATIBILITY_LEVEL CONTAINMENT DEFAULT_LANGUAGE DEFAULT_FULLTEXT_LANGUAGE NESTED_TRIGGERS TRANSFORM_NOISE_WORDS
TWO_DIGIT_YEAR_CUTOFF QUERY_STORE CHANGE_TRACKING TARGET_RECOVERY_TIME DELAYED_DURABILITY ACCELERATED_DATABASE_RECOVERY
AUTOMATIC_TUNING LEDGER CATALOG_COLLATION PERSISTENT_LOG_BUFFER MEMORY_OPTIMIZED_ELEVATE_TO_SNAPSHOT BACKUP_STORAGE_REDUNDANCY
STALE_PAGE_DETECTION REMOTE_DATA_ARCHIVE OPTIMIZED_LOCKING`)

// bareValues are the values that may follow a setting without =.
var bareValues = phrase.Words(`ON OFF CLEAR LOCAL GLOBAL SIMPLE FORCED NONE CHECKSUM TORN_PAGE_DETECTION`)

// setting prints an option of a database, with or without = as the server has it.
func (p *printer) setting(o *ast.Option) {
	w, word := o.Value.(*ast.Word)
	switch {
	case o.Value == nil, !word:
		p.Option(o)
		return
	case o.Name == "ENCRYPTION", o.Name == "RECOVERY", w.Text == "CLEAR":
	case equals[o.Name], !bareValues[w.Text]:
		p.Option(o)
		return
	}
	p.S(o.Name, " ", w.Text)
	p.When(o.Unit != "", " "+o.Unit)
	if o.Paren {
		p.S(" (")
		p.Options(o.Args)
		p.S(")")
	}
}

func (p *printer) alterDatabase(a ast.AlterDatabaseAction) {
	switch a := a.(type) {
	case *ast.SetDatabase:
		p.settings("SET ", a.Options)
		if t := a.Termination; t != nil {
			p.S(" WITH ", t.Kind)
			p.OptExpr(" ", t.After)
			p.When(t.After != nil, " SECONDS")
		}
	case *ast.RenameDatabase:
		p.Name("MODIFY NAME = ", a.Name)
	case *ast.CollateDatabase:
		p.Name("COLLATE ", a.Collation)
	case *ast.DatabaseFiles:
		p.S(a.Verb, " ")
		p.files(a.Files)
		p.S(phrase.Quote(a.Name))
		p.Name(" TO FILEGROUP ", a.Group)
	case *ast.DatabaseFileGroup:
		p.S(a.Verb, " ", phrase.Quote(a.Name))
		p.When(a.Contains != "", " CONTAINS "+a.Contains)
		p.When(a.Change != "", " "+a.Change)
		p.Name(" NAME = ", a.NewName)
	case *ast.OtherDatabaseAction:
		p.S(a.Verb, " ")
		p.Raw(a.Text)
	}
}

func (p *printer) nameOrVar(t ast.Text) {
	if t.Variable {
		p.S(t.Value)
		return
	}
	p.S(phrase.Quote(t.Value))
}

func (p *printer) devices(before string, list []ast.Device) {
	if list == nil {
		return
	}
	p.S(before)
	p.Each(len(list), func(i int) {
		d := list[i]
		if d.Kind == "" {
			p.nameOrVar(d.Name)
			return
		}
		p.Text(d.Kind+" = ", &d.Name)
	})
}

func (p *printer) fileList(list []*ast.Option) {
	if list != nil {
		p.S(" ")
		p.Options(list)
	}
}

func (p *printer) backupOptions(list []*ast.Option) {
	for i, o := range list {
		p.S(map[bool]string{true: " WITH ", false: ", "}[i == 0])
		switch {
		case o.Name == "MOVE":
			p.OptExpr("MOVE ", o.Value)
			p.OptExpr(" TO ", o.Args[0].Value)
		case o.Args != nil && !o.Paren:
			p.Option(&ast.Option{Name: o.Name, Value: o.Value})
			p.OptExpr(" AFTER ", o.Args[0].Value)
		default:
			p.Option(o)
		}
	}
}

func (p *printer) database(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateDatabase:
		p.createDatabase(s)
	case *ast.AlterDatabase:
		p.S("ALTER DATABASE ")
		p.When(s.Current, "CURRENT")
		p.S(phrase.Quote(s.Name), " ")
		p.alterDatabase(s.Action)
	case *ast.ScopedConfig:
		p.S("ALTER DATABASE SCOPED CONFIGURATION ")
		p.Raw(s.Text)
	case *ast.Backup:
		p.S(map[bool]string{true: "BACKUP LOG ", false: "BACKUP DATABASE "}[s.Log])
		p.nameOrVar(s.Database)
		p.fileList(s.Files)
		p.devices(" TO ", s.To)
		for _, m := range s.Mirrors {
			p.devices(" MIRROR TO ", m)
		}
		p.backupOptions(s.Options)
	case *ast.Restore:
		p.S("RESTORE ", s.Kind)
		if s.Database.Value != "" {
			p.S(" ")
			p.nameOrVar(s.Database)
		}
		p.fileList(s.Files)
		p.devices(" FROM ", s.From)
		p.backupOptions(s.Options)
	default:
		return false
	}
	return true
}
