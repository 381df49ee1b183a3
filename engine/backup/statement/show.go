package statement

import (
	"encoding/hex"
	"strings"
	"time"

	"latchkey/engine/backup/media"
	"latchkey/engine/exec/handler"
	"latchkey/engine/sqltype"
)

// table gathers a result's columns and one row of it at a time.
type table struct {
	columns []handler.Column
	row     []sqltype.Value
}

func (t *table) add(name string, typ sqltype.Type, v sqltype.Value) {
	t.columns = append(t.columns, handler.Column{Name: name, Type: typ})
	t.row = append(t.row, v)
}

func (t *table) text(name string, n int, s string) {
	v := sqltype.Value{}
	if s != "" {
		v = sqltype.NewText(sqltype.NVarChar, s)
	}
	t.add(name, sqltype.Sized(sqltype.NVarChar, n), v)
}

func (t *table) int(name string, k sqltype.Kind, n int64) {
	t.add(name, sqltype.Type{Kind: k}, sqltype.NewInt(k, n))
}

func (t *table) bit(name string, b bool) {
	t.add(name, sqltype.Type{Kind: sqltype.Bit}, sqltype.NewBit(b))
}

func (t *table) null(name string, typ sqltype.Type) { t.add(name, typ, sqltype.Value{}) }

func (t *table) number(name string, p int, n int64) {
	t.add(name, sqltype.DecimalType(p, 0), sqltype.DecimalFromInt(p, n))
}

func (t *table) time(name string, at time.Time) {
	typ := sqltype.Of(sqltype.DateTime)
	if at.IsZero() {
		t.null(name, typ)
		return
	}
	at = at.Local()
	day := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, time.UTC)
	days := int(day.Sub(time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)).Hours() / 24)
	ms := int64(at.Hour())*3600000 + int64(at.Minute())*60000 + int64(at.Second())*1000 + int64(at.Nanosecond())/1e6
	t.add(name, typ, sqltype.NewDateTime(days, (ms*3+5)/10))
}

func (t *table) guid(name, s string) {
	b, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(b) != 16 {
		t.null(name, sqltype.Of(sqltype.UniqueIdentifier))
		return
	}
	t.add(name, sqltype.Of(sqltype.UniqueIdentifier), sqltype.NewGUID([16]byte(b)))
}

func (t *table) bytes(name string, n int, hexText string) {
	b, err := hex.DecodeString(hexText)
	if err != nil || hexText == "" {
		t.null(name, sqltype.Sized(sqltype.VarBinary, n))
		return
	}
	t.add(name, sqltype.Sized(sqltype.VarBinary, n), sqltype.NewBytes(sqltype.VarBinary, string(b)))
}

// send writes rows that were made one by one; all have the same columns.
func (r *run) send(rows []*table) error {
	if len(rows) == 0 {
		return nil
	}
	w, err := r.Rows(rows[0].columns...)
	if err != nil {
		return err
	}
	for _, t := range rows {
		if err := w.Row(t.row...); err != nil {
			return err
		}
	}
	return nil
}

// headers is RESTORE HEADERONLY.
func (r *run) headers(sets []media.Set) error {
	var rows []*table
	for _, s := range sets {
		rows = append(rows, header(s))
	}
	return r.send(rows)
}

func header(s media.Set) *table {
	t := &table{}
	kind, word := int64(1), "Database"
	if s.Type == media.Log {
		kind, word = 2, "Transaction Log"
	}
	t.text("BackupName", 128, s.Name)
	t.text("BackupDescription", 255, s.Description)
	t.int("BackupType", sqltype.SmallInt, kind)
	t.time("ExpirationDate", s.Expires)
	compressed := int64(0)
	if s.Compressed {
		compressed = 1
	}
	t.int("Compressed", sqltype.TinyInt, compressed)
	t.int("Position", sqltype.SmallInt, int64(s.Position))
	t.int("DeviceType", sqltype.TinyInt, 2)
	t.text("UserName", 128, s.User)
	t.text("ServerName", 128, s.Server)
	t.text("DatabaseName", 128, s.Database)
	t.int("DatabaseVersion", sqltype.Int, 957)
	t.time("DatabaseCreationDate", s.Created)
	t.number("BackupSize", 20, s.Raw)
	first, base := s.FirstLSN, s.BackupBase
	t.number("FirstLSN", 25, int64(first))
	t.number("LastLSN", 25, int64(s.LastLSN))
	t.number("CheckpointLSN", 25, int64(first))
	t.number("DatabaseBackupLSN", 25, int64(base))
	t.time("BackupStartDate", s.Started)
	t.time("BackupFinishDate", s.Finished)
	t.int("SortOrder", sqltype.SmallInt, 0)
	t.int("CodePage", sqltype.SmallInt, 0)
	t.int("UnicodeLocaleId", sqltype.Int, 1033)
	t.int("UnicodeComparisonStyle", sqltype.Int, 196609)
	t.int("CompatibilityLevel", sqltype.TinyInt, int64(s.Compatibility))
	t.int("SoftwareVendorId", sqltype.Int, 4608)
	t.int("SoftwareVersionMajor", sqltype.Int, 16)
	t.int("SoftwareVersionMinor", sqltype.Int, 0)
	t.int("SoftwareVersionBuild", sqltype.Int, 1000)
	t.text("MachineName", 128, s.Server)
	t.int("Flags", sqltype.Int, 512)
	t.guid("BindingID", s.DatabaseID)
	t.guid("RecoveryForkID", s.DatabaseID)
	t.text("Collation", 128, s.Collation)
	t.guid("FamilyGUID", s.DatabaseID)
	for _, b := range []struct {
		name string
		on   bool
	}{
		{"HasBulkLoggedData", false},
		{"IsSnapshot", false},
		{"IsReadOnly", false},
		{"IsSingleUser", false},
		{"HasBackupChecksums", true},
		{"IsDamaged", false},
		{"BeginsLogChain", s.Type == media.Database && first != 0},
		{"HasIncompleteMetaData", false},
		{"IsForceOffline", false},
		{"IsCopyOnly", s.CopyOnly},
	} {
		t.bit(b.name, b.on)
	}
	t.guid("FirstRecoveryForkID", s.DatabaseID)
	t.null("ForkPointLSN", sqltype.DecimalType(25, 0))
	t.text("RecoveryModel", 60, s.Recovery)
	t.null("DifferentialBaseLSN", sqltype.DecimalType(25, 0))
	t.guid("DifferentialBaseGUID", "")
	t.text("BackupTypeDescription", 60, word)
	t.guid("BackupSetGUID", s.ID)
	t.int("CompressedBackupSize", sqltype.BigInt, s.Size)
	t.int("containment", sqltype.TinyInt, 0)
	algorithm, thumbprint, encryptor := "", "", ""
	if e := s.Encryption; e != nil {
		algorithm, thumbprint, encryptor = strings.ToLower(e.Algorithm), e.Protector.Thumbprint, e.Protector.Kind
	}
	t.text("KeyAlgorithm", 32, algorithm)
	t.bytes("EncryptorThumbprint", 20, thumbprint)
	t.text("EncryptorType", 32, encryptor)
	return t
}

// files is RESTORE FILELISTONLY. TDEThumbprint is the key that opens the database.
func (r *run) files(s media.Set) error {
	thumbprint := ""
	if keys := s.Needs(); len(keys) > 0 {
		thumbprint = keys[0].Thumbprint
	}
	var rows []*table
	for i, f := range s.Files {
		t := &table{}
		t.text("LogicalName", 128, f.Logical)
		t.text("PhysicalName", 260, f.Physical)
		t.text("Type", 1, f.Type)
		group := "PRIMARY"
		if f.Type == "L" {
			group = ""
		}
		t.text("FileGroupName", 128, group)
		size := f.Size
		if f.Type == "D" {
			size = s.Raw
		}
		t.number("Size", 20, size)
		t.number("MaxSize", 20, 35184372080640)
		t.int("FileId", sqltype.BigInt, int64(i+1))
		t.number("CreateLSN", 25, 0)
		t.null("DropLSN", sqltype.DecimalType(25, 0))
		t.guid("UniqueId", s.DatabaseID)
		t.null("ReadOnlyLSN", sqltype.DecimalType(25, 0))
		t.null("ReadWriteLSN", sqltype.DecimalType(25, 0))
		t.int("BackupSizeInBytes", sqltype.BigInt, size)
		t.int("SourceBlockSize", sqltype.Int, 4096)
		t.int("FileGroupId", sqltype.Int, map[string]int64{"D": 1, "L": 0}[f.Type])
		t.guid("LogGroupGUID", "")
		t.null("DifferentialBaseLSN", sqltype.DecimalType(25, 0))
		t.guid("DifferentialBaseGUID", "")
		t.bit("IsReadOnly", false)
		t.bit("IsPresent", true)
		if f.Type == "D" {
			t.bytes("TDEThumbprint", 32, thumbprint)
		} else {
			t.bytes("TDEThumbprint", 32, "")
		}
		t.text("SnapshotUrl", 360, "")
		rows = append(rows, t)
	}
	return r.send(rows)
}

// label is RESTORE LABELONLY.
func (r *run) label(s media.Set) error {
	t := &table{}
	t.text("MediaName", 128, s.MediaName)
	t.guid("MediaSetId", s.ID)
	t.int("FamilyCount", sqltype.Int, 1)
	t.int("FamilySequenceNumber", sqltype.Int, 1)
	t.guid("MediaFamilyId", s.ID)
	t.int("MediaSequenceNumber", sqltype.Int, 1)
	t.int("MediaLabelPresent", sqltype.TinyInt, 0)
	t.text("MediaDescription", 255, s.MediaText)
	t.text("SoftwareName", 128, s.Software)
	t.int("SoftwareVendorId", sqltype.Int, 4608)
	t.time("MediaDate", s.Started)
	t.int("MirrorCount", sqltype.Int, 1)
	t.bit("IsCompressed", s.Compressed)
	return r.send([]*table{t})
}
