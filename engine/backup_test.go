package engine_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// messages are the numbers of an error's messages, in order.
func messages(err error) string {
	e, ok := errors.AsType[mssql.Error](err)
	if !ok {
		return fmt.Sprint(err)
	}
	var out []string
	for _, m := range e.All {
		out = append(out, fmt.Sprint(m.Number))
	}
	return strings.Join(out, " ")
}

// shop makes a server with a database of some rows.
func shop(t *testing.T) (r *running, db *sql.DB, do func(string, ...any)) {
	t.Helper()
	r = start(t, config(t.TempDir()))
	db = r.connect(t, "dba", password, "")
	do = func(format string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), fmt.Sprintf(format, args...)); err != nil {
			t.Fatalf("%.100s: %v", fmt.Sprintf(format, args...), err)
		}
	}
	do("CREATE DATABASE Shop")
	do("USE Shop; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY, b nvarchar(100)); INSERT INTO dbo.t SELECT value, REPLICATE(N'row', 20) FROM GENERATE_SERIES(1, 500)")
	return r, db, do
}

func count(t *testing.T, db *sql.DB, database string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+database+".dbo.t").Scan(&n); err != nil {
		t.Fatalf("counting in %s: %v", database, err)
	}
	return n
}

func refused(t *testing.T, db *sql.DB, want, statement string) {
	t.Helper()
	_, err := db.ExecContext(t.Context(), statement)
	if got := messages(err); got != want {
		t.Errorf("%.120s: messages %s, want %s (%v)", statement, got, want, err)
	}
}

func TestBackupAndRestore(t *testing.T) {
	_, db, do := shop(t)
	dir := t.TempDir()
	bak := filepath.Join(dir, "shop.bak")
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH NAME = N'first', DESCRIPTION = N'a text', CHECKSUM, STATS = 20", bak)
	do("INSERT INTO Shop.dbo.t VALUES(1000, N'later')")
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH COMPRESSION, COPY_ONLY", bak)
	do("RESTORE VERIFYONLY FROM DISK = '%s' WITH FILE = 2", bak)
	rows, err := db.QueryContext(t.Context(), fmt.Sprintf("RESTORE HEADERONLY FROM DISK = '%s'", bak))
	if err != nil {
		t.Fatal(err)
	}
	columns, _ := rows.Columns()
	if len(columns) != 56 || columns[0] != "BackupName" || columns[55] != "EncryptorType" {
		t.Errorf("%d columns: %v", len(columns), columns)
	}
	n := 0
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		n++
		if values[5] != int64(n) || values[9] != "Shop" || n == 1 && values[0] != "first" || n == 2 && values[4] != int64(1) {
			t.Errorf("row %d: %v", n, values)
		}
	}
	if err := rows.Err(); err != nil || n != 2 {
		t.Errorf("%d sets, %v", n, err)
	}
	do("RESTORE DATABASE Copy1 FROM DISK = '%s'", bak)
	do("RESTORE DATABASE Copy2 FROM DISK = '%s' WITH FILE = 2, MOVE 'Shop' TO 'elsewhere.mdf'", bak)
	if a, b := count(t, db, "Copy1"), count(t, db, "Copy2"); a != 500 || b != 501 {
		t.Errorf("%d and %d rows, want 500 and 501", a, b)
	}
	do("DELETE FROM Shop.dbo.t")
	do("RESTORE DATABASE Shop FROM DISK = '%s'", bak) // its own backup: no REPLACE is needed
	if n := count(t, db, "Shop"); n != 500 {
		t.Errorf("%d rows after a restore in place", n)
	}
	do("CREATE DATABASE Other")
	refused(t, db, "3154 3013", fmt.Sprintf("RESTORE DATABASE Other FROM DISK = '%s'", bak))
	do("RESTORE DATABASE Other FROM DISK = '%s' WITH REPLACE", bak)
	if n := count(t, db, "Other"); n != 500 {
		t.Errorf("%d rows after REPLACE", n)
	}
	for _, c := range []struct{ want, statement string }{
		{"3201 3013", "RESTORE DATABASE x FROM DISK = '" + dir + "/none.bak'"},
		{"4038 3013", "RESTORE DATABASE x FROM DISK = '" + bak + "' WITH FILE = 3"},
		{"3234 3013", "RESTORE DATABASE x FROM DISK = '" + bak + "' WITH MOVE 'none' TO 'x'"},
		{"911 3013", "BACKUP DATABASE none TO DISK = 'x.bak'"},
		{"3147 3013", "BACKUP DATABASE tempdb TO DISK = 'x.bak'"},
		{"3108 3013", "RESTORE DATABASE master FROM DISK = '" + bak + "' WITH REPLACE"},
		{"3117 3013", "RESTORE LOG Shop FROM DISK = '" + bak + "'"},
		{"40517", "BACKUP DATABASE Shop TO DISK = 'a.bak' WITH DIFFERENTIAL"},
		{"40517", "BACKUP DATABASE Shop TO DISK = 'a.bak', DISK = 'b.bak'"},
		{"40517", "BACKUP DATABASE Shop TO URL = 'https://x/y'"},
		{"3021 3013", "BEGIN TRAN; BACKUP DATABASE Shop TO DISK = 'a.bak'; ROLLBACK"},
		{"15151 3013", "BACKUP DATABASE Shop TO DISK = 'a.bak' WITH ENCRYPTION (ALGORITHM = AES_256, SERVER ASYMMETRIC KEY = none)"},
		{"3102 3013", "USE Shop; RESTORE DATABASE Shop FROM DISK = '" + bak + "'"},
	} {
		refused(t, db, c.want, c.statement)
	}
	file, err := os.OpenFile(bak, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("x"), 20_000); err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	refused(t, db, "3189 3013", fmt.Sprintf("RESTORE VERIFYONLY FROM DISK = '%s'", bak))
	refused(t, db, "3189 3013", fmt.Sprintf("RESTORE DATABASE Broken FROM DISK = '%s'", bak))
	var id sql.NullInt64
	if err := db.QueryRowContext(t.Context(), "SELECT DB_ID('Broken')").Scan(&id); err != nil || id.Valid {
		t.Errorf("a damaged backup left database %v, %v", id, err)
	}
}

// The log brings a restored database to its end, or to a time.
func TestLogBackups(t *testing.T) {
	r, db, do := shop(t)
	dir := t.TempDir()
	bak, trn := filepath.Join(dir, "shop.bak"), filepath.Join(dir, "shop.trn")
	refused(t, db, "4214 3013", "BACKUP LOG Shop TO DISK = '"+trn+"'")
	do("BACKUP DATABASE Shop TO DISK = '%s'", bak)
	do("INSERT INTO Shop.dbo.t VALUES(1001, N'a')")
	do("BACKUP LOG Shop TO DISK = '%s'", trn)
	do("INSERT INTO Shop.dbo.t VALUES(1002, N'b')")
	var stop time.Time
	if err := db.QueryRowContext(t.Context(), "WAITFOR DELAY '00:00:00.050'; SELECT SYSDATETIME()").Scan(&stop); err != nil {
		t.Fatal(err)
	}
	do("WAITFOR DELAY '00:00:00.050'; INSERT INTO Shop.dbo.t VALUES(1003, N'c')")
	do("BACKUP LOG Shop TO DISK = '%s' WITH COMPRESSION", trn)
	do("INSERT INTO Shop.dbo.t VALUES(1004, N'd')")
	do("ALTER DATABASE Shop SET RECOVERY SIMPLE")
	refused(t, db, "4208 3013", "BACKUP LOG Shop TO DISK = '"+trn+"'")
	restore := func(name string, logs ...string) {
		t.Helper()
		do("RESTORE DATABASE %s FROM DISK = '%s' WITH NORECOVERY", name, bak)
		refused(t, db, "927", "USE "+name)
		for _, l := range logs {
			do("RESTORE LOG %s FROM DISK = '%s' WITH %s", name, trn, l)
		}
	}
	restore("ToEnd", "FILE = 1, NORECOVERY", "FILE = 2, RECOVERY")
	if n := count(t, db, "ToEnd"); n != 503 {
		t.Errorf("%d rows at the end, want 503", n)
	}
	restore("ToTime", "FILE = 1, NORECOVERY", "FILE = 2, STOPAT = '"+stop.Format("2006-01-02T15:04:05.000")+"'")
	if n := count(t, db, "ToTime"); n != 502 {
		t.Errorf("%d rows at the time, want 502", n)
	}
	restore("OnlyFull")
	refused(t, db, "4305 3013", "RESTORE LOG OnlyFull FROM DISK = '"+trn+"' WITH FILE = 2")
	// It stays as it is over a restart, and can be opened as it is.
	dir2 := r.dir
	r.stop()
	r = start(t, config(dir2))
	db = r.connect(t, "dba", password, "")
	refused(t, db, "927", "USE OnlyFull")
	if _, err := db.ExecContext(t.Context(), "RESTORE DATABASE OnlyFull WITH RECOVERY"); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "OnlyFull"); n != 500 {
		t.Errorf("%d rows of the full backup", n)
	}
}

func scalar(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	var v sql.NullString
	if err := db.QueryRowContext(t.Context(), query).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if !v.Valid {
		return "NULL"
	}
	return v.String
}

// msdb knows what was backed up and restored, also after a restart, until it is told to forget.
func TestBackupHistory(t *testing.T) {
	r, db, do := shop(t)
	dir := t.TempDir()
	bak := filepath.Join(dir, "it's.bak")
	quoted := strings.ReplaceAll(bak, "'", "''")
	if got := scalar(t, db, "SELECT COUNT(*) FROM msdb.dbo.backupset"); got != "0" {
		t.Fatalf("%s sets before the first", got)
	}
	do("BACKUP DATABASE Shop TO DISK = N'%s' WITH NAME = N'the ''first''', MEDIANAME = N'm'", quoted)
	do("BACKUP LOG Shop TO DISK = N'%s' WITH COMPRESSION", quoted)
	do("RESTORE DATABASE Copy1 FROM DISK = N'%s' WITH NORECOVERY", quoted)
	do("RESTORE LOG Copy1 FROM DISK = N'%s' WITH FILE = 2", quoted)
	check := func(db *sql.DB) {
		t.Helper()
		for _, c := range []struct{ query, want string }{
			{"SELECT STRING_AGG(CONCAT(s.database_name, ' ', s.type, ' ', s.position, ' ', s.name, ' ', s.recovery_model), ', ') WITHIN GROUP (ORDER BY s.backup_set_id) FROM msdb.dbo.backupset s", "Shop D 1 the 'first' FULL, Shop L 2  FULL"},
			{"SELECT COUNT(*) FROM msdb.dbo.backupmediafamily WHERE physical_device_name = N'" + quoted + "'", "1"},
			{"SELECT COUNT(*) FROM msdb.dbo.backupmediaset WHERE name = N'm'", "1"},
			{"SELECT COUNT(*) FROM msdb.dbo.backupfile", "4"},
			{"SELECT STRING_AGG(CONCAT(h.destination_database_name, ' ', h.restore_type, ' ', h.recovery), ', ') WITHIN GROUP (ORDER BY h.restore_history_id) FROM msdb.dbo.restorehistory h JOIN msdb.dbo.backupset s ON s.backup_set_id = h.backup_set_id", "Copy1 D 0, Copy1 L 1"},
			{"SELECT CASE WHEN MIN(f.last_lsn + 1) = MAX(l.first_lsn) THEN 'one chain' END FROM msdb.dbo.backupset f JOIN msdb.dbo.backupset l ON f.type = 'D' AND l.type = 'L'", "one chain"},
			{"SELECT CASE WHEN ABS(DATEDIFF(minute, MAX(backup_finish_date), GETDATE())) < 5 THEN 'now' END FROM msdb.dbo.backupset", "now"},
		} {
			if got := scalar(t, db, c.query); got != c.want {
				t.Errorf("%.90s: %s, want %s", c.query, got, c.want)
			}
		}
	}
	check(db)
	r.stop()
	r = start(t, config(r.dir))
	db = r.connect(t, "dba", password, "")
	check(db)
	if _, err := db.ExecContext(t.Context(), "EXEC msdb.dbo.sp_delete_backuphistory '2001-01-01'"); err != nil {
		t.Fatal(err)
	}
	check(db)
	if _, err := db.ExecContext(t.Context(), "EXEC msdb.dbo.sp_delete_database_backuphistory N'Shop'"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"backupset", "backupfile", "backupmediaset", "backupmediafamily", "restorehistory", "restorefile", "latchkey_backupkey"} {
		if got := scalar(t, db, "SELECT COUNT(*) FROM msdb.dbo."+table); got != "0" {
			t.Errorf("%s rows are left in %s", got, table)
		}
	}
}

// What ends a chain of logs, and what does not.
func TestLogChain(t *testing.T) {
	r, db, do := shop(t)
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	kept := filepath.Join(r.dir, "data", "Shop.mdf-log")
	do("BACKUP DATABASE Shop TO DISK = '%s'", path("full1"))
	if _, err := os.Stat(kept); err != nil {
		t.Fatal(err)
	}
	do("INSERT INTO Shop.dbo.t VALUES(1001, N'a')")
	do("BACKUP DATABASE Shop TO DISK = '%s' WITH COPY_ONLY", path("copy"))
	do("BACKUP LOG Shop TO DISK = '%s' WITH COPY_ONLY", path("logcopy"))
	do("INSERT INTO Shop.dbo.t VALUES(1002, N'b')")
	do("BACKUP LOG Shop TO DISK = '%s'", path("log1"))
	do("BACKUP DATABASE Shop TO DISK = '%s'", path("full2"))
	do("INSERT INTO Shop.dbo.t VALUES(1003, N'c')")
	do("BACKUP LOG Shop TO DISK = '%s'", path("log2"))
	restored := func(name, full string, logs ...string) int {
		t.Helper()
		do("RESTORE DATABASE %s FROM DISK = '%s' WITH NORECOVERY", name, path(full))
		for _, l := range logs {
			do("RESTORE LOG %s FROM DISK = '%s' WITH NORECOVERY", name, path(l))
		}
		do("RESTORE DATABASE %s WITH RECOVERY", name)
		return count(t, db, name)
	}
	for _, c := range []struct {
		name, full string
		logs       []string
		want       int
	}{
		{"A", "full1", []string{"log1", "log2"}, 503},
		{"B", "copy", []string{"log1", "log2"}, 503},
		{"C", "full1", []string{"logcopy", "log1", "log2"}, 503},
		{"D", "full2", []string{"log2"}, 503},
		{"E", "full1", []string{"logcopy"}, 501},
	} {
		if got := restored(c.name, c.full, c.logs...); got != c.want {
			t.Errorf("%s and %v have %d rows, want %d", c.full, c.logs, got, c.want)
		}
	}
	do("ALTER DATABASE Shop SET RECOVERY SIMPLE")
	if _, err := os.Stat(kept); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is still kept: %v", err)
	}
	do("ALTER DATABASE Shop SET RECOVERY FULL")
	refused(t, db, "4214 3013", "BACKUP LOG Shop TO DISK = '"+path("log3")+"'")
	do("INSERT INTO Shop.dbo.t VALUES(1004, N'd')")
	do("BACKUP DATABASE Shop TO DISK = '%s'", path("full3"))
	do("INSERT INTO Shop.dbo.t VALUES(1005, N'e')")
	do("BACKUP LOG Shop TO DISK = '%s'", path("log3"))
	if got := restored("F", "full3", "log3"); got != 505 {
		t.Errorf("%d rows of the second chain", got)
	}
	do("RESTORE DATABASE G FROM DISK = '%s' WITH NORECOVERY", path("full2"))
	refused(t, db, "4305 3013", "RESTORE LOG G FROM DISK = '"+path("log3")+"'")
	do("DROP DATABASE Shop")
	if _, err := os.Stat(kept); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log of a dropped database is still there: %v", err)
	}
}

// Backups of one database wait for each other, and every log is in exactly one chain.
func TestBackupsSideBySide(t *testing.T) {
	_, db, do := shop(t)
	dir := t.TempDir()
	errs := make(chan error, 8)
	for i := range 4 {
		go func() {
			_, err := db.ExecContext(t.Context(), fmt.Sprintf("BACKUP DATABASE Shop TO DISK = '%s'", filepath.Join(dir, fmt.Sprint("full", i))))
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	do("INSERT INTO Shop.dbo.t VALUES(2000, N'x')")
	for i := range 4 {
		go func() {
			_, err := db.ExecContext(t.Context(), fmt.Sprintf("BACKUP LOG Shop TO DISK = '%s'", filepath.Join(dir, fmt.Sprint("log", i))))
			errs <- err
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	var order []string
	rows, err := db.QueryContext(t.Context(), "SELECT f.physical_device_name FROM msdb.dbo.backupset s JOIN msdb.dbo.backupmediafamily f ON f.media_set_id = s.media_set_id WHERE s.type = 'L' ORDER BY s.last_lsn, s.backup_set_id")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var p string
		if err := rows.Scan(&p); err != nil {
			t.Fatal(err)
		}
		order = append(order, p)
	}
	do("RESTORE DATABASE A FROM DISK = '%s' WITH NORECOVERY", filepath.Join(dir, "full0"))
	for _, p := range order {
		do("RESTORE LOG A FROM DISK = '%s' WITH NORECOVERY", p)
	}
	do("RESTORE DATABASE A WITH RECOVERY")
	if n := count(t, db, "A"); n != 501 || len(order) != 4 {
		t.Errorf("%d rows of %d logs", n, len(order))
	}
}

// Who may back up and restore.
func TestBackupPermissions(t *testing.T) {
	r, _, do := shop(t)
	dir := t.TempDir()
	bak := filepath.Join(dir, "a.bak")
	do("BACKUP DATABASE Shop TO DISK = '%s'", bak)
	for _, who := range []string{"nobody", "operator", "maker", "reader"} {
		do("CREATE LOGIN %s WITH PASSWORD = '%s'", who, password)
		do("USE Shop; CREATE USER %s FOR LOGIN %s", who, who)
	}
	do("USE Shop; ALTER ROLE db_backupoperator ADD MEMBER operator; ALTER ROLE db_datareader ADD MEMBER reader")
	do("ALTER SERVER ROLE dbcreator ADD MEMBER maker")
	for _, c := range []struct{ who, statement, want string }{
		{"nobody", "BACKUP DATABASE Shop TO DISK = '" + bak + "'", "262 3013"},
		{"reader", "BACKUP LOG Shop TO DISK = '" + bak + "'", "262 3013"},
		{"maker", "BACKUP DATABASE Shop TO DISK = '" + bak + "'", "262 3013"},
		{"operator", "BACKUP DATABASE Shop TO DISK = '" + bak + "'", ""},
		{"operator", "BACKUP LOG Shop TO DISK = '" + bak + "'", ""},
		{"operator", "RESTORE DATABASE Shop FROM DISK = '" + bak + "'", "3110 3013"},
		{"nobody", "RESTORE DATABASE New FROM DISK = '" + bak + "'", "262 3013"},
		{"nobody", "RESTORE HEADERONLY FROM DISK = '" + bak + "'", "262 3013"},
		{"nobody", "RESTORE VERIFYONLY FROM DISK = '" + bak + "'", "262 3013"},
		{"nobody", "SELECT COUNT(*) FROM msdb.dbo.backupset", "229"},
		{"nobody", "EXEC msdb.dbo.sp_delete_backuphistory '2100-01-01'", "15247"},
		{"maker", "RESTORE DATABASE New FROM DISK = '" + bak + "'", ""},
	} {
		_, err := r.connect(t, c.who, password, "").ExecContext(t.Context(), c.statement)
		if got := messages(err); err == nil && c.want != "" || err != nil && got != c.want {
			t.Errorf("%s: %.60s: %v, want %q", c.who, c.statement, err, c.want)
		}
	}
}
