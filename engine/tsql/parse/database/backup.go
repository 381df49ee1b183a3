package database

import (
	"slices"

	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/parse/cursor"
	"latchkey/engine/tsql/token"
)

// backupOptions are the options of BACKUP; true for those that take a value.
var backupOptions = map[string]bool{
	"DIFFERENTIAL": false, "COPY_ONLY": false, "COMPRESSION": false, "NO_COMPRESSION": false, "DESCRIPTION": true, "NAME": true,
	"CREDENTIAL": true, "ENCRYPTION": false, "EXPIREDATE": true, "RETAINDAYS": true, "NOINIT": false, "INIT": false,
	"NOSKIP": false, "SKIP": false, "NOFORMAT": false, "FORMAT": false, "MEDIANAME": true, "MEDIADESCRIPTION": true,
	"BLOCKSIZE": true, "BUFFERCOUNT": true, "MAXTRANSFERSIZE": true, "CHECKSUM": false, "NO_CHECKSUM": false,
	"STOP_ON_ERROR": false, "CONTINUE_AFTER_ERROR": false, "RESTART": false, "STATS": true, "REWIND": false,
	"NOREWIND": false, "UNLOAD": false, "NOUNLOAD": false, "NORECOVERY": false, "STANDBY": true, "NO_TRUNCATE": false,
	"FILE_SNAPSHOT": false, "METADATA_ONLY": false, "PASSWORD": true, "MEDIAPASSWORD": true, "NO_LOG": false, "TRUNCATE_ONLY": false,
}

// restoreOptions are the options of RESTORE.
var restoreOptions = map[string]bool{
	"REPLACE": false, "MOVE": true, "RECOVERY": false, "NORECOVERY": false, "STANDBY": true, "FILE": true, "STATS": true,
	"CHECKSUM": false, "NO_CHECKSUM": false, "STOPAT": true, "STOPATMARK": true, "STOPBEFOREMARK": true,
	"KEEP_REPLICATION": false, "RESTRICTED_USER": false, "NOUNLOAD": false, "UNLOAD": false, "REWIND": false,
	"NOREWIND": false, "RESTART": false, "PARTIAL": false, "MEDIANAME": true, "BLOCKSIZE": true, "BUFFERCOUNT": true,
	"MAXTRANSFERSIZE": true, "STOP_ON_ERROR": false, "CONTINUE_AFTER_ERROR": false, "ENABLE_BROKER": false,
	"ERROR_BROKER_CONVERSATIONS": false, "NEW_BROKER": false, "KEEP_CDC": false, "CREDENTIAL": true, "LOADHISTORY": false,
	"PASSWORD": true, "MEDIAPASSWORD": true, "FILESTREAM": false, "DBNAME": true, "SNAPSHOT_RESTORE_PHASE": true,
	"KEEP_TEMPORAL_RETENTION": false, "METADATA_ONLY": false, "DBO_ONLY": false,
}

// Backup parses BACKUP DATABASE or BACKUP LOG.
func Backup(c *cursor.Cursor) ast.Statement {
	c.Expect("BACKUP")
	s := &ast.Backup{Log: c.ExpectAny("DATABASE", "LOG", "TRANSACTION", "TRAN") != "DATABASE"}
	s.Database = nameOrVar(c)
	s.Files = fileList(c)
	c.Expect("TO")
	s.To = devices(c)
	for c.Accept("MIRROR") {
		c.Expect("TO")
		s.Mirrors = append(s.Mirrors, devices(c))
	}
	s.Options = withOptions(c, "BACKUP", backupOptions)
	return s
}

// Restore parses RESTORE of a database, a log or what a device says.
func Restore(c *cursor.Cursor) ast.Statement {
	c.Expect("RESTORE")
	s := &ast.Restore{Kind: c.ExpectAny("DATABASE", "LOG", "TRANSACTION", "TRAN", "HEADERONLY", "FILELISTONLY", "VERIFYONLY", "LABELONLY", "REWINDONLY")}
	switch s.Kind {
	case "DATABASE", "LOG", "TRANSACTION", "TRAN":
		if s.Kind != "DATABASE" {
			s.Kind = "LOG"
		}
		s.Database = nameOrVar(c)
		s.Files = fileList(c)
		if c.Accept("FROM") {
			s.From = devices(c)
		}
	default:
		c.Expect("FROM")
		s.From = devices(c)
	}
	s.Options = withOptions(c, "RESTORE", restoreOptions)
	return s
}

// nameOrVar parses a name or a variable that holds it.
func nameOrVar(c *cursor.Cursor) ast.Text {
	if c.Kind() == token.Variable {
		return c.Text()
	}
	return ast.Text{Value: c.Name()}
}

// fileList parses FILE = 'f', FILEGROUP = 'g', PAGE = 'p', READ_WRITE_FILEGROUPS.
func fileList(c *cursor.Cursor) []*ast.Option {
	var list []*ast.Option
	for c.IsAny("FILE", "FILEGROUP", "PAGE", "READ_WRITE_FILEGROUPS") {
		o := &ast.Option{Name: c.AnyWord()}
		if o.Name != "READ_WRITE_FILEGROUPS" {
			c.ExpectSym(token.Eq)
			o.Value, _ = c.OptionValue()
		}
		list = append(list, o)
		if !c.Comma() {
			break
		}
	}
	return list
}

func devices(c *cursor.Cursor) []ast.Device {
	list := []ast.Device{device(c)}
	for c.Comma() {
		list = append(list, device(c))
	}
	return list
}

func device(c *cursor.Cursor) ast.Device {
	if c.SymAt(1, token.Eq) {
		d := ast.Device{Kind: c.ExpectAny("DISK", "URL", "TAPE", "VIRTUAL_DEVICE", "DATABASE_SNAPSHOT")}
		c.ExpectSym(token.Eq)
		d.Name = c.Text()
		return d
	}
	return ast.Device{Name: nameOrVar(c)}
}

func withOptions(c *cursor.Cursor, statement string, known map[string]bool) []*ast.Option {
	if !c.Accept("WITH") {
		return nil
	}
	list := []*ast.Option{option(c, statement, known)}
	for c.Comma() {
		list = append(list, option(c, statement, known))
	}
	return list
}

func option(c *cursor.Cursor, statement string, known map[string]bool) *ast.Option {
	at, written := c.Pos(), c.Source()
	o := &ast.Option{Name: c.AnyWord()}
	valued, ok := known[o.Name]
	if !ok {
		c.FailAt(at, 155, "'%s' is not a recognized %s option.", written, statement)
		return o
	}
	switch {
	case o.Name == "MOVE":
		o.Value, _ = c.OptionValue()
		c.Expect("TO")
		to := &ast.Option{}
		to.Value, _ = c.OptionValue()
		o.Args = []*ast.Option{to}
	case o.Name == "ENCRYPTION":
		encryption(c, o)
	case o.Name == "PASSWORD" || o.Name == "MEDIAPASSWORD":
		c.ExpectSym(token.Eq)
		o.Secret = c.Secret()
	case valued && (o.Name != "STATS" || c.IsSym(token.Eq)):
		c.ExpectSym(token.Eq)
		o.Value, _ = c.OptionValue()
		if slices.Contains([]string{"STOPATMARK", "STOPBEFOREMARK"}, o.Name) && c.Accept("AFTER") {
			after := &ast.Option{}
			after.Value, _ = c.OptionValue()
			o.Args = []*ast.Option{after}
		}
	case c.IsSym(token.LParen):
		o.Args, o.Paren = c.ParenOptions(), true
	}
	return o
}

// encryption parses (ALGORITHM = a, SERVER CERTIFICATE|ASYMMETRIC KEY = name).
func encryption(c *cursor.Cursor, o *ast.Option) {
	o.Paren = true
	c.ExpectSym(token.LParen)
	for {
		if c.Accept("ALGORITHM") {
			c.ExpectSym(token.Eq)
			o.Args = append(o.Args, &ast.Option{Name: "ALGORITHM", Value: &ast.Word{Text: c.ExpectAny("AES_128", "AES_192", "AES_256", "TRIPLE_DES_3KEY")}})
		} else {
			c.Expect("SERVER")
			name := "SERVER CERTIFICATE"
			if !c.Accept("CERTIFICATE") {
				c.Expect("ASYMMETRIC", "KEY")
				name = "SERVER ASYMMETRIC KEY"
			}
			o.Args = append(o.Args, c.NameOption(name))
		}
		if !c.Comma() {
			break
		}
	}
	c.ExpectSym(token.RParen)
}
