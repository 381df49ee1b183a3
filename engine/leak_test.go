package engine_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
)

// canaries are secrets that must show up nowhere, by what they are.
type canaries struct {
	mu   sync.Mutex
	list map[string][]byte
}

// new makes a secret for one use. It is long enough not to be anywhere by chance, and strong enough for a password.
func (c *canaries) new(what string) string {
	b := make([]byte, 12)
	rand.Read(b)
	s := "Cn!" + hex.EncodeToString(b)
	c.add(what, []byte(s))
	return s
}

func (c *canaries) add(what string, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil {
		c.list = make(map[string][]byte)
	}
	c.list[what] = b
}

// spellings are the ways in which bytes may lie somewhere.
func spellings(b []byte) map[string][]byte {
	out := make(map[string][]byte)
	wide := make([]byte, 0, 2*len(b))
	for _, u := range utf16.Encode([]rune(string(b))) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for form, x := range map[string][]byte{"": b, "utf-16 ": wide} {
		out[form+"plain"] = x
		out[form+"hex"] = []byte(hex.EncodeToString(x))
		out[form+"HEX"] = []byte(strings.ToUpper(hex.EncodeToString(x)))
		for shift := range 3 {
			part := x[shift : shift+(len(x)-shift)/3*3] // groups of three bytes encode alike wherever they begin
			out[fmt.Sprintf("%sbase64 at %d", form, shift)] = []byte(base64.RawStdEncoding.EncodeToString(part))
		}
	}
	return out
}

// look reports the canaries that content holds, in one pass over it.
func (c *canaries) look(content []byte) (found []string) {
	type form struct {
		what string
		b    []byte
	}
	forms := make(map[uint64][]form) // by their first eight bytes
	var begins [1 << 16]bool         // by their first two
	for what, b := range c.list {
		for name, x := range spellings(b) {
			first := binary.LittleEndian.Uint64(x)
			forms[first] = append(forms[first], form{what + " (" + name + ")", x})
			begins[uint16(first)] = true
		}
	}
	for i := 0; i+8 <= len(content); i++ {
		if !begins[binary.LittleEndian.Uint16(content[i:])] {
			continue
		}
		for _, f := range forms[binary.LittleEndian.Uint64(content[i:])] {
			if bytes.HasPrefix(content[i:], f.b) {
				found = append(found, f.what)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// files looks into every file below dir.
func (c *canaries) files(t *testing.T, dir string) (found []string, n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		n++
		for _, f := range c.look(b) {
			found = append(found, filepath.Base(path)+": "+f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found, n
}

// Secrets in statements, and the data of an encrypted database, are in clear nowhere: not in a file of the server, while it works, after it was
// closed, nor where it sorts; not in its logs and what it prints; not in a system view; and not in messages to others.
func TestNothingLeaks(t *testing.T) {
	dir, temp := t.TempDir(), t.TempDir()
	t.Setenv("TMPDIR", temp)
	printed := capture(t)
	logged := &logBuffer{}
	var secret, control canaries

	c := config(dir)
	c.Log = slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Providers = []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &keystmttest.Library{Provider: &catalogtest.Provider{}}}}
	r := start(t, c)
	pool := r.connect(t, "dba", password, "")
	db, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	must := func(batches ...string) {
		t.Helper()
		for _, b := range batches {
			if _, err := db.ExecContext(t.Context(), b); err != nil {
				t.Fatalf("%.50s: %v", b, err)
			}
		}
	}
	fails := func(batch string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), batch); err == nil {
			t.Fatalf("no error: %.50s", batch)
		}
	}
	const id = "EF5C8E094D2A4A769998D93440D8115D"
	must("EXEC sp_configure 'show advanced options', 1; RECONFIGURE; EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE",
		"CREATE CRYPTOGRAPHIC PROVIDER p FROM FILE = '"+catalogtest.Path+"'",
		"CREATE CREDENTIAL a WITH IDENTITY = 'v', SECRET = '"+id+secret.new("the secret of a credential")+"' FOR CRYPTOGRAPHIC PROVIDER p",
		"CREATE CREDENTIAL b WITH IDENTITY = 'v', SECRET = '"+secret.new("the secret of a credential without a provider")+"'",
		"ALTER CREDENTIAL a WITH IDENTITY = 'v', SECRET = '"+id+secret.new("the new secret of a credential")+"'",
		"ALTER LOGIN dba ADD CREDENTIAL a; CREATE ASYMMETRIC KEY k FROM PROVIDER p WITH PROVIDER_KEY_NAME = 'ContosoRSAKey0', CREATION_DISPOSITION = OPEN_EXISTING",
		"ALTER LOGIN dba DROP CREDENTIAL a; CREATE LOGIN l FROM ASYMMETRIC KEY k; ALTER LOGIN l ADD CREDENTIAL a")

	// Passwords: of logins, as text and as a hash, which is nobody's business either but those who may see sys.sql_logins.
	first := secret.new("the password of a login")
	must("CREATE LOGIN one WITH PASSWORD = '"+first+"'", "ALTER LOGIN one WITH PASSWORD = '"+secret.new("the new password of a login")+"' OLD_PASSWORD = '"+first+"'")
	hashed := secret.new("the password behind a hash")
	salt := []byte{1, 2, 3, 4}
	wide := spellings([]byte(hashed))["utf-16 plain"]
	sum := sha512.Sum512(append(slices.Clone(wide), salt...))
	must(fmt.Sprintf("CREATE LOGIN two WITH PASSWORD = 0x0200%x%x HASHED, CHECK_POLICY = OFF", salt, sum))
	if err := r.connect(t, "two", hashed, "").PingContext(t.Context()); err != nil {
		t.Errorf("a login with a hashed password: %v", err)
	}
	fails("CREATE LOGIN one WITH PASSWORD = '" + secret.new("the password of a login that is there") + "'")
	fails("CREATE LOGIN three WITH PASSWORD = '" + secret.new("a password in a statement with an error of syntax") + "' NONSENSE")
	fails("CREATE LOGIN three WITH PASSWORD = '" + secret.new("a password with options that do not go together") + "' MUST_CHANGE, CHECK_POLICY = OFF")
	fails("CREATE CREDENTIAL b WITH IDENTITY = 'v', SECRET = '" + secret.new("the secret of a credential that is there") + "'")
	if err := r.connect(t, control.new("the name in a login that failed"), secret.new("the password in a login that failed"), "").PingContext(t.Context()); err == nil {
		t.Error("a login without a right was let in")
	}

	// Keys and what they encrypt, in an encrypted database.
	must("CREATE DATABASE Shop", "USE Shop; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k",
		"USE Shop; ALTER DATABASE Shop SET ENCRYPTION ON")
	wait(t, "the database is encrypted", func() bool {
		var state int
		return pool.QueryRowContext(t.Context(), "SELECT encryption_state FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('Shop')").Scan(&state) == nil && state == 3
	})
	by := secret.new("the password of a symmetric key")
	must("CREATE MASTER KEY ENCRYPTION BY PASSWORD = '"+secret.new("the password of a master key")+"'",
		"CREATE SYMMETRIC KEY s WITH ALGORITHM = AES_256, KEY_SOURCE = '"+secret.new("the source of a key")+"', IDENTITY_VALUE = '"+secret.new("the identity of a key")+"' ENCRYPTION BY PASSWORD = '"+by+"'",
		"OPEN SYMMETRIC KEY s DECRYPTION BY PASSWORD = '"+by+"'",
		"CREATE CERTIFICATE c ENCRYPTION BY PASSWORD = '"+secret.new("the password of a certificate")+"' WITH SUBJECT = 's'",
		"CREATE TABLE dbo.t (a int NOT NULL PRIMARY KEY, b varbinary(8000), c nvarchar(1000))",
		"INSERT dbo.t VALUES (1, ENCRYPTBYKEY(KEY_GUID('s'), '"+secret.new("a text under a key")+"'), N'"+secret.new("a row")+"')",
		"INSERT dbo.t VALUES (2, ENCRYPTBYPASSPHRASE('"+secret.new("a pass phrase")+"', '"+secret.new("a text under a pass phrase")+"'), NULL)",
		"EXEC sp_executesql N'INSERT dbo.t VALUES (3, ENCRYPTBYKEY(KEY_GUID(''s''), @p), @p)', N'@p nvarchar(100)', @p = N'"+secret.new("a parameter of sp_executesql")+"'",
		"EXEC ('INSERT dbo.t VALUES (4, NULL, N''"+secret.new("a row of dynamic SQL")+"'')')",
		"CREATE TABLE #x (a nvarchar(200)); INSERT #x SELECT c FROM dbo.t; DECLARE @v TABLE (a nvarchar(200)); INSERT @v SELECT a FROM #x",
		"DECLARE @n nvarchar(100) = N'"+secret.new("a variable")+"'; PRINT @n")
	if _, err := db.ExecContext(t.Context(), "INSERT dbo.t VALUES (5, NULL, @p1)", secret.new("a parameter")); err != nil {
		t.Fatal(err)
	}
	fails("SELECT CAST('" + secret.new("a text in a failed conversion") + "' AS int)")
	fails("INSERT dbo.t VALUES (1, NULL, N'" + secret.new("a row that is refused") + "')")
	fails("CLOSE SYMMETRIC KEY s; OPEN SYMMETRIC KEY s DECRYPTION BY PASSWORD = '" + secret.new("a wrong password of a key") + "'")
	fails("BACKUP DATABASE Shop TO DISK = '/nowhere/at/all.bak' WITH ENCRYPTION (ALGORITHM = AES_256, SERVER CERTIFICATE = [" + control.new("a name in a failed statement") + "])")
	_, _ = db.ExecContext(t.Context(), "DBCC TRACEON (3604, 1204, 1222, -1)")

	// A sort that does not fit into memory, under way.
	row := secret.new("a row in a sort")
	must("INSERT dbo.t SELECT value + 100, NULL, N'" + row + "' + REPLICATE('x', 500 + value % 100) + CAST(value AS nvarchar(9)) FROM GENERATE_SERIES(1, 8000)")
	sorting, err := db.QueryContext(t.Context(), "SELECT a.c FROM dbo.t a JOIN (SELECT a, REVERSE(c) AS r FROM dbo.t) b ON a.a = b.a ORDER BY b.r, a.c")
	if err != nil || !sorting.Next() {
		t.Fatal(err)
	}
	spilled := 0
	for _, d := range []string{dir, temp} {
		_ = filepath.WalkDir(d, func(path string, _ fs.DirEntry, _ error) error {
			if strings.Contains(filepath.Base(path), "-tmp-") {
				spilled++
			}
			return nil
		})
	}
	if spilled == 0 {
		t.Error("the sort has no file on disk: nothing is tested")
	}
	check := func(when string) {
		t.Helper()
		for _, d := range []string{dir, temp} {
			if found, _ := secret.files(t, d); len(found) > 0 {
				t.Errorf("%s:\n%s", when, strings.Join(found, "\n"))
			}
		}
	}
	check("during a sort")
	_ = sorting.Close()

	// The controls: what is not encrypted, and what may be logged, is found.
	must("CREATE DATABASE Clear", "USE Clear; CREATE TABLE dbo.t (a nvarchar(200)); INSERT dbo.t VALUES (N'"+control.new("a row that is not encrypted")+"'); CHECKPOINT")

	must("USE Shop")
	n := views(t, db, func(where string, content []byte) {
		if found := secret.look(content); len(found) > 0 {
			t.Errorf("%s shows %s", where, found)
		}
	})
	if n < 50 {
		t.Errorf("only %d views were read", n)
	}
	check("while the server runs")
	_ = db.Close()
	r.stop()
	check("after it was closed")
	for where, text := range map[string][]byte{"the log": []byte(logged.String()), "what was printed": printed()} {
		if found := secret.look(text); len(found) > 0 {
			t.Errorf("%s holds %s", where, found)
		}
	}
	found, files := control.files(t, dir)
	all := strings.Join(found, "\n")
	for _, want := range []string{"errorlog: the name in a login that failed (plain)", "a row that is not encrypted"} {
		if !strings.Contains(all, want) {
			t.Errorf("the search does not find %q:\n%s", want, all)
		}
	}
	if files < 10 {
		t.Errorf("only %d files were searched", files)
	}
}

// views gives each system view's rows, as text, and says how many views there were.
func views(t *testing.T, db *sql.Conn, look func(where string, content []byte)) (n int) {
	t.Helper()
	var names []string // those that the sources name: no view lists them
	quoted := regexp.MustCompile(`"((?:sys|INFORMATION_SCHEMA|msdb\.dbo)\.[A-Za-z_]+)"`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range quoted.FindAllSubmatch(b, -1) {
			names = append(names, string(m[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	names = append(names, "sys.dm_cryptographic_provider_sessions(1)", "sys.dm_cryptographic_provider_algorithms(1)", "sys.dm_cryptographic_provider_keys(1)")
	for _, name := range names {
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+name)
		if err != nil {
			continue // it wants an argument
		}
		columns, _ := rows.Columns()
		var b bytes.Buffer
		for rows.Next() {
			cells := make([]any, len(columns))
			for i := range cells {
				cells[i] = new(any)
			}
			if err := rows.Scan(cells...); err != nil {
				t.Fatal(err)
			}
			for _, c := range cells {
				switch v := (*c.(*any)).(type) {
				case []byte:
					b.Write(v)
				default:
					fmt.Fprint(&b, v)
				}
				b.WriteByte('\n')
			}
		}
		if rows.Err() == nil {
			n++
		}
		_ = rows.Close()
		look(name, b.Bytes())
	}
	return n
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// capture takes what is printed from now on, until the result is called.
func capture(t *testing.T) (printed func() []byte) {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "printed")
	if err != nil {
		t.Fatal(err)
	}
	out, errs := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = f, f
	t.Cleanup(func() { os.Stdout, os.Stderr = out, errs })
	return func() []byte {
		os.Stdout, os.Stderr = out, errs
		b, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}
