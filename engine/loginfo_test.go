package engine_test

import (
	"database/sql"
	"path/filepath"
	"slices"
	"testing"

	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
)

// vlf is what tests look at of a row of sys.dm_db_log_info.
type vlf struct {
	offset, number int64
	size           float64
	active         bool
	lsn            string
	thumbprint     []byte
}

func vlfs(t *testing.T, db *sql.DB, argument string) (out []vlf) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "USE Shop; SELECT vlf_begin_offset, vlf_sequence_number, vlf_size_mb, vlf_active, vlf_first_lsn, vlf_encryptor_thumbprint"+
		" FROM sys.dm_db_log_info("+argument+") ORDER BY vlf_begin_offset")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v vlf
		if err := rows.Scan(&v.offset, &v.number, &v.size, &v.active, &v.lsn, &v.thumbprint); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestLogInfo follows the log of a database through sys.dm_db_log_info: kept parts come after a full backup and go with a backup of the log.
func TestLogInfo(t *testing.T) {
	t.Parallel()
	r, db, do := shop(t)
	simple := vlfs(t, db, "DB_ID('Shop')")
	if len(simple) != 1 || !simple[0].active || simple[0].size <= 0 || simple[0].lsn != "00000000:00000000:0000" || simple[0].thumbprint != nil {
		t.Fatalf("before a backup: %+v, want one active file of some size without an LSN", simple)
	}
	folder := t.TempDir()
	do("BACKUP DATABASE Shop TO DISK = N'%s'", filepath.Join(folder, "full.bak"))
	do("INSERT INTO Shop.dbo.t VALUES (1001, N'one')")
	do("USE Shop; CHECKPOINT")
	kept := vlfs(t, db, "DB_ID('Shop')")
	if last := kept[len(kept)-1]; last.lsn == simple[0].lsn || !last.active {
		t.Errorf("after a full backup: %+v, want an LSN", kept)
	}
	for i := 1; i < len(kept); i++ {
		if kept[i].number <= kept[i-1].number || kept[i].offset <= kept[i-1].offset {
			t.Errorf("parts %+v, want ascending numbers and offsets", kept)
		}
	}
	do("BACKUP LOG Shop TO DISK = N'%s'", filepath.Join(folder, "log.bak"))
	after := vlfs(t, db, "DEFAULT")
	if len(after) != 1 || after[0].number < kept[len(kept)-1].number {
		t.Errorf("after a backup of the log: %+v, want the part being written alone", after)
	}

	var n, none int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(DISTINCT d.database_id) FROM sys.databases d CROSS APPLY sys.dm_db_log_info(d.database_id) l").Scan(&n); err != nil || n != 4 {
		t.Errorf("databases with a log: %d, %v; want master, model, msdb and Shop", n, err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sys.dm_db_log_info(9999)").Scan(&none); err != nil || none != 0 {
		t.Errorf("no such database: %d rows, %v", none, err)
	}
	do("CREATE LOGIN reader WITH PASSWORD = 'Str0ng!pass1'")
	other := r.connect(t, "reader", "Str0ng!pass1", "")
	refused(t, other, "300 297", "SELECT * FROM sys.dm_db_log_info(1)")
}

// TestLogInfoOfAnEncryptedDatabase: each part of the log names the key that it is sealed under.
func TestLogInfoOfAnEncryptedDatabase(t *testing.T) {
	t.Parallel()
	c := config(t.TempDir())
	c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &keystmttest.Library{Provider: &catalogtest.Provider{}}}}
	r := start(t, c)
	db := r.connect(t, "dba", password, "")
	keyed(t, db, "k1")
	statements(t, db, "CREATE DATABASE Shop", "USE Shop; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1; ALTER DATABASE Shop SET ENCRYPTION ON")
	waitEncrypted(t, db, "Shop")
	statements(t, db, "BACKUP DATABASE Shop TO DISK = N'"+filepath.Join(t.TempDir(), "full.bak")+"'", "INSERT Shop.dbo.t VALUES (1)")
	var want []byte
	if err := db.QueryRowContext(t.Context(), "SELECT encryptor_thumbprint FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('Shop')").Scan(&want); err != nil || len(want) == 0 {
		t.Fatalf("thumbprint %x, %v", want, err)
	}
	for _, v := range vlfs(t, db, "NULL") {
		if !slices.Equal(v.thumbprint, want) {
			t.Errorf("part %+v, want thumbprint %x", v, want)
		}
	}
}
