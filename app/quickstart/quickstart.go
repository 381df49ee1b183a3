package quickstart

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"

	"latchkey/app/sqlscript"
	"latchkey/examples"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Server is what the job is done on.
type Server struct {
	DSN   string // of a sysadmin; it holds a password
	Login string // the sysadmin's name
	Vault string // IDENTITY of the credential
	Key   string // a key in that vault
	// Secret is SECRET of the credential: 32 hexadecimal digits of the client id and the client secret.
	Secret *secret.Bytes
	// NewVersion makes a new version of the key and returns it.
	NewVersion func(context.Context) (string, error)
	// Restart stops the server and starts it again; the DSN after that.
	Restart func(context.Context) (dsn string, err error)
	// Data is the directory with all files of the server, Backups one where it may write.
	Data, Backups string
}

// Config is how to do it.
type Config struct {
	FS    fsys.FS
	Clock clock.Clock
	Out   io.Writer
	// Patience is how long an encryption of the small database may take; 30 s by default.
	Patience time.Duration
}

// database and canary are what is encrypted. The canary is long enough not to be on a disk by chance.
const (
	database = "TestTDE"
	canary   = "The quick canary sings of account 4711-0815"
	rows     = 1000
)

type job struct {
	Server
	c     Config
	cfg   msdsn.Config
	db    *sql.DB
	steps int
	began time.Time
}

// Run does the job. Every line that it prints is something that was checked.
func Run(ctx context.Context, s Server, c Config) error {
	if c.Patience == 0 {
		c.Patience = 30 * time.Second
	}
	j := &job{Server: s, c: c, began: c.Clock.Now()}
	if err := j.open(s.DSN); err != nil {
		return err
	}
	defer func() { _ = j.db.Close() }()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"set up provider, credential, key and login", j.setUp},
		{"write rows", j.write},
		{"look at the disk", j.before},
		{"encrypt", j.encrypt},
		{"look at the disk again", j.after},
		{"compare thumbprints", j.thumbprints},
		{"rotate the key", j.rotate},
		{"back up", j.backup},
		{"restore", j.restore},
		{"restart", j.restart},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("step %d, %s: %w", j.steps+1, step.name, err)
		}
	}
	return nil
}

func (j *job) open(dsn string) error {
	cfg, err := msdsn.Parse(dsn)
	if err != nil {
		return errors.New("the server's address cannot be used") // the driver's error may hold the password
	}
	if j.db != nil {
		_ = j.db.Close()
	}
	j.cfg, j.db = cfg, sql.OpenDB(mssql.NewConnectorConfig(cfg))
	return nil
}

// proved ends a step with what it has shown.
func (j *job) proved(name, format string, args ...any) {
	j.steps++
	fmt.Fprintf(j.c.Out, "%2d  %-12s %s\n", j.steps, name, fmt.Sprintf(format, args...))
}

// script runs one of the scripts that people read. Its statements are shown, its variables not replaced: one holds a secret.
func (j *job) script(ctx context.Context, name string, vars map[string]string) error {
	text, err := examples.Script(name)
	if err != nil {
		return err
	}
	conn, err := sqlscript.Connect(ctx, j.cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	var out strings.Builder
	r := sqlscript.New(conn, &out, sqlscript.Options{Variables: vars, StopOnError: true, Lookup: func(name string) (string, bool) {
		return string(j.Secret.Expose()), name == "LATCHKEY_EKM_SECRET"
	}, Echo: func(b sqlscript.Batch) {
		for _, line := range statements(b.Text) {
			fmt.Fprintf(j.c.Out, "      %s\n", line)
		}
	}})
	if err := r.Script(ctx, strings.NewReader(text)); err != nil {
		if f := r.Failed(); len(f) > 0 {
			return fmt.Errorf("examples/%s: Msg %d, Level %d, State %d, Line %d: %s", name, f[0].Number, f[0].Class, f[0].State, f[0].LineNo, f[0].Message)
		}
		return fmt.Errorf("examples/%s: %w", name, err)
	}
	return nil
}

// statements is a batch without comments and blanks, one line for each line that begins a statement.
func statements(batch string) []string {
	var out []string
	for _, line := range strings.Split(batch, "\n") {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || strings.HasPrefix(text, "--"):
		case len(out) > 0 && !strings.HasSuffix(out[len(out)-1], ";"):
			out[len(out)-1] += " " + text
		default:
			out = append(out, text)
		}
	}
	return out
}

func (j *job) setUp(ctx context.Context) error {
	err := j.script(ctx, examples.SetUp, map[string]string{"Vault": j.Vault, "Key": j.Key, "Login": j.Login})
	if err != nil {
		return err
	}
	j.proved("set up", "the documented statements ran as printed: key %s of vault %s, login TDE_Login", j.Key, j.Vault)
	return nil
}

func (j *job) write(ctx context.Context) error {
	conn, err := j.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for _, statement := range []string{
		"CREATE DATABASE " + database,
		"USE " + database,
		"CREATE TABLE dbo.Customers (Id int IDENTITY PRIMARY KEY, Note nvarchar(200) NOT NULL)",
	} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	insert, err := tx.PrepareContext(ctx, "INSERT INTO dbo.Customers (Note) VALUES (@p1)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for i := range rows {
		if _, err := insert.ExecContext(ctx, fmt.Sprintf("%s, customer %d", canary, i)); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	if err := j.readable(ctx, database); err != nil {
		return err
	}
	j.proved("write", "database %s, %d rows through go-mssqldb", database, rows)
	return nil
}

// readable checks that all rows are there.
func (j *job) readable(ctx context.Context, db string) error {
	var n int
	err := j.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM ["+db+"].dbo.Customers WHERE Note LIKE @p1", canary+"%").Scan(&n)
	if err == nil && n != rows {
		err = fmt.Errorf("%d of %d rows are there", n, rows)
	}
	return err
}

func (j *job) before(ctx context.Context) error {
	found, files, err := search(ctx, j.c.FS, []string{j.Data}, canary)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("the text of the rows is in none of %d files, so that nothing could be proved by looking for it", files)
	}
	j.proved("before", "the rows' text is on the disk in clear: %s", strings.Join(found, ", "))
	return nil
}

func (j *job) encrypt(ctx context.Context) error {
	began := j.c.Clock.Now()
	if err := j.script(ctx, examples.Encrypt, map[string]string{"Database": database, "AsymmetricKey": "EKMSampleASYKey"}); err != nil {
		return err
	}
	for {
		var state string
		var percent float64
		err := j.db.QueryRowContext(ctx, "SELECT encryption_state_desc, percent_complete FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID(@p1)", database).Scan(&state, &percent)
		if err != nil {
			return err
		}
		if state == "ENCRYPTED" {
			break
		}
		if j.c.Clock.Now().Sub(began) > j.c.Patience {
			return fmt.Errorf("still %s, %.0f %%, after %s", state, percent, j.c.Patience)
		}
		if err := clock.Sleep(ctx, j.c.Clock, 20*time.Millisecond); err != nil {
			return err
		}
	}
	if err := j.readable(ctx, database); err != nil {
		return err
	}
	j.proved("encrypt", "state ENCRYPTED after %s, while the database was in use", j.c.Clock.Now().Sub(began).Round(time.Millisecond))
	return nil
}

func (j *job) after(ctx context.Context) error {
	found, files, err := search(ctx, j.c.FS, []string{j.Data, j.Backups}, canary)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("the text of the rows is still in clear in %s", strings.Join(found, ", "))
	}
	j.proved("after", "the rows' text is in none of the %d files", files)
	return nil
}

// key is the thumbprint of the key that protects a database, and the name of the asymmetric key with the same thumbprint.
func (j *job) key(ctx context.Context, db string) (thumbprint []byte, name string, err error) {
	err = j.db.QueryRowContext(ctx, `SELECT d.encryptor_thumbprint, k.name FROM sys.dm_database_encryption_keys AS d
JOIN master.sys.asymmetric_keys AS k ON k.thumbprint = d.encryptor_thumbprint WHERE d.database_id = DB_ID(@p1)`, db).Scan(&thumbprint, &name)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("no asymmetric key has the thumbprint of the protector of %s", db)
	}
	return thumbprint, name, err
}

func (j *job) thumbprints(ctx context.Context) error {
	thumbprint, name, err := j.key(ctx, database)
	if err != nil {
		return err
	}
	j.proved("same key", "0x%X in sys.dm_database_encryption_keys and of %s in sys.asymmetric_keys", thumbprint, name)
	return nil
}

func (j *job) rotate(ctx context.Context) error {
	old, oldName, err := j.key(ctx, database)
	if err != nil {
		return err
	}
	version, err := j.NewVersion(ctx)
	if err != nil {
		return err
	}
	err = j.script(ctx, examples.Rotate, map[string]string{"Database": database, "Vault": j.Vault, "Key": j.Key + "/" + version, "Login": j.Login, "Suffix": "2"})
	if err != nil {
		return err
	}
	now, name, err := j.key(ctx, database)
	if err != nil {
		return err
	}
	if string(now) == string(old) || name == oldName {
		return fmt.Errorf("the database is still under %s, 0x%X", oldName, old)
	}
	if err := j.readable(ctx, database); err != nil {
		return err
	}
	j.proved("rotate", "now under version %s: 0x%X", version, now)
	return nil
}

func (j *job) media() string { return filepath.Join(j.Backups, "quickstart.bak") }

func (j *job) backup(ctx context.Context) error {
	if _, err := j.db.ExecContext(ctx, "BACKUP DATABASE "+database+" TO DISK = "+quote(j.media())+" WITH INIT, CHECKSUM"); err != nil {
		return err
	}
	if _, err := j.db.ExecContext(ctx, "RESTORE VERIFYONLY FROM DISK = "+quote(j.media())); err != nil {
		return err
	}
	found, _, err := search(ctx, j.c.FS, []string{j.Backups}, canary)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("the text of the rows is in clear in %s", strings.Join(found, ", "))
	}
	size, err := j.c.FS.Stat(j.media())
	if err != nil {
		return err
	}
	j.proved("back up", "%d KB, every byte checked, nothing of the rows in clear", size.Size()>>10)
	return nil
}

func (j *job) restore(ctx context.Context) error {
	const copied = database + "_Copy"
	var folder string // where the server has its databases
	if err := j.db.QueryRowContext(ctx, "SELECT LEFT(physical_name, LEN(physical_name) - CHARINDEX('/', REVERSE(REPLACE(physical_name, '\\', '/')))) FROM sys.master_files WHERE database_id = DB_ID('"+database+"') AND file_id = 1").Scan(&folder); err != nil {
		return err
	}
	if _, err := j.db.ExecContext(ctx, "RESTORE DATABASE "+copied+" FROM DISK = "+quote(j.media())+" WITH MOVE '"+database+"' TO "+
		quote(filepath.Join(folder, copied+".mdf"))+", MOVE '"+database+"_log' TO "+quote(filepath.Join(folder, copied+"_log.ldf"))); err != nil {
		return err
	}
	if err := j.readable(ctx, copied); err != nil {
		return err
	}
	if _, err := j.db.ExecContext(ctx, "DROP DATABASE "+copied); err != nil {
		return err
	}
	j.proved("restore", "under the name %s, %d rows are there", copied, rows)
	return nil
}

func (j *job) restart(ctx context.Context) error {
	dsn, err := j.Restart(ctx)
	if err != nil {
		return err
	}
	if err := j.open(dsn); err != nil {
		return err
	}
	if err := j.readable(ctx, database); err != nil {
		return err
	}
	j.proved("restart", "the key came from the vault again, %d rows are there", rows)
	fmt.Fprintf(j.c.Out, "    all proved in %s\n", j.c.Clock.Now().Sub(j.began).Round(10*time.Millisecond))
	return nil
}

// quote makes a T-SQL literal.
func quote(s string) string { return "N'" + strings.ReplaceAll(s, "'", "''") + "'" }
