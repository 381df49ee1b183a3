package format

import "latchkey/engine/tsql/ast"

func (p *printer) files(list []*ast.FileSpec) {
	p.each(len(list), func(i int) {
		p.s("(")
		p.options(list[i].Options)
		p.s(")")
	})
}

func (p *printer) createDatabase(s *ast.CreateDatabase) {
	p.s("CREATE DATABASE ", quote(s.Name))
	p.when(s.Containment != "", " CONTAINMENT = "+s.Containment)
	for i, g := range s.Groups {
		if i == 0 {
			p.s(" ON PRIMARY ")
		} else {
			p.s(", FILEGROUP ", quote(g.Name), " ")
			p.when(g.Contains != "", "CONTAINS "+g.Contains+" ")
			p.when(g.Default, "DEFAULT ")
		}
		p.files(g.Files)
	}
	if s.Log != nil {
		p.s(" LOG ON ")
		p.files(s.Log)
	}
	p.name(" COLLATE ", s.Collation)
	if s.Service != nil {
		p.s(" (")
		p.options(s.Service)
		p.s(")")
	}
	p.when(s.For != "", " FOR "+s.For)
	p.settings(" WITH ", s.ForOptions)
	p.settings(" WITH ", s.Options)
	p.name(" AS SNAPSHOT OF ", s.SnapshotOf)
	if s.CopyOf != nil {
		p.s(" AS COPY OF ", object(*s.CopyOf))
	}
}

func (p *printer) settings(before string, list []*ast.Option) {
	if list != nil {
		p.s(before)
		p.each(len(list), func(i int) { p.setting(list[i]) })
	}
}

// equals are the settings that are written with =.
var equals = set(`COMPATIBILITY_LEVEL CONTAINMENT DEFAULT_LANGUAGE DEFAULT_FULLTEXT_LANGUAGE NESTED_TRIGGERS TRANSFORM_NOISE_WORDS
TWO_DIGIT_YEAR_CUTOFF QUERY_STORE CHANGE_TRACKING TARGET_RECOVERY_TIME DELAYED_DURABILITY ACCELERATED_DATABASE_RECOVERY
AUTOMATIC_TUNING LEDGER CATALOG_COLLATION PERSISTENT_LOG_BUFFER MEMORY_OPTIMIZED_ELEVATE_TO_SNAPSHOT BACKUP_STORAGE_REDUNDANCY
STALE_PAGE_DETECTION REMOTE_DATA_ARCHIVE OPTIMIZED_LOCKING`)

// setting prints an option of a database, with or without = as the server has it.
func (p *printer) setting(o *ast.Option) {
	w, word := o.Value.(*ast.Word)
	if equals[o.Name] && !(word && w.Text == "CLEAR") || o.Value == nil || !word {
		p.option(o)
		return
	}
	p.s(o.Name, " ", w.Text)
	p.when(o.Unit != "", " "+o.Unit)
	if o.Paren {
		p.s(" (")
		p.options(o.Args)
		p.s(")")
	}
}

func (p *printer) alterDatabase(a ast.AlterDatabaseAction) {
	switch a := a.(type) {
	case *ast.SetDatabase:
		p.settings("SET ", a.Options)
		if t := a.Termination; t != nil {
			p.s(" WITH ", t.Kind)
			p.optExpr(" ", t.After)
			p.when(t.After != nil, " SECONDS")
		}
	case *ast.RenameDatabase:
		p.name("MODIFY NAME = ", a.Name)
	case *ast.CollateDatabase:
		p.name("COLLATE ", a.Collation)
	case *ast.DatabaseFiles:
		p.s(a.Verb, " ")
		p.files(a.Files)
		p.s(quote(a.Name))
		p.name(" TO FILEGROUP ", a.Group)
	case *ast.DatabaseFileGroup:
		p.s(a.Verb, " ", quote(a.Name))
		p.when(a.Contains != "", " CONTAINS "+a.Contains)
		p.when(a.Change != "", " "+a.Change)
		p.name(" NAME = ", a.NewName)
	case *ast.OtherDatabaseAction:
		p.s(a.Verb, " ")
		p.raw(a.Text)
	}
}

func (p *printer) nameOrVar(t ast.Text) {
	if t.Variable {
		p.s(t.Value)
		return
	}
	p.s(quote(t.Value))
}

func (p *printer) devices(before string, list []ast.Device) {
	if list == nil {
		return
	}
	p.s(before)
	p.each(len(list), func(i int) {
		d := list[i]
		if d.Kind == "" {
			p.nameOrVar(d.Name)
			return
		}
		p.text(d.Kind+" = ", &d.Name)
	})
}

func (p *printer) fileList(list []*ast.Option) {
	if list != nil {
		p.s(" ")
		p.options(list)
	}
}

func (p *printer) backupOptions(list []*ast.Option) {
	for i, o := range list {
		p.s(map[bool]string{true: " WITH ", false: ", "}[i == 0])
		switch {
		case o.Name == "MOVE":
			p.optExpr("MOVE ", o.Value)
			p.optExpr(" TO ", o.Args[0].Value)
		case o.Args != nil && !o.Paren:
			p.option(&ast.Option{Name: o.Name, Value: o.Value})
			p.optExpr(" AFTER ", o.Args[0].Value)
		default:
			p.option(o)
		}
	}
}

func (p *printer) database(s ast.Statement) bool {
	switch s := s.(type) {
	case *ast.CreateDatabase:
		p.createDatabase(s)
	case *ast.AlterDatabase:
		p.s("ALTER DATABASE ")
		p.when(s.Current, "CURRENT")
		p.s(quote(s.Name), " ")
		p.alterDatabase(s.Action)
	case *ast.ScopedConfig:
		p.s("ALTER DATABASE SCOPED CONFIGURATION ")
		p.raw(s.Text)
	case *ast.Backup:
		p.s(map[bool]string{true: "BACKUP LOG ", false: "BACKUP DATABASE "}[s.Log])
		p.nameOrVar(s.Database)
		p.fileList(s.Files)
		p.devices(" TO ", s.To)
		for _, m := range s.Mirrors {
			p.devices(" MIRROR TO ", m)
		}
		p.backupOptions(s.Options)
	case *ast.Restore:
		p.s("RESTORE ", s.Kind)
		if s.Database.Value != "" {
			p.s(" ")
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
