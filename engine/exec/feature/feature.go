// Package feature is the one table of what this server supports of Transact-SQL and what it refuses: behind message 40517, the view
// sys.latchkey_features and the page docs/tsql.md.
//
// [All] is the table: statements and clauses from here, functions from package fn. [Statement] names a statement's tree for a refusal.
package feature

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"latchkey/engine/fn"
)

// Feature is a row of the table.
type Feature struct {
	Name      string
	Kind      string // statement, clause, data type, set option, procedure, protocol, function ...
	Supported bool
	Remark    string // why not, or what differs
}

// table is what is known beside the functions, one on a line: + or -, kind, name, then a remark behind |.
const table = `
+ statement|SELECT|
+ statement|SELECT INTO|also with IDENTITY(type, seed, increment)
+ statement|INSERT|VALUES, SELECT, EXEC, DEFAULT VALUES
+ statement|UPDATE|
+ statement|DELETE|
+ statement|MERGE|
+ statement|TRUNCATE TABLE|without partitions
+ statement|INSERT BULK|the bulk load of drivers
- statement|BULK INSERT|the server reads no files for clients
+ statement|DECLARE|scalar, table and cursor variables
+ statement|SET @variable|
+ statement|SET|options of a session; see below
+ statement|IF|
+ statement|WHILE|with BREAK and CONTINUE
+ statement|GOTO|not into a TRY
+ statement|RETURN|
+ statement|WAITFOR DELAY|
+ statement|WAITFOR TIME|
- statement|WAITFOR (RECEIVE)|there is no Service Broker
+ statement|BEGIN TRY|
+ statement|THROW|
+ statement|RAISERROR|
+ statement|PRINT|
+ statement|EXECUTE|procedures and strings
- clause|EXECUTE AT|no linked servers
- clause|EXECUTE (string, arguments)|parameters of a string for a linked server
- clause|WITH RESULT SETS|but NONE and UNDEFINED
+ statement|USE|
+ statement|BEGIN TRANSACTION|
- statement|BEGIN DISTRIBUTED TRANSACTION|there is no coordinator
+ statement|COMMIT|
+ statement|ROLLBACK|
+ statement|SAVE TRANSACTION|
+ statement|DECLARE CURSOR|static: the rows are those of OPEN
- clause|CURSOR FOR UPDATE|and WHERE CURRENT OF
+ statement|CREATE TABLE|with constraints, identity, computed columns
+ statement|ALTER TABLE|
+ statement|DROP TABLE|
+ statement|CREATE INDEX|nonclustered and clustered alike; filtered
- statement|CREATE COLUMNSTORE INDEX|
- statement|CREATE XML INDEX|
- statement|CREATE SPATIAL INDEX|
- statement|CREATE FULLTEXT INDEX|
+ statement|CREATE VIEW|
- clause|WITH SCHEMABINDING index|indexed views
+ statement|CREATE PROCEDURE|
- clause|TEMPORARY PROCEDURE|#p and ##p; nor functions, views, synonyms, types and sequences of such names
- clause|PROCEDURE WITH EXECUTE AS|but CALLER
- statement|CREATE PROCEDURE ;n|numbered procedures
+ statement|CREATE FUNCTION (scalar)|also in CHECK and DEFAULT, and EXEC @r = dbo.f; each call runs its statements
- clause|FUNCTION WITH EXECUTE AS|but CALLER
- clause|TABLE VARIABLE IN A FUNCTION|
- clause|TABLE-VALUED PARAMETER OF A FUNCTION|
- clause|COMPUTED COLUMN OF A FUNCTION|a computed column calls no function written in T-SQL
+ statement|CREATE FUNCTION (inline table)|
- statement|CREATE FUNCTION (multi-statement table)|
- statement|CREATE TRIGGER|refused, with ALTER, ENABLE and DISABLE TRIGGER: no definition is kept
+ statement|CREATE SCHEMA|
+ statement|CREATE SEQUENCE|
+ clause|NEXT VALUE FOR|in SELECT lists, VALUES, SET and defaults; twice in one list gives one value for the row, but a default takes its own
- clause|NEXT VALUE FOR OVER|
+ statement|CREATE SYNONYM|
+ statement|CREATE TYPE|alias and table types
- statement|CREATE ASSEMBLY|no code of .NET runs here
- statement|CREATE PARTITION FUNCTION|
- statement|CREATE PARTITION SCHEME|
+ statement|CREATE STATISTICS|taken; SQLite keeps its own
+ statement|CREATE DATABASE|
+ statement|ALTER DATABASE|
+ statement|BACKUP DATABASE|full backups, to one file; also encrypted and compressed
- statement|BACKUP DATABASE WITH DIFFERENTIAL|full backups and logs only
- statement|BACKUP MIRROR TO|and several devices (stripes), TAPE, URL, logical devices, files and filegroups: one file on disk holds a set whole
- statement|BACKUP LOG WITH NORECOVERY|and STANDBY: no tail-log backup that takes the database away
+ statement|BACKUP LOG|of databases that are not in the SIMPLE recovery model
+ statement|RESTORE DATABASE|and LOG, HEADERONLY, FILELISTONLY, LABELONLY, VERIFYONLY; not of single files and pages
- statement|RESTORE WITH STANDBY|no database that is read between two logs
- statement|RESTORE WITH STOPATMARK|and STOPBEFOREMARK; STOPAT takes a time
+ statement|CREATE CRYPTOGRAPHIC PROVIDER|FROM FILE takes the documented library's name, in any folder, for the built-in provider, and says so
+ statement|CREATE CREDENTIAL|
- statement|CREATE DATABASE SCOPED CREDENTIAL|
+ statement|CREATE ASYMMETRIC KEY|
+ statement|CREATE SYMMETRIC KEY|
+ statement|CREATE CERTIFICATE|RSA of 3,072 bits; the private key's file is of our own form
+ statement|CREATE MASTER KEY|
+ statement|CREATE DATABASE ENCRYPTION KEY|
+ statement|OPEN SYMMETRIC KEY|
+ statement|CREATE LOGIN|SQL logins, and those made from keys and certificates
+ statement|CREATE USER|
+ statement|CREATE ROLE|
- statement|CREATE APPLICATION ROLE|
- statement|ALTER ROLE WITH NAME|
- clause|CREATE USER WITH PASSWORD|no contained databases
- clause|CREATE LOGIN FROM WINDOWS|and EXTERNAL PROVIDER: nobody of that name is found (15401)
+ statement|ALTER AUTHORIZATION|ON DATABASE
- clause|GRANT ALL|and GRANT ... AS
- clause|TRIPLE_DES_3KEY|database encryption keys and native symmetric keys are AES
- clause|CREATE ASYMMETRIC KEY FROM FILE|and EXECUTABLE FILE, ASSEMBLY
- clause|CREATE SYMMETRIC KEY #temporary|
- clause|CREATE CERTIFICATE FROM ASSEMBLY|and EXECUTABLE FILE, FORMAT = 'PFX'; files lie in one folder of the server
- clause|ALTER CERTIFICATE ATTESTED BY|and ACTIVE FOR BEGIN_DIALOG; a private key can be removed and get another password
- statement|ALTER SERVICE MASTER KEY|the key is a file of the server's
- statement|BACKUP MASTER KEY|and RESTORE MASTER KEY
- statement|BACKUP SYMMETRIC KEY|and RESTORE SYMMETRIC KEY
- clause|ALTER MASTER KEY FORCE REGENERATE|
- clause|CREATE DATABASE FOR ATTACH|and AS SNAPSHOT OF, AS COPY OF
- clause|CONTAINMENT = PARTIAL|
- clause|FILEGROUP|a database has one file of data and one of log
- clause|ALTER DATABASE ADD FILE|and REMOVE FILE, MODIFY FILE, FILEGROUP, COLLATE
+ statement|GRANT|DENY and REVOKE
- clause|permissions on columns|GRANT, DENY and REVOKE take whole tables and views, so 230 is never raised
+ statement|EXECUTE AS|and REVERT
+ statement|DBCC USEROPTIONS|
+ statement|DBCC CHECKIDENT|
- statement|DBCC|other commands
+ statement|KILL|sessions
+ statement|CHECKPOINT|for sysadmin, db_owner and db_backupoperator; the log is copied back by itself
+ statement|RECONFIGURE|
- statement|READTEXT|and WRITETEXT, UPDATETEXT
- statement|ALTER DATABASE SCOPED CONFIGURATION|
+ set option|NOCOUNT|
+ set option|XACT_ABORT|
+ set option|ANSI_NULLS|
+ set option|ANSI_WARNINGS|warning 8153 of NULLs in aggregates, but not of MIN and MAX of a column
+ set option|ANSI_PADDING|always on; OFF is taken
+ set option|ARITHABORT|
+ set option|QUOTED_IDENTIFIER|
+ set option|CONCAT_NULL_YIELDS_NULL|
+ set option|IMPLICIT_TRANSACTIONS|
+ set option|IDENTITY_INSERT|
+ set option|LOCK_TIMEOUT|waits for the writer of a database
+ set option|ROWCOUNT|
+ set option|TEXTSIZE|kept; values are sent whole
+ set option|DATEFIRST|
+ set option|DATEFORMAT|
+ set option|LANGUAGE|us_english and British
+ set option|DEADLOCK_PRIORITY|kept; there are no deadlocks
+ set option|CONTEXT_INFO|
+ set option|NOEXEC|
+ set option|PARSEONLY|
+ set option|FMTONLY|
+ set option|TRANSACTION ISOLATION LEVEL|READ UNCOMMITTED reads as READ COMMITTED; REPEATABLE READ and above read one snapshot
+ set option|STATISTICS IO|taken; nothing is shown
+ set option|STATISTICS TIME|taken; nothing is shown
- set option|STATISTICS XML|and PROFILE
- set option|SHOWPLAN_ALL|and SHOWPLAN_TEXT, SHOWPLAN_XML
+ clause|FOR XML|RAW, AUTO and PATH with ROOT, ELEMENTS, TYPE, BINARY BASE64, up to 120 columns; a table without an alias has its own name in AUTO
+ clause|METHOD value|of a query with FOR XML and TYPE in parentheses, for the content's text: value('.', type)
- clause|FOR XML EXPLICIT|and XMLDATA, XMLSCHEMA; comment() and processing-instruction() in PATH
- clause|METHOD|the other methods of xml, and value of anything else
+ function|PARSE|numbers and dates, in the cultures en-US and en-GB
+ function|TRY_PARSE|as PARSE
+ clause|FOR JSON|PATH and AUTO, up to 120 columns; a table without an alias has its own name in AUTO
- clause|CONTAINS|and FREETEXT
- clause|OPENROWSET|and OPENQUERY, OPENDATASOURCE, OPENXML
- clause|TABLESAMPLE|
- clause|XML methods in FROM|and SET @x.method
- clause|FROM (INSERT, UPDATE, DELETE, MERGE)|rows of a nested change
- clause|REMOTE JOIN|
- clause|GROUP BY ALL|
- clause|WITH XMLNAMESPACES|and CHANGE_TRACKING_CONTEXT
- clause|IGNORE NULLS|and RESPECT NULLS of window functions
- clause|STRING_AGG WITHIN GROUP OVER|
- clause|IS JSON|
- clause|APPLY of a correlated DISTINCT, GROUP BY, set operation or window function|also TOP over anything but tables, and correlation inside its FROM; TOP, WHERE and aggregates over tables are taken
- clause|INLINE FUNCTION with columns as arguments outside APPLY|
- clause|TOP (subquery)|and TOP PERCENT, WITH TIES in a change or with assignments
- clause|UPDATE SET column.WRITE|and SET @variable computed from one that it sets
- clause|writing through a view of several tables|or with DISTINCT, GROUP BY, UNION, CTEs, FOR JSON, CHECK OPTION
- clause|INSERT TOP EXEC|
- clause|TRUNCATE TABLE WITH PARTITIONS|
- clause|CURSOR parameter|and cursors SCROLL_LOCKS and OPTIMISTIC
- clause|BEGIN ATOMIC|
- clause|CREATE PROCEDURE AS EXTERNAL NAME|also functions and types; and FOR REPLICATION
- clause|CREATE VIEW WITH ENCRYPTION|also procedures and functions
- clause|CREATE TABLE AS NODE|and EDGE, FILETABLE; FILESTREAM_ON, PERIOD FOR SYSTEM_TIME, HASH indexes, NOT ENFORCED
- clause|COMPUTED COLUMN that is not deterministic|also filters of indexes
- clause|FOREIGN KEY in a table type|
- clause|ALTER INDEX PARTITION|and DISABLE of a clustered or constraint's index
- statement|CREATE XML SCHEMA COLLECTION|
- clause|FOR SYSTEM_TIME|
- clause|GLOBAL TEMPORARY TABLE|##t
+ clause|TEMPORARY TABLE|#t, of the session, in memory
+ clause|TABLE VARIABLE|
+ data type|varbinary|columns compare byte by byte: zeros at the end count, but not beside binary(n)
- data type|hierarchyid|
- data type|geometry|and geography
- data type|xml methods|the type is kept as text
+ protocol|TDS 7.2 to 7.4 and 8.0|
+ protocol|table-valued parameters|
+ protocol|bulk load|
- protocol|MARS|
- protocol|integrated and federated logins|
- protocol|distributed transactions|
- procedure|sp_cursor family|cursors on the wire
+ procedure|sp_getapplock|and sp_releaseapplock
- procedure|xp_cmdshell|
+ procedure|sp_addextendedproperty|and sp_updateextendedproperty, sp_dropextendedproperty: of databases, schemas, types, and objects with their parts
+ procedure|sp_describe_undeclared_parameters|in comparisons, INSERT, SET, TOP, CAST and calls of user procedures and functions; else 11502
- procedure|sp_lock|
- procedure|sp_depends|
- procedure|sp_helprotect|permissions are in sys.database_permissions
- procedure|sp_monitor|
- procedure|sp_helpsort|
- procedure|sp_helpextendedproc|
- procedure|sp_addlogin|CREATE LOGIN does it
- procedure|sp_droplogin|
- procedure|sp_password|ALTER LOGIN does it
- procedure|sp_grantlogin|
- procedure|sp_addsrvrolemember|ALTER SERVER ROLE does it
- procedure|sp_dropsrvrolemember|
- procedure|sp_adduser|CREATE USER does it
- procedure|sp_dropuser|
- procedure|sp_grantdbaccess|
- procedure|sp_revokedbaccess|
- procedure|sp_addrole|CREATE ROLE does it
- procedure|sp_droprole|
- procedure|sp_addrolemember|ALTER ROLE does it
- procedure|sp_droprolemember|
- procedure|sp_changeobjectowner|
- procedure|sp_changedbowner|ALTER AUTHORIZATION does it
- procedure|sp_defaultdb|
- procedure|sp_dboption|
- procedure|sp_attach_db|
- procedure|sp_attach_single_file_db|
- procedure|sp_detach_db|
- procedure|sp_renamedb|ALTER DATABASE MODIFY NAME does it
- procedure|sp_addtype|CREATE TYPE does it
- procedure|sp_droptype|
- procedure|sp_addmessage|
- procedure|sp_dropmessage|
- procedure|sp_altermessage|
- procedure|sp_recompile|
- procedure|sp_refreshview|views are read anew by themselves
- procedure|sp_refreshsqlmodule|
- procedure|sp_updatestats|SQLite keeps its own
- procedure|sp_createstats|
- procedure|sp_autostats|
+ procedure|sp_MSforeachtable|and sp_MSforeachdb
- procedure|sp_xml_preparedocument|
- procedure|sp_xml_removedocument|
- procedure|sp_trace_create|
- procedure|sp_serveroption|
- procedure|sp_procoption|
- procedure|sp_oledb_ro_usrname|
- procedure|sp_catalogs|no linked servers
- procedure|sp_getschemalock|
- procedure|sp_estimate_data_compression_savings|
- procedure|sp_execute_external_script|
- procedure|sp_send_dbmail|
- procedure|sp_help_job|and the other procedures of jobs: there is no agent
- procedure|sp_add_job|
- procedure|sp_start_job|
- procedure|sp_stop_job|
- procedure|xp_fixeddrives|
- procedure|xp_dirtree|
- procedure|xp_fileexist|
- procedure|xp_subdirs|
- procedure|xp_logininfo|
- procedure|xp_loginconfig|
- procedure|xp_instance_regwrite|
- procedure|xp_regwrite|
+ table function|fn_listextendedproperty|
- table function|fn_my_permissions|
- table function|fn_dblog|
- table function|fn_virtualfilestats|
- table function|fn_trace_gettable|
- table function|fn_builtin_permissions|
- view|INFORMATION_SCHEMA.COLUMN_DOMAIN_USAGE|
- view|INFORMATION_SCHEMA.COLUMN_PRIVILEGES|
- view|INFORMATION_SCHEMA.DOMAIN_CONSTRAINTS|
- view|INFORMATION_SCHEMA.ROUTINE_COLUMNS|
- view|INFORMATION_SCHEMA.TABLE_PRIVILEGES|
- view|INFORMATION_SCHEMA.VIEW_COLUMN_USAGE|
- view|INFORMATION_SCHEMA.VIEW_TABLE_USAGE|
- view|sysusers|
- view|sysdepends|
- view|sysconstraints|
- view|sysforeignkeys|
- view|sysfiles|
- view|sysreferences|
- view|syspermissions|
- view|sysmembers|
- view|sysprotects|
- view|sysindexkeys|
- view|sysconfigures|
- view|syscurconfigs|
- view|sysservers|
- view|syscharsets|
- view|syslockinfo|
- view|sysperfinfo|
+ view|master.dbo.spt_values|of type P alone: the numbers 0 to 2047
- view|sys.dm_...|dynamic management views but those of keys, sessions, requests, connections, databases and partitions
- clause|TWO DATABASES|a transaction writes to one database
`

// All is the whole table by kind and name.
func All() []Feature {
	var out []Feature
	for l := range strings.Lines(table) {
		l = strings.TrimSpace(l)
		if l == "" {
			continue
		}
		f := strings.SplitN(l[2:], "|", 3)
		out = append(out, Feature{Kind: f[0], Name: f[1], Supported: l[0] == '+', Remark: f[2]})
	}
	for _, f := range fn.Features() {
		out = append(out, Feature{Name: f.Name, Kind: f.Kind, Supported: f.Supported, Remark: f.Note})
	}
	slices.SortStableFunc(out, func(a, b Feature) int {
		if c := strings.Compare(a.Kind, b.Kind); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// refused are the procedures, views and functions of the table that are not there, by lower-case name.
var refused = sync.OnceValue(func() map[string]bool {
	m := make(map[string]bool)
	for _, f := range All() {
		switch f.Kind {
		case "procedure", "view", "table function":
			m[strings.ToLower(f.Name)] = !f.Supported
		}
	}
	return m
})

// Refused reports a system procedure, view or function of SQL Server's that this server does not have; a view's name has INFORMATION_SCHEMA in front, and
// no sys.
func Refused(name string) bool { return refused()[strings.ToLower(name)] }

// Statement is what a refusal calls a statement, by the name of its tree's type.
func Statement(tree string) (string, bool) {
	switch tree {
	case "BulkInsert":
		return "BULK INSERT", true
	case "CreateFunction":
		return "CREATE FUNCTION", true
	case "CreateTrigger":
		return "CREATE TRIGGER", true
	case "Backup":
		return "BACKUP", true
	case "Restore":
		return "RESTORE", true
	case "BackupSymmetricKey":
		return "BACKUP SYMMETRIC KEY", true
	case "ScopedConfig":
		return "ALTER DATABASE SCOPED CONFIGURATION", true
	case "Shutdown":
		return "SHUTDOWN", true
	case "AlterDatabase":
		return "ALTER DATABASE", true
	case "Block":
		return "BEGIN ATOMIC", true
	}
	return "", false
}

// Page writes docs/tsql.md.
func Page(w io.Writer) error {
	var b strings.Builder
	b.WriteString("# Transact-SQL: what is supported\n\n")
	b.WriteString("What is not supported is refused by name with message 40517 and never half done. The same table is `SELECT * FROM sys.latchkey_features`.\n")
	kind := ""
	for _, f := range All() {
		if f.Kind != kind {
			kind = f.Kind
			fmt.Fprintf(&b, "\n## %s\n\n| name | | remark |\n|---|---|---|\n", strings.ToUpper(kind[:1])+kind[1:]+"s")
		}
		mark := "no"
		if f.Supported {
			mark = "yes"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.ReplaceAll(f.Name, "|", "\\|"), mark, strings.ReplaceAll(f.Remark, "|", "\\|"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
