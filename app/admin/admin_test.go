package admin_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/app/admin"
	"latchkey/app/install"
	"latchkey/audit"
	"latchkey/internal/fsys"
)

// What changes or exports keys has its audit record, also when it fails.
func TestKeyOperationsAreRecorded(t *testing.T) {
	dir := t.TempDir()
	sealKey := filepath.Join(t.TempDir(), "seal")
	if err := os.WriteFile(sealKey, bytes.Repeat([]byte("k"), 32), 0o600); err != nil {
		t.Fatal(err)
	}
	do := func(op string, args, result any) error {
		t.Helper()
		a, err := admin.Open(t.Context(), install.Process{}, dir, "", op)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := a.Close(); err != nil {
				t.Error(err)
			}
		}()
		return a.Do(t.Context(), op, args, result)
	}
	const pass = "a passphrase of words"
	var exported admin.BackupKey
	if err := do("backup-export", admin.BackupKey{Passphrase: pass}, &exported); err != nil {
		t.Fatal(err)
	}
	if err := do("backup-export", admin.BackupKey{Passphrase: "short"}, &admin.BackupKey{}); err == nil {
		t.Error("a short passphrase was taken")
	}
	if err := do("backup-import", admin.BackupKey{Exported: exported.Exported, Passphrase: "another passphrase"}, &admin.BackupKey{}); err == nil {
		t.Error("a wrong passphrase was taken")
	}
	var res admin.ResealResult
	if err := do("reseal", admin.ResealArgs{To: "file:" + sealKey, NewData: true}, &res); err != nil || res.Source != "file:"+sealKey {
		t.Fatalf("%+v, %v", res, err)
	}
	type record struct{ Operation, Object, Result, Reason string }
	var got []record
	for e, err := range audit.Read(t.Context(), fsys.OS{}, filepath.Join(dir, install.AuditDir), audit.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.RequestID == "" || e.Client != "operator" {
			continue // of the log itself
		}
		got = append(got, record{e.Operation, e.Object, string(e.Result), e.Reason})
	}
	want := []record{
		{"BackupKeyExport", exported.ID, "Success", ""},
		{"BackupKeyExport", exported.ID, "Failed", "LK1305"},
		{"BackupKeyImport", "", "Success", ""},
		{"BackupKeyImport", "", "Failed", "LK1310"},
		{"SealKeyChange", "file:" + sealKey, "Success", ""},
		{"DataKeyChange", "", "Success", ""},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("records (-want +got):\n%s", d)
	}
}
