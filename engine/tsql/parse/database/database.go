// Package database parses CREATE and ALTER DATABASE, BACKUP and RESTORE.
//
// What is on the keys of a database belongs to package security; the dispatcher looks ahead for ENCRYPTION KEY, as a database
// may well be called ENCRYPTION.
package database

import (
	"slices"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/parse/expr"
	"latchkey/engine/tsql/token"
)

// Create parses what follows CREATE DATABASE.
func Create(c *cursor.Cursor) ast.Statement {
	s := &ast.CreateDatabase{Name: c.Name()}
	if c.Accept("CONTAINMENT") {
		c.ExpectSym(token.Eq)
		s.Containment = c.ExpectAny("NONE", "PARTIAL")
	}
	if c.Accept("ON") {
		s.Groups = groups(c)
	}
	if c.Accept("LOG") {
		c.Expect("ON")
		s.Log = files(c)
	}
	if c.Accept("COLLATE") {
		s.Collation = c.Name()
	}
	if c.IsSym(token.LParen) {
		s.Service = c.ParenOptions()
	}
	if c.Accept("FOR") {
		s.For = c.ExpectAny("ATTACH", "ATTACH_REBUILD_LOG", "ATTACH_FORCE_REBUILD_LOG")
	}
	if c.Is("WITH") && (s.For != "" || c.KindAt(1) == token.Word && !c.SymAt(2, token.LParen) || c.IsAt(1, "FILESTREAM")) {
		c.Advance()
		list := []*ast.Option{createOption(c)}
		for c.Comma() {
			list = append(list, createOption(c))
		}
		if s.For != "" {
			s.ForOptions = list
		} else {
			s.Options = list
		}
	}
	if c.Accept("AS") {
		switch c.ExpectAny("SNAPSHOT", "COPY") {
		case "SNAPSHOT":
			c.Expect("OF")
			s.SnapshotOf = c.Name()
		case "COPY":
			c.Expect("OF")
			n := c.Object()
			s.CopyOf = &n
		}
	}
	return s
}

var createOptions = []string{
	"DB_CHAINING", "TRUSTWORTHY", "DEFAULT_LANGUAGE", "DEFAULT_FULLTEXT_LANGUAGE", "NESTED_TRIGGERS",
	"TRANSFORM_NOISE_WORDS", "TWO_DIGIT_YEAR_CUTOFF", "FILESTREAM", "PERSISTENT_LOG_BUFFER", "LEDGER", "CATALOG_COLLATION",
	"ENABLE_BROKER", "NEW_BROKER", "ERROR_BROKER_CONVERSATIONS", "RESTRICTED_USER", "BACKUP_STORAGE_REDUNDANCY",
}

func createOption(c *cursor.Cursor) *ast.Option {
	w := c.ExpectAny(createOptions...)
	if w == "DEFAULT_LANGUAGE" || w == "DEFAULT_FULLTEXT_LANGUAGE" {
		return c.NameOption(w)
	}
	return settingTail(c, w)
}

func groups(c *cursor.Cursor) []*ast.FileGroup {
	c.Accept("PRIMARY")
	g := &ast.FileGroup{Name: "PRIMARY"}
	list := []*ast.FileGroup{g}
	if !c.Is("FILEGROUP") {
		g.Files = append(g.Files, file(c))
	}
	for g.Files == nil || c.Comma() {
		if !c.Accept("FILEGROUP") {
			g.Files = append(g.Files, file(c))
			continue
		}
		g = &ast.FileGroup{Name: c.Name()}
		if c.Accept("CONTAINS") {
			g.Contains = c.ExpectAny("FILESTREAM", "MEMORY_OPTIMIZED_DATA")
		}
		g.Default = c.Accept("DEFAULT")
		g.Files = append(g.Files, file(c))
		list = append(list, g)
	}
	return list
}

func files(c *cursor.Cursor) []*ast.FileSpec {
	list := []*ast.FileSpec{file(c)}
	for c.Comma() {
		list = append(list, file(c))
	}
	return list
}

// file parses (NAME = n, FILENAME = 'f', ...).
func file(c *cursor.Cursor) *ast.FileSpec {
	f := &ast.FileSpec{}
	c.ExpectSym(token.LParen)
	for {
		w := c.ExpectAny("NAME", "NEWNAME", "FILENAME", "SIZE", "MAXSIZE", "FILEGROWTH", "OFFLINE")
		o := &ast.Option{Name: w}
		switch w {
		case "NAME", "NEWNAME":
			o = c.NameOption(w)
		case "OFFLINE", "":
		default:
			c.ExpectSym(token.Eq)
			o.Value, o.Unit = c.OptionValue()
		}
		f.Options = append(f.Options, o)
		if !c.Comma() {
			break
		}
	}
	c.ExpectSym(token.RParen)
	return f
}

// Alter parses what follows ALTER DATABASE, but for the statements on keys.
func Alter(c *cursor.Cursor) ast.Statement {
	s := &ast.AlterDatabase{}
	if c.Accept("CURRENT") {
		s.Current = true
	} else {
		s.Name = c.Name()
	}
	switch c.ExpectAny("SET", "MODIFY", "ADD", "REMOVE", "COLLATE", "FAILOVER", "FORCE_FAILOVER_ALLOW_DATA_LOSS", "PERFORM") {
	case "SET":
		s.Action = set(c)
	case "COLLATE":
		s.Action = &ast.CollateDatabase{Collation: c.Name()}
	case "MODIFY":
		s.Action = modify(c)
	case "ADD":
		s.Action = add(c)
	case "REMOVE":
		s.Action = remove(c)
	default:
		c.FailBack(1)
	}
	return s
}

func modify(c *cursor.Cursor) ast.AlterDatabaseAction {
	switch {
	case c.Accept("NAME"):
		c.ExpectSym(token.Eq)
		return &ast.RenameDatabase{Name: c.Name()}
	case c.Accept("FILE"):
		return &ast.DatabaseFiles{Verb: "MODIFY FILE", Files: []*ast.FileSpec{file(c)}}
	case c.IsSym(token.LParen):
		return &ast.OtherDatabaseAction{Verb: "MODIFY", Text: "(" + c.RawParens() + ")"}
	}
	c.Expect("FILEGROUP")
	g := &ast.DatabaseFileGroup{Verb: "MODIFY FILEGROUP", Name: c.NameOrWord("PRIMARY")}
	if c.Accept("NAME") {
		c.ExpectSym(token.Eq)
		g.NewName = c.Name()
		return g
	}
	g.Change = c.ExpectAny("DEFAULT", "READ_ONLY", "READ_WRITE", "READONLY", "READWRITE", "AUTOGROW_ALL_FILES", "AUTOGROW_SINGLE_FILE")
	return g
}

func add(c *cursor.Cursor) ast.AlterDatabaseAction {
	if c.Accept("FILEGROUP") {
		g := &ast.DatabaseFileGroup{Verb: "ADD FILEGROUP", Name: c.Name()}
		if c.Accept("CONTAINS") {
			g.Contains = c.ExpectAny("FILESTREAM", "MEMORY_OPTIMIZED_DATA")
		}
		return g
	}
	d := &ast.DatabaseFiles{Verb: "ADD FILE"}
	if c.Accept("LOG") {
		d.Verb = "ADD LOG FILE"
	}
	c.Expect("FILE")
	d.Files = files(c)
	if c.Accept("TO") {
		c.Expect("FILEGROUP")
		d.Group = c.NameOrWord("PRIMARY")
	}
	return d
}

func remove(c *cursor.Cursor) ast.AlterDatabaseAction {
	if c.Accept("FILEGROUP") {
		return &ast.DatabaseFileGroup{Verb: "REMOVE FILEGROUP", Name: c.Name()}
	}
	c.Expect("FILE")
	return &ast.DatabaseFiles{Verb: "REMOVE FILE", Name: c.Name()}
}

// flags stand alone in SET.
var flags = []string{
	"SINGLE_USER", "RESTRICTED_USER", "MULTI_USER", "ONLINE", "OFFLINE", "EMERGENCY", "READ_ONLY", "READ_WRITE",
	"ENABLE_BROKER", "DISABLE_BROKER", "NEW_BROKER", "ERROR_BROKER_CONVERSATIONS",
}

// settings take a value in SET, with or without =.
var settings = []string{
	"RECOVERY", "ENCRYPTION", "COMPATIBILITY_LEVEL", "AUTO_CLOSE", "AUTO_CREATE_STATISTICS", "AUTO_SHRINK", "AUTO_UPDATE_STATISTICS",
	"AUTO_UPDATE_STATISTICS_ASYNC", "AUTOMATIC_TUNING", "CHANGE_TRACKING", "CONTAINMENT", "CURSOR_CLOSE_ON_COMMIT",
	"CURSOR_DEFAULT", "DATE_CORRELATION_OPTIMIZATION", "DB_CHAINING", "TRUSTWORTHY", "DEFAULT_FULLTEXT_LANGUAGE",
	"DEFAULT_LANGUAGE", "NESTED_TRIGGERS", "TRANSFORM_NOISE_WORDS", "TWO_DIGIT_YEAR_CUTOFF", "FILESTREAM",
	"MIXED_PAGE_ALLOCATION", "PARAMETERIZATION", "QUERY_STORE", "ALLOW_SNAPSHOT_ISOLATION", "READ_COMMITTED_SNAPSHOT",
	"MEMORY_OPTIMIZED_ELEVATE_TO_SNAPSHOT", "ANSI_NULL_DEFAULT", "ANSI_NULLS", "ANSI_PADDING", "ANSI_WARNINGS", "ARITHABORT",
	"CONCAT_NULL_YIELDS_NULL", "NUMERIC_ROUNDABORT", "QUOTED_IDENTIFIER", "RECURSIVE_TRIGGERS", "TARGET_RECOVERY_TIME",
	"DELAYED_DURABILITY", "PAGE_VERIFY", "TORN_PAGE_DETECTION", "HONOR_BROKER_PRIORITY", "ACCELERATED_DATABASE_RECOVERY",
	"TEMPORAL_HISTORY_RETENTION", "SUPPLEMENTAL_LOGGING", "STALE_PAGE_DETECTION", "REMOTE_DATA_ARCHIVE",
	"PERSISTENT_LOG_BUFFER", "LEDGER", "OPTIMIZED_LOCKING", "VARDECIMAL_STORAGE_FORMAT",
}

func set(c *cursor.Cursor) ast.AlterDatabaseAction {
	if w := c.AcceptAny("HADR", "PARTNER", "WITNESS"); w != "" {
		return &ast.OtherDatabaseAction{Verb: "SET " + w, Text: c.Raw(c.EndOfStatement)}
	}
	s := &ast.SetDatabase{Options: []*ast.Option{setting(c)}}
	for c.Comma() {
		s.Options = append(s.Options, setting(c))
	}
	if !c.IsSeq("WITH", "ROLLBACK") && !c.IsSeq("WITH", "NO_WAIT") {
		return s
	}
	c.Advance()
	t := &ast.Termination{}
	s.Termination = t
	switch {
	case c.Accept("NO_WAIT"):
		t.Kind = "NO_WAIT"
	case c.Accept("ROLLBACK", "IMMEDIATE"):
		t.Kind = "ROLLBACK IMMEDIATE"
	default:
		c.Expect("ROLLBACK")
		c.Expect("AFTER")
		t.Kind = "ROLLBACK AFTER"
		t.After = expr.Scalar(c)
		c.AcceptAny("SECONDS", "SECOND")
	}
	return s
}

func setting(c *cursor.Cursor) *ast.Option {
	if w := c.AcceptAny(flags...); w != "" {
		return &ast.Option{Name: w}
	}
	switch w := c.ExpectAny(settings...); w {
	case "ENCRYPTION":
		return &ast.Option{Name: w, Value: &ast.Word{Text: c.ExpectAny("ON", "OFF", "SUSPEND", "RESUME")}}
	case "RECOVERY":
		return &ast.Option{Name: w, Value: &ast.Word{Text: c.ExpectAny("FULL", "BULK_LOGGED", "SIMPLE")}}
	case "DEFAULT_LANGUAGE", "DEFAULT_FULLTEXT_LANGUAGE":
		return c.NameOption(w)
	default:
		return settingTail(c, w)
	}
}

// settingTail parses [=] value [(options)] or (options).
func settingTail(c *cursor.Cursor, name string) *ast.Option {
	o := &ast.Option{Name: name}
	if c.Sym(token.Eq) || c.Kind() == token.Word && c.IsAny("ON", "OFF", "CLEAR", "LOCAL", "GLOBAL", "SIMPLE", "FORCED", "NONE", "CHECKSUM", "TORN_PAGE_DETECTION") {
		o.Value, o.Unit = c.OptionValue()
		if slices.Contains([]string{"QUERY_STORE"}, name) && c.Is("ALL") {
			c.Advance()
			o.Unit = "ALL"
		}
	}
	if c.IsSym(token.LParen) {
		o.Args, o.Paren = c.ParenOptions(), true
	}
	if o.Value == nil && !o.Paren && !slices.Contains(createOptions, name) {
		c.Fail()
	}
	return o
}

// ScopedConfig parses what follows ALTER DATABASE SCOPED CONFIGURATION.
func ScopedConfig(c *cursor.Cursor) ast.Statement {
	return &ast.ScopedConfig{Text: c.Raw(c.EndOfStatement)}
}
