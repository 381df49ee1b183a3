package views_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/catalog/database"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/views"
	"latchkey/engine/sqltype"
)

// The columns are those of the facts: name, order and type.
func TestColumns(t *testing.T) {
	text, err := os.ReadFile("testdata/columns.golden")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{}
	for l := range strings.Lines(string(text)) {
		f := strings.Fields(l)
		want[f[0]] = append(want[f[0]], f[2]+" "+f[3])
	}
	if len(want) != 20 {
		t.Errorf("%d views in the facts", len(want))
	}
	for view, cols := range want {
		got := views.Columns(view)
		if len(got) != len(cols) {
			t.Errorf("%s has %d columns, want %d", view, len(got), len(cols))
			continue
		}
		for i, c := range got {
			typ := c.Type.String()
			if c.Type == sqltype.SysName() {
				typ = "sysname"
			}
			if s := c.Name + " " + strings.Replace(typ, "decimal", "numeric", 1); s != cols[i] {
				t.Errorf("%s, column %d is %q, want %q", view, i+1, s, cols[i])
			}
		}
	}
}

// Every view gives rows of its columns' kinds, on a server with something of everything.
func TestEveryView(t *testing.T) {
	f := catalogtest.New(t, nil)
	f.EnableEKM()
	d := &database.Create{Name: "db", Files: []model.File{{ID: 1, Name: "db", Physical: "db.mdf"}, {ID: 2, Name: "db_log", Physical: "db.ldf", Log: true}}}
	f.MustDo(1, d)
	f.MustDo(1, &key.CreateMaster{Password: catalogtest.Secret("Correct-Horse-1")})
	f.MustDo(1, &key.CreateCertificate{Name: "c", Subject: "TDE of db"})
	f.MustDo(1, &key.CreateSymmetric{Name: "s", Algorithm: "AES_192", Encryptors: []key.Encryptor{{Kind: "CERTIFICATE", Name: "c"}}})
	f.MustDo(1, &key.CreateAsymmetric{Name: "a", Algorithm: "RSA_2048"})
	f.MustDo(d.ID, &database.CreateKey{Algorithm: "AES_128", Kind: database.ByCertificate, Name: "c"})
	f.MustDo(d.ID, &database.SetEncryption{Name: "db", On: true})
	env := views.Env{State: f.State(), Caller: catalogtest.SA(), Runtime: running{}}
	some := map[string]int{
		"sys.databases": 5, "sys.certificates": 1, "sys.symmetric_keys": 3, "sys.asymmetric_keys": 1, "sys.key_encryptions": 3, "sys.server_principals": 10,
		"sys.sql_logins": 1, "sys.dm_database_encryption_keys": 2, "sys.master_files": 2, "sys.openkeys": 1, "sys.dm_cryptographic_provider_sessions": 1,
		"sys.schemas": 13, "sys.database_principals": 14, "sys.server_role_members": 1, "sys.database_role_members": 1,
	}
	for _, view := range views.Names() {
		rows, err := views.Rows(view, env)
		if err != nil {
			t.Errorf("%s: %v", view, err)
			continue
		}
		if n, ok := some[view]; ok && len(rows) != n {
			t.Errorf("%s has %d rows, want %d", view, len(rows), n)
		}
		for _, r := range rows {
			for i, c := range views.Columns(view) {
				if k := r[i].Kind(); k != sqltype.Null && k != c.Type.Kind && c.Type.Kind != sqltype.Variant {
					t.Errorf("%s.%s holds a %s", view, c.Name, k)
				}
				if r[i].IsNull() && (c.Name == "name" || strings.HasSuffix(c.Name, "_desc") && view == "sys.databases") {
					t.Errorf("%s.%s is NULL", view, c.Name)
				}
			}
		}
	}
	if _, err := views.Rows("sys.nope", env); !errors.Is(err, views.ErrNoView) {
		t.Errorf("sys.nope: %v", err)
	}
	// The scan's progress comes from the running server.
	rows, _ := views.Rows("sys.dm_database_encryption_keys", env)
	got := ""
	for i, c := range views.Columns("sys.dm_database_encryption_keys") {
		switch c.Name {
		case "encryption_state", "key_length", "encryption_scan_state":
			got += fmt.Sprint(rows[1][i].Int(), " ")
		case "percent_complete":
			got += fmt.Sprint(rows[1][i].Float(), " ")
		case "encryption_state_desc", "key_algorithm", "encryptor_type", "encryption_scan_state_desc":
			got += rows[1][i].Text() + " "
		case "opened_date":
			got += fmt.Sprint(rows[1][i].Days()-sqltype.BaseDay, " ")
		}
	}
	if want := "2 45992 AES 128 CERTIFICATE 40 ENCRYPTION_IN_PROGRESS 1 RUNNING "; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// running is a server with a session and a scan at 40 percent.
type running struct{}

func (running) DatabaseState(int) (int, bool) { return 0, false }

func (running) Encryption(int) (views.Encryption, bool) {
	return views.Encryption{State: 2, Scan: 1, Percent: 40, Opened: time.Date(2025, 12, 3, 0, 0, 0, 0, time.UTC)}, true
}

func (running) ProviderSessions() []views.ProviderSession {
	return []views.ProviderSession{{Provider: 1, Handle: []byte{1}, Identity: "i"}}
}

func (running) OpenKeys() []views.OpenKey {
	return []views.OpenKey{{Database: 1, Key: model.FirstKeyID}}
}

func TestConfigRows(t *testing.T) {
	f := catalogtest.New(t, nil)
	rows, err := views.ConfigRows(f.State(), "")
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if r.Name == "EKM provider enabled" {
			t.Error("an advanced option is shown")
		}
		if i > 0 && strings.ToLower(rows[i-1].Name) > strings.ToLower(r.Name) {
			t.Errorf("%q comes before %q", rows[i-1].Name, r.Name)
		}
	}
	f.MustDo(1, &database.Configure{Name: "show advanced", Value: 1})
	rows, err = views.ConfigRows(f.State(), "show adv")
	if err != nil || len(rows) != 1 || rows[0] != (views.ConfigRow{Name: "show advanced options", Min: 0, Max: 1, Value: 1, Run: 0}) {
		t.Errorf("%v, %v", rows, err)
	}
}

func TestProperty(t *testing.T) {
	s := views.Server{Name: "host", Version: "16.0.4003.1", Level: "RTM", Edition: "Developer Edition (64-bit)", DataPath: "/data"}
	for name, want := range map[string]string{
		"ProductVersion": "16.0.4003.1", "productmajorversion": "16", "ProductBuild": "4003", "EDITION": "Developer Edition (64-bit)", "ServerName": "host",
		"PathSeparator": "/", "Collation": "SQL_Latin1_General_CP1_CI_AS", "ResourceVersion": "16.00.4003",
	} {
		if got := views.Property(s, name).Text(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if v := views.Property(s, "EngineEdition"); v.Int() != 3 {
		t.Errorf("EngineEdition %d", v.Int())
	}
	for _, name := range []string{"InstanceName", "no such", "ProductUpdateLevel", ""} {
		if v := views.Property(s, name); !v.IsNull() {
			t.Errorf("%q is %v", name, v)
		}
	}
}

func TestSIDText(t *testing.T) {
	if got := views.SIDText([]byte{1, 2, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0, 255, 255, 255, 255}); got != "S-1-9-1-4294967295" {
		t.Error(got)
	}
	if views.SIDText([]byte{1}) != "" || views.SIDText(nil) != "" {
		t.Error("a short sid has a text")
	}
}
