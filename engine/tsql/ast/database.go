package ast

// FileSpec is one file of a database: NAME, FILENAME, SIZE, MAXSIZE, FILEGROWTH, NEWNAME, OFFLINE.
type FileSpec struct{ Options []*Option }

// FileGroup is a group of files in CREATE DATABASE. Name is PRIMARY for the first.
type FileGroup struct {
	Name     string
	Contains string // FILESTREAM, MEMORY_OPTIMIZED_DATA
	Default  bool
	Files    []*FileSpec
}

// CreateDatabase is CREATE DATABASE.
type CreateDatabase struct {
	Head
	Name        string
	Containment string // NONE, PARTIAL
	Groups      []*FileGroup
	Log         []*FileSpec
	Collation   string
	Options     []*Option // WITH ...
	For         string    // ATTACH, ATTACH_REBUILD_LOG, ATTACH_FORCE_REBUILD_LOG
	ForOptions  []*Option
	SnapshotOf  string
	CopyOf      *ObjectName // AS COPY OF
	Service     []*Option   // (EDITION = ..., MAXSIZE = ...) of the cloud form
}

// AlterDatabase is ALTER DATABASE {Name | CURRENT} action.
type AlterDatabase struct {
	Head
	Name    string
	Current bool
	Action  AlterDatabaseAction
}

// AlterDatabaseAction is one of the actions of ALTER DATABASE.
type AlterDatabaseAction interface{ databaseAction() }

// SetDatabase is SET options [WITH termination]. ENCRYPTION has a *Word value: ON, OFF, SUSPEND or RESUME.
type SetDatabase struct {
	Options     []*Option
	Termination *Termination
}

// Termination is what happens to other sessions. Kind is ROLLBACK AFTER, ROLLBACK IMMEDIATE or NO_WAIT.
type Termination struct {
	Kind  string
	After Expr // seconds
}

// RenameDatabase is MODIFY NAME = name.
type RenameDatabase struct{ Name string }

// CollateDatabase is COLLATE name.
type CollateDatabase struct{ Collation string }

// DatabaseFiles is ADD FILE, ADD LOG FILE, REMOVE FILE, MODIFY FILE; Verb holds those words.
type DatabaseFiles struct {
	Verb  string
	Files []*FileSpec
	Name  string // of REMOVE FILE
	Group string // TO FILEGROUP
}

// DatabaseFileGroup is ADD, REMOVE or MODIFY FILEGROUP.
type DatabaseFileGroup struct {
	Verb     string
	Name     string
	Contains string
	Change   string // DEFAULT, READ_ONLY, READ_WRITE, ...
	NewName  string
}

// OtherDatabaseAction is an action that is recognised and not supported: MODIFY (EDITION = ...), FAILOVER and the like.
type OtherDatabaseAction struct {
	Verb string
	Text string
}

func (*SetDatabase) databaseAction()         {}
func (*RenameDatabase) databaseAction()      {}
func (*CollateDatabase) databaseAction()     {}
func (*DatabaseFiles) databaseAction()       {}
func (*DatabaseFileGroup) databaseAction()   {}
func (*OtherDatabaseAction) databaseAction() {}

// Encryption is the value of the ENCRYPTION option (ON, OFF, SUSPEND, RESUME), "" if it is not among the options.
func (s *SetDatabase) Encryption() string {
	if o := FindOption(s.Options, "ENCRYPTION"); o != nil {
		if w, ok := o.Value.(*Word); ok {
			return w.Text
		}
	}
	return ""
}

// ScopedConfig is ALTER DATABASE SCOPED CONFIGURATION. It is recognised, not supported.
type ScopedConfig struct {
	Head
	Text string
}

// Device is a backup device. Kind is DISK, URL, TAPE, VIRTUAL_DEVICE, DATABASE_SNAPSHOT or "" for a logical name.
type Device struct {
	Kind string
	Name Text
}

// Backup is BACKUP DATABASE or BACKUP LOG.
type Backup struct {
	Head
	Log      bool
	Database Text
	Files    []*Option // FILE = , FILEGROUP = , READ_WRITE_FILEGROUPS
	To       []Device
	Mirrors  [][]Device
	Options  []*Option
}

// Restore is RESTORE of a database, a log or what a device says; Kind is DATABASE, LOG, HEADERONLY, FILELISTONLY, VERIFYONLY,
// LABELONLY or REWINDONLY.
type Restore struct {
	Head
	Kind     string
	Database Text
	Files    []*Option // FILE = , FILEGROUP = , PAGE =
	From     []Device
	Options  []*Option // MOVE has Value and, as its one Arg, the target
}
