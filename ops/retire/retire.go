// Package retire says what on a SQL Server, ours or a real one, still needs a key version that somebody wants to disable or delete: databases, logs that are kept for backups,
// backups that msdb knows, keys under it, and the objects that name it.
//
// [Look] asks a server, [Report.Scan] looks at the files of a folder besides: backups that msdb does not know any more, and databases that no server has.
//
// A [Report] is free only if everything could be asked and nothing was found. What could not be told, such as the keys of a database that is not open, or, on a real SQL Server,
// those of a TDE database's backups, is in Unknown: then the key is not free. A report is of one server at one moment: a key that others use too is theirs to ask.
package retire

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"latchkey/ops/runbook"
)

// The kinds of needs.
const (
	Database      = "database"       // its encryption key is under the key
	Log           = "kept log"       // what is kept for the next log backup was written under it
	Backup        = "backup"         // a TDE database's backup: it opens with the key alone
	Sealed        = "sealed backup"  // BACKUP WITH ENCRYPTION
	SymmetricKey  = "symmetric key"  // encrypted by it
	AsymmetricKey = "asymmetric key" // names it
	Login         = "login"          // made from it
	Credential    = "credential"     // of that login
	Elsewhere     = "other server"   // that registered at the key's vault
)

// Need is one thing that needs the key.
type Need struct {
	Kind       string `json:"kind"`
	Name       string `json:"name"`
	Thumbprint string `json:"thumbprint"`
	Detail     string `json:"detail,omitempty"`
}

// Report is what was found.
type Report struct {
	Server      string   `json:"server"` // @@SERVERNAME
	Thumbprints []string `json:"thumbprints"`
	Needs       []Need   `json:"needs"`
	Unknown     []string `json:"unknown"`
	Free        bool     `json:"free"` // nothing needs it, and all could be asked
}

type server = runbook.Server

type look struct {
	server
	keys [][]byte
	*Report
}

// Look asks a server about the keys with these thumbprints, as sys.asymmetric_keys has them. It changes nothing.
func Look(ctx context.Context, s runbook.Server, thumbprints ...[]byte) (*Report, error) {
	if len(thumbprints) == 0 {
		return nil, errors.New("there is no thumbprint to look for")
	}
	if err := s.Allowed(ctx); err != nil {
		return nil, err
	}
	l := &look{server: s, keys: thumbprints, Report: &Report{Needs: []Need{}, Unknown: []string{}}}
	for _, t := range thumbprints {
		l.Thumbprints = append(l.Thumbprints, fmt.Sprintf("0x%X", t))
	}
	for _, step := range []func(context.Context) error{l.databases, l.files, l.backups, l.objects, l.symmetric, l.gone} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.QueryRowContext(ctx, "SELECT CAST(@@SERVERNAME AS nvarchar(256))").Scan(&l.Server); err != nil {
		return nil, err
	}
	l.Free = len(l.Needs) == 0 && len(l.Unknown) == 0
	return l.Report, nil
}

// Data are the needs of Look that are data: an object that names a key holds nothing that is lost with it. No file is read.
func Data(ctx context.Context, s runbook.Server, thumbprints ...[]byte) ([]Need, error) {
	if err := s.Allowed(ctx); err != nil {
		return nil, err
	}
	l := &look{server: s, keys: thumbprints, Report: &Report{}}
	for _, step := range []func(context.Context) error{l.databases, l.files, l.backups, l.symmetric} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(l.Needs, func(n Need) bool { return !n.Data() }), nil
}

// Data reports a need that is data.
func (n Need) Data() bool {
	return slices.Contains([]string{Database, Log, Backup, Sealed, SymmetricKey}, n.Kind)
}

// Add tells of what else needs the keys, as the key's vault knows of other servers.
func (r *Report) Add(n Need) {
	if !slices.Contains(r.Needs, n) {
		r.Needs = append(r.Needs, n)
	}
	r.Free = false
}

// gone says of backups whose files cannot be read where msdb has them. They are needed all the same: they may lie elsewhere.
func (l *look) gone(ctx context.Context) error {
	seen := map[string]bool{}
	for i := range l.Needs {
		n := &l.Needs[i]
		if n.Kind != Backup && n.Kind != Sealed {
			continue
		}
		path, _, ok := strings.Cut(n.Detail, ", set ")
		if !ok {
			continue
		}
		missing, asked := seen[path]
		if !asked {
			rows, err := l.QueryContext(ctx, "RESTORE LABELONLY FROM DISK = "+runbook.Literal(path))
			if err == nil {
				err = errors.Join(rows.Err(), rows.Close())
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			missing = err != nil
			seen[path] = missing
		}
		if missing {
			n.Detail += missingFile
		}
	}
	return nil
}

const missingFile = "; the file cannot be read there now: once it is nowhere, msdb.dbo.sp_delete_backuphistory forgets it"

// each runs a query whose columns are a name, a thumbprint and a detail, and takes the rows of the keys that are looked for.
func (l *look) each(ctx context.Context, kind, query string, args ...any) error {
	rows, err := l.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("asking for what needs the key as %s: %w", kind, err)
	}
	defer rows.Close()
	for rows.Next() {
		var name, detail sql.NullString
		var t []byte
		if err := rows.Scan(&name, &t, &detail); err != nil {
			return err
		}
		n := Need{kind, name.String, fmt.Sprintf("0x%X", t), detail.String}
		if slices.ContainsFunc(l.keys, func(k []byte) bool { return bytes.Equal(k, t) }) && !slices.Contains(l.Needs, n) {
			l.Needs = append(l.Needs, n)
		}
	}
	return rows.Err()
}

func (l *look) unknown(format string, args ...any) {
	l.Unknown = append(l.Unknown, fmt.Sprintf(format, args...))
}

// databases are those whose key is under it, as the documented view has them.
func (l *look) databases(ctx context.Context) error {
	return l.each(ctx, Database, `SELECT d.name, k.encryptor_thumbprint, CONCAT('encryption state ', k.encryption_state) FROM sys.dm_database_encryption_keys AS k
JOIN sys.databases AS d ON d.database_id = k.database_id WHERE d.name <> 'tempdb' ORDER BY d.name`)
}

// files are what our server says of the files themselves; of a real one, what is not open cannot be told.
func (l *look) files(ctx context.Context) error {
	ours, err := l.Own(ctx)
	if err != nil {
		return err
	}
	query := "SELECT name, state_desc FROM sys.databases WHERE state <> 0 ORDER BY name"
	if ours {
		if err := l.each(ctx, Log, `SELECT DB_NAME(database_id), thumbprint, uri FROM sys.latchkey_key_references WHERE kind = 'LOG' ORDER BY 1`); err != nil {
			return err
		}
		// Those of the file too: of a key that is being replaced the old one is still needed.
		if err := l.each(ctx, Database, `SELECT DB_NAME(r.database_id), r.thumbprint, 'being replaced' FROM sys.latchkey_key_references AS r
WHERE r.kind = 'DATABASE' AND NOT EXISTS (SELECT * FROM sys.dm_database_encryption_keys AS k WHERE k.database_id = r.database_id AND k.encryptor_thumbprint = r.thumbprint) ORDER BY 1`); err != nil {
			return err
		}
		query = "SELECT DB_NAME(r.database_id), d.state_desc FROM sys.latchkey_key_references AS r JOIN sys.databases AS d ON d.database_id = r.database_id WHERE r.kind = 'UNKNOWN' ORDER BY 1"
	}
	rows, err := l.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, state string
		if err := rows.Scan(&name, &state); err != nil {
			return err
		}
		l.unknown("database %s is %s: which keys it needs cannot be told before it is open", name, state)
	}
	return rows.Err()
}

func (l *look) backups(ctx context.Context) error {
	if err := l.each(ctx, Sealed, `SELECT s.database_name, s.encryptor_thumbprint, CONCAT(f.physical_device_name, ', set ', s.position, ' of ', CONVERT(varchar(19), s.backup_finish_date, 126))
FROM msdb.dbo.backupset AS s JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = s.media_set_id WHERE s.encryptor_thumbprint IS NOT NULL ORDER BY s.backup_set_id`); err != nil {
		return err
	}
	ours, err := l.Own(ctx)
	if err != nil {
		return err
	}
	if !ours {
		var n int
		if err := l.QueryRowContext(ctx, "SELECT COUNT(*) FROM msdb.dbo.backupset").Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			l.unknown("msdb knows %d backup sets, and not which keys opened their databases: RESTORE FILELISTONLY shows TDEThumbprint of each", n)
		}
		return nil
	}
	return l.each(ctx, Backup, `SELECT s.database_name, k.thumbprint, CONCAT(f.physical_device_name, ', set ', s.position, ' of ', CONVERT(varchar(19), s.backup_finish_date, 126))
FROM msdb.dbo.latchkey_backupkey AS k JOIN msdb.dbo.backupset AS s ON s.backup_set_id = k.backup_set_id JOIN msdb.dbo.backupmediafamily AS f ON f.media_set_id = s.media_set_id
WHERE k.purpose = 'DATABASE' ORDER BY s.backup_set_id`)
}

// objects are those of master that name the key. A login's SID ends in the thumbprint of the key that it was made from; the key's own sid is not shown for providers' keys.
func (l *look) objects(ctx context.Context) error {
	if err := l.each(ctx, AsymmetricKey, "SELECT name, thumbprint, 'of master' FROM master.sys.asymmetric_keys ORDER BY name"); err != nil {
		return err
	}
	if err := l.each(ctx, Login, `SELECT p.name, a.thumbprint, CONCAT('from asymmetric key ', a.name) FROM sys.server_principals AS p JOIN master.sys.asymmetric_keys AS a ON p.type = 'K' AND (a.sid = p.sid OR SUBSTRING(p.sid, 13, 32) = a.thumbprint) ORDER BY p.name`); err != nil {
		return err
	}
	return l.each(ctx, Credential, `SELECT c.name, a.thumbprint, CONCAT('of login ', p.name) FROM sys.server_principals AS p JOIN master.sys.asymmetric_keys AS a ON p.type = 'K' AND (a.sid = p.sid OR SUBSTRING(p.sid, 13, 32) = a.thumbprint)
JOIN sys.server_principal_credentials AS m ON m.principal_id = p.principal_id JOIN sys.credentials AS c ON c.credential_id = m.credential_id ORDER BY c.name`)
}

// symmetric are the keys of the open databases that are encrypted by it, and asymmetric keys outside of master.
func (l *look) symmetric(ctx context.Context) error {
	names, err := l.open(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		in := runbook.Quote(name)
		if name != "master" {
			if err := l.each(ctx, AsymmetricKey, "SELECT name, thumbprint, CONCAT('of database ', @p1) FROM "+in+".sys.asymmetric_keys ORDER BY name", name); err != nil {
				return err
			}
		}
		if err := l.each(ctx, SymmetricKey, "SELECT k.name, e.thumbprint, CONCAT('of database ', @p1) FROM "+in+".sys.key_encryptions AS e JOIN "+in+".sys.symmetric_keys AS k ON k.symmetric_key_id = e.key_id ORDER BY k.name", name); err != nil {
			return err
		}
	}
	return nil
}

func (l *look) open(ctx context.Context) ([]string, error) {
	rows, err := l.QueryContext(ctx, "SELECT name FROM sys.databases WHERE state = 0 AND name <> 'tempdb' ORDER BY name")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		names = append(names, n)
	}
	return names, rows.Err()
}
