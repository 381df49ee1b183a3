// Package history keeps the history of backups and restores: the tables backupset, backupmediaset, backupmediafamily, backupfile, restorehistory and restorefile of msdb, with the
// columns that SQL Server documents, and latchkey_backupkey, which says which keys each set needs.
//
// [Log.Prepare] makes what is missing of them at a start. [Log.Backup] and [Log.Restore] add rows, each call in one transaction. The history is told what happened, after it
// happened: a crash in between leaves a set that is complete and that the history does not know, never the other way round. sp_delete_backuphistory, a procedure in T-SQL, removes
// what is old.
package history

import (
	"context"
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"latchkey/engine/backup/media"
)

//go:embed schema.sql
var schema string

// Log writes the history. Run runs a batch of T-SQL in msdb as the server itself.
type Log struct {
	Run func(ctx context.Context, batch string) error
}

// Prepare makes the tables that are missing.
func (l *Log) Prepare(ctx context.Context) error {
	for _, batch := range strings.Split(schema, "\nGO\n") {
		if strings.TrimSpace(batch) == "" {
			continue
		}
		if err := l.Run(ctx, batch); err != nil {
			return fmt.Errorf("preparing the history of backups: %w", err)
		}
	}
	return nil
}

// Backup tells of a set that was written to the file at path. first is the first set of that file.
func (l *Log) Backup(ctx context.Context, path string, first, s media.Set) error {
	return l.Run(ctx, "SET XACT_ABORT ON; BEGIN TRANSACTION;\n"+set(path, first, s, false)+"COMMIT;")
}

// Restored says how a set was restored.
type Restored struct {
	Database string
	User     string
	At       time.Time
	Replace  bool
	Recovery bool
	StopAt   time.Time
	Files    []string // where each file of the set went
}

// Restore tells of a restore. The set is added if the history does not know it, as when it comes from another server.
func (l *Log) Restore(ctx context.Context, path string, first, s media.Set, r Restored) error {
	var b strings.Builder
	b.WriteString("SET XACT_ABORT ON; BEGIN TRANSACTION;\n")
	b.WriteString(set(path, first, s, true))
	kind := s.Type
	insert(&b, "restorehistory", []cell{
		{"restore_date", stamp(r.At)},
		{"destination_database_name", text(r.Database, 128)},
		{"user_name", text(r.User, 128)},
		{"backup_set_id", "@set"},
		{"restore_type", text(kind, 1)},
		{"[replace]", bit(r.Replace)},
		{"recovery", bit(r.Recovery)},
		{"restart", "0"},
		{"stop_at", stamp(r.StopAt)},
		{"device_count", "1"},
		{"stop_before", "0"},
	})
	b.WriteString("DECLARE @restore int = SCOPE_IDENTITY();\n")
	for i, f := range r.Files {
		insert(&b, "restorefile", []cell{
			{"restore_history_id", "@restore"}, {"file_number", strconv.Itoa(i + 1)}, {"destination_phys_name", text(f, 260)},
		})
	}
	b.WriteString("COMMIT;")
	return l.Run(ctx, b.String())
}

type cell struct{ name, value string }

func insert(b *strings.Builder, table string, row []cell) {
	names, values := make([]string, len(row)), make([]string, len(row))
	for i, c := range row {
		names[i], values[i] = c.name, c.value
	}
	fmt.Fprintf(b, "INSERT INTO dbo.%s (%s) VALUES (%s);\n", table, strings.Join(names, ", "), strings.Join(values, ", "))
}

// set is the statements that add a set and leave its number in @set; with once only if it is not there.
func set(path string, first, s media.Set, once bool) string {
	var b strings.Builder
	b.WriteString("DECLARE @set int, @media int;\n")
	if once {
		fmt.Fprintf(&b, "SELECT @set = MIN(backup_set_id) FROM dbo.backupset WHERE backup_set_uuid = %s;\nIF @set IS NULL\nBEGIN\n", guid(s.ID))
	}
	fmt.Fprintf(&b, "SELECT @media = MIN(m.media_set_id) FROM dbo.backupmediaset AS m JOIN dbo.backupmediafamily AS f ON f.media_set_id = m.media_set_id WHERE m.media_uuid = %s AND f.physical_device_name = %s;\nIF @media IS NULL\nBEGIN\n",
		guid(first.ID), text(path, 260))
	insert(&b, "backupmediaset", []cell{
		{"media_uuid", guid(first.ID)},
		{"media_family_count", "1"},
		{"name", text(first.MediaName, 128)},
		{"description", text(first.MediaText, 255)},
		{"software_name", text(first.Software, 128)},
		{"software_vendor_id", "4608"},
		{"MTF_major_version", "1"},
		{"mirror_count", "1"},
		{"is_password_protected", "0"},
		{"is_compressed", bit(s.Compressed)},
		{"is_encrypted", bit(s.Encryption != nil)},
	})
	b.WriteString("SET @media = SCOPE_IDENTITY();\n")
	insert(&b, "backupmediafamily", []cell{
		{"media_set_id", "@media"},
		{"family_sequence_number", "1"},
		{"media_family_id", guid(first.ID)},
		{"media_count", "1"},
		{"physical_device_name", text(path, 260)},
		{"device_type", "2"},
		{"physical_block_size", "4096"},
		{"mirror", "0"},
	})
	b.WriteString("END;\n")
	algorithm, thumbprint, kind := "NULL", "NULL", "NULL"
	if e := s.Encryption; e != nil {
		algorithm, thumbprint, kind = text(strings.ToLower(e.Algorithm), 32), binary(e.Protector.Thumbprint), text(e.Protector.Kind, 32)
	}
	compression := "NULL"
	if s.Compressed {
		compression = "N'ZSTD'"
	}
	_, zone := s.Finished.Local().Zone()
	insert(&b, "backupset", []cell{
		{"backup_set_uuid", guid(s.ID)},
		{"media_set_id", "@media"},
		{"first_family_number", "1"},
		{"first_media_number", "1"},
		{"last_family_number", "1"},
		{"last_media_number", "1"},
		{"catalog_family_number", "1"},
		{"catalog_media_number", "1"},
		{"position", strconv.Itoa(s.Position)},
		{"expiration_date", stamp(s.Expires)},
		{"software_vendor_id", "4608"},
		{"name", text(s.Name, 128)},
		{"description", text(s.Description, 255)},
		{"user_name", text(s.User, 128)},
		{"software_major_version", "16"},
		{"software_minor_version", "0"},
		{"software_build_version", "1000"},
		{"time_zone", strconv.Itoa(zone / 900)},
		{"mtf_minor_version", "0"},
		{"first_lsn", lsn(s.FirstLSN)},
		{"last_lsn", lsn(s.LastLSN)},
		{"checkpoint_lsn", lsn(s.FirstLSN)},
		{"database_backup_lsn", lsn(s.BackupBase)},
		{"database_creation_date", stamp(s.Created)},
		{"backup_start_date", stamp(s.Started)},
		{"backup_finish_date", stamp(s.Finished)},
		{"type", text(s.Type, 1)},
		{"sort_order", "0"},
		{"code_page", "0"},
		{"compatibility_level", strconv.Itoa(s.Compatibility)},
		{"database_version", "957"},
		{"backup_size", strconv.FormatInt(s.Raw, 10)},
		{"database_name", text(s.Database, 128)},
		{"server_name", text(s.Server, 128)},
		{"machine_name", text(s.Server, 128)},
		{"flags", "512"},
		{"unicode_locale", "1033"},
		{"unicode_compare_style", "196609"},
		{"collation_name", text(s.Collation, 128)},
		{"is_password_protected", "0"},
		{"recovery_model", text(s.Recovery, 60)},
		{"has_bulk_logged_data", "0"},
		{"is_snapshot", "0"},
		{"is_readonly", "0"},
		{"is_single_user", "0"},
		{"has_backup_checksums", "1"},
		{"is_damaged", "0"},
		{"begins_log_chain", bit(s.Type == media.Database && s.FirstLSN != 0)},
		{"has_incomplete_metadata", "0"},
		{"is_force_offline", "0"},
		{"is_copy_only", bit(s.CopyOnly)},
		{"first_recovery_fork_guid", guid(s.DatabaseID)},
		{"last_recovery_fork_guid", guid(s.DatabaseID)},
		{"database_guid", guid(s.DatabaseID)},
		{"family_guid", guid(s.DatabaseID)},
		{"compressed_backup_size", strconv.FormatInt(s.Size, 10)},
		{"key_algorithm", algorithm},
		{"encryptor_thumbprint", thumbprint},
		{"encryptor_type", kind},
		{"compression_algorithm", compression},
	})
	b.WriteString("SET @set = SCOPE_IDENTITY();\n")
	for i, f := range s.Files {
		size, pages, group := f.Size, int64(0), "NULL"
		if f.Type == "D" {
			size, pages, group = s.Raw, s.Raw/4096, "N'PRIMARY'"
		}
		insert(&b, "backupfile", []cell{
			{"backup_set_id", "@set"},
			{"first_family_number", "1"},
			{"first_media_number", "1"},
			{"filegroup_name", group},
			{"page_size", "4096"},
			{"file_number", strconv.Itoa(i + 1)},
			{"backed_up_page_count", strconv.FormatInt(pages, 10)},
			{"file_type", text(f.Type, 1)},
			{"source_file_block_size", "4096"},
			{"file_size", strconv.FormatInt(size, 10)},
			{"logical_name", text(f.Logical, 128)},
			{"physical_name", text(f.Physical, 260)},
			{"state", "0"},
			{"state_desc", "N'ONLINE'"},
			{"create_lsn", "0"},
			{"drop_lsn", "0"},
			{"backup_size", strconv.FormatInt(size, 10)},
			{"is_readonly", "0"},
			{"is_present", "1"},
		})
	}
	for _, k := range s.Needs() {
		key(&b, "DATABASE", k)
	}
	if e := s.Encryption; e != nil {
		key(&b, "BACKUP", e.Protector)
	}
	if once {
		b.WriteString("END;\n")
	}
	return b.String()
}

func key(b *strings.Builder, purpose string, k media.KeyRef) {
	t := binary(k.Thumbprint)
	if t == "NULL" {
		return
	}
	insert(b, "latchkey_backupkey", []cell{{"backup_set_id", "@set"}, {"purpose", text(purpose, 16)}, {"thumbprint", t}, {"kind", text(k.Kind, 32)}, {"uri", text(k.URI, 2048)}})
}

// text is a literal of at most n UTF-16 units; NULL for "".
func text(s string, n int) string {
	if s == "" {
		return "NULL"
	}
	var b strings.Builder
	b.WriteString("N'")
	for _, r := range s {
		if n--; r > 0xFFFF {
			n--
		}
		if n < 0 {
			break
		}
		if r == '\'' {
			b.WriteByte('\'')
		}
		b.WriteRune(r)
	}
	b.WriteByte('\'')
	return b.String()
}

func bit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

func lsn(n uint64) string { return strconv.FormatUint(n, 10) }

// stamp is a datetime in the server's time, as the real tables have it.
func stamp(at time.Time) string {
	if at.IsZero() {
		return "NULL"
	}
	return "'" + at.Local().Format("2006-01-02T15:04:05.000") + "'"
}

func binary(hexText string) string {
	if b, err := hex.DecodeString(hexText); err != nil || len(b) == 0 || len(b) > 64 {
		return "NULL"
	}
	return "0x" + hexText
}

func guid(s string) string {
	s = strings.ReplaceAll(s, "-", "")
	if b, err := hex.DecodeString(s); err != nil || len(b) != 16 {
		return "NULL"
	}
	return fmt.Sprintf("'%s-%s-%s-%s-%s'", s[:8], s[8:12], s[12:16], s[16:20], s[20:])
}
