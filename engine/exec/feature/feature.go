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
+ statement|SELECT INTO|
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
- statement|CREATE FUNCTION (scalar)|definitions are kept; calls are refused
+ statement|CREATE FUNCTION (inline table)|
- statement|CREATE FUNCTION (multi-statement table)|definitions are kept; calls are refused
- statement|CREATE TRIGGER|refused, with ALTER, ENABLE and DISABLE TRIGGER: no definition is kept
+ statement|CREATE SCHEMA|
+ statement|CREATE SEQUENCE|
- clause|NEXT VALUE FOR|
+ statement|CREATE SYNONYM|
+ statement|CREATE TYPE|alias and table types
- statement|CREATE ASSEMBLY|no code of .NET runs here
- statement|CREATE PARTITION FUNCTION|
- statement|CREATE PARTITION SCHEME|
+ statement|CREATE STATISTICS|taken; SQLite keeps its own
+ statement|CREATE DATABASE|
+ statement|ALTER DATABASE|
+ statement|BACKUP DATABASE|full backups, to one file; also encrypted and compressed
- statement|BACKUP DATABASE WITH DIFFERENTIAL|
+ statement|BACKUP LOG|of databases that are not in the SIMPLE recovery model
+ statement|RESTORE DATABASE|and LOG, HEADERONLY, FILELISTONLY, LABELONLY, VERIFYONLY; not of single files and pages
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
+ set option|ANSI_WARNINGS|
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
- clause|FOR XML|
- clause|CONTAINS|and FREETEXT
- clause|OPENROWSET|and OPENQUERY, OPENDATASOURCE, OPENXML
- clause|TABLESAMPLE|
- clause|FOR SYSTEM_TIME|
- clause|GLOBAL TEMPORARY TABLE|##t
+ clause|TEMPORARY TABLE|#t, of the session, in memory
+ clause|TABLE VARIABLE|
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
- procedure|sp_getapplock|
- procedure|xp_cmdshell|
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
