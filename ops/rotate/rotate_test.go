package rotate_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	_ "github.com/microsoft/go-mssqldb"

	"latchkey/engine"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
	"latchkey/engine/server"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
	"latchkey/ops/retire"
	"latchkey/ops/rotate"
	"latchkey/ops/runbook"
	"latchkey/ops/setup"
)

const (
	password = "Pass-w0rd-of-a-test"
	secretOf = "EF5C8E094D2A4A769998D93440D8115Dcanary-client-secret"
)

// wire is a way to a server that writes down what clients ask it.
type wire struct {
	mu   sync.Mutex
	said []string
}

// listen passes connections on to a server and notes the text of batches and calls.
func (w *wire) listen(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", to)
			if err != nil {
				_ = c.Close()
				return
			}
			go func() { _, _ = io.Copy(c, s); _ = c.Close() }()
			go func() { w.read(c, s); _ = s.Close() }()
		}
	}()
	return l.Addr().String()
}

// read passes packets on (MS-TDS 2.2.3) and puts messages together.
func (w *wire) read(from io.Reader, to io.Writer) {
	var message []byte
	for {
		head := make([]byte, 8)
		if _, err := io.ReadFull(from, head); err != nil {
			return
		}
		body := make([]byte, int(binary.BigEndian.Uint16(head[2:]))-8)
		if _, err := io.ReadFull(from, body); err != nil {
			return
		}
		if _, err := to.Write(append(head, body...)); err != nil {
			return
		}
		message = append(message, body...)
		if head[1]&1 == 0 { // more packets follow
			continue
		}
		switch head[0] {
		case 1: // SQL batch, behind ALL_HEADERS
			if n := int(binary.LittleEndian.Uint32(message)); n <= len(message) {
				w.note(text(message[n:]))
			}
		case 3: // RPC: a procedure's number, then sp_executesql's statement
			n := int(binary.LittleEndian.Uint32(message))
			rest := message[n:]
			if len(rest) > 4 && binary.LittleEndian.Uint16(rest) == 0xFFFF {
				w.note(fmt.Sprintf("RPC %d: %s", binary.LittleEndian.Uint16(rest[2:]), statement(rest)))
			} else {
				w.note(fmt.Sprintf("RPC by name: %x", rest))
			}
		}
		message = nil
	}
}

func (w *wire) note(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, s)
}

func text(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return string(utf16.Decode(u))
}

// statement is the first parameter of sp_executesql (MS-TDS 2.2.6.6): nvarchar, or nvarchar(max) in one chunk.
func statement(b []byte) string {
	const before = 2 + 2 + 2 // 0xFFFF, number, flags
	if len(b) < before+17 || b[before] != 0 || b[before+2] != 0xE7 {
		return fmt.Sprintf("%x", b)
	}
	limit, rest := binary.LittleEndian.Uint16(b[before+3:]), b[before+3+2+5:]
	n := int(binary.LittleEndian.Uint16(rest))
	rest = rest[2:]
	if limit == 0xFFFF {
		n, rest = int(binary.LittleEndian.Uint32(rest[6:])), rest[10:]
	}
	if n > len(rest) {
		return fmt.Sprintf("%x", b)
	}
	return text(rest[:n])
}

// serve starts a server with the databases that are named, encrypted under k1, and gives a way to it.
func serve(t *testing.T, databases ...string) (direct, seen *sql.DB, w *wire) {
	t.Helper()
	e, err := engine.Open(t.Context(), engine.Config{
		Dir: t.TempDir(), Name: "SQL01", Log: slog.New(slog.DiscardHandler), Admin: &engine.Admin{Name: "dba", Password: secret.FromString(password)},
		Limits:    server.Limits{Login: time.Hour}, // a busy machine is in no hurry
		Providers: []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: &keystmttest.Library{Provider: &catalogtest.Provider{}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = e.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		if err := e.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	dial := func(addr string) *sql.DB {
		u := url.URL{Scheme: "sqlserver", User: url.UserPassword("dba", password), Host: addr, RawQuery: "encrypt=disable"}
		db, err := sql.Open("sqlserver", u.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	direct = dial(l.Addr().String())
	all := []string{
		"EXEC sp_configure 'show advanced options', 1; RECONFIGURE", "EXEC sp_configure 'EKM provider enabled', 1; RECONFIGURE",
		"CREATE CRYPTOGRAPHIC PROVIDER EKM FROM FILE = '" + catalogtest.Path + "'",
		"CREATE CREDENTIAL c1 WITH IDENTITY = 'v', SECRET = '" + secretOf + "' FOR CRYPTOGRAPHIC PROVIDER EKM; ALTER LOGIN dba ADD CREDENTIAL c1",
		"CREATE ASYMMETRIC KEY k1 FROM PROVIDER EKM WITH PROVIDER_KEY_NAME = 'k1', CREATION_DISPOSITION = OPEN_EXISTING",
		"ALTER LOGIN dba DROP CREDENTIAL c1; CREATE LOGIN l1 FROM ASYMMETRIC KEY k1; ALTER LOGIN l1 ADD CREDENTIAL c1",
	}
	for _, d := range databases {
		q := runbook.Quote(d)
		all = append(all, "CREATE DATABASE "+q, "USE "+q+"; CREATE TABLE dbo.t(a int NOT NULL PRIMARY KEY); INSERT dbo.t VALUES (7); CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY k1; ALTER DATABASE "+q+" SET ENCRYPTION ON")
	}
	for _, q := range all {
		if _, err := direct.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%.90s: %v", q, err)
		}
	}
	for {
		var scanning int
		if err := direct.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM sys.dm_database_encryption_keys WHERE encryption_state <> 3 AND database_id > 4").Scan(&scanning); err != nil {
			t.Fatal(err)
		}
		if scanning == 0 {
			break
		}
		<-time.After(5 * time.Millisecond)
	}
	w = &wire{}
	return direct, dial(w.listen(t, l.Addr().String())), w
}

func options() rotate.Options {
	return rotate.Options{Key: setup.Key{Provider: "EKM", Credential: "c2", AsymmetricKey: "k2", Login: "l2", Vault: "v", Name: "k2"}, Wave: 2}
}

func run(ctx context.Context, db *sql.DB, journal *runbook.Journal) error {
	s := runbook.Server{DB: db}
	p, err := rotate.Make(ctx, s, options())
	if err != nil {
		return err
	}
	r := &runbook.Runner{DB: db, Secret: secret.FromString(secretOf), Clock: clock.System{}, Journal: journal}
	if err := rotate.Apply(ctx, r, p, options(), nil); err != nil {
		return err
	}
	return rotate.Verify(ctx, s, p, options())
}

// documented is what may be sent to a server: statements and views of SQL Server's documentation, nothing of ours.
var documented = []string{
	`USE \[[^;]*\]`,
	`SELECT SUSER_SNAME\(\)`,
	`SELECT HAS_PERMS_BY_NAME\(NULL, NULL, 'CONTROL SERVER'\)`,
	`SELECT COUNT\(\*\) FROM (master\.)?sys\.(cryptographic_providers|credentials|asymmetric_keys|server_principals|databases) WHERE [a-z_]+ = @p1( AND is_enabled = 1)?`,
	`SELECT COUNT\(\*\) FROM sys\.server_principal_credentials AS m JOIN sys\.server_principals AS p ON p\.principal_id = m\.principal_id\s+JOIN sys\.credentials AS c ON c\.credential_id = m\.credential_id WHERE p\.name = @p1 AND c\.name = @p2`,
	`SELECT thumbprint FROM master\.sys\.asymmetric_keys WHERE name = @p1`,
	`SELECT d\.name, k\.encryption_state, ISNULL\(k\.encryptor_type, ''\), k\.encryptor_thumbprint FROM sys\.dm_database_encryption_keys AS k\s+JOIN sys\.databases AS d ON d\.database_id = k\.database_id WHERE d\.name <> 'tempdb' ORDER BY d\.name`,
	`CREATE CREDENTIAL \[c2\] WITH IDENTITY = 'v', SECRET = '` + secretOf + `' FOR CRYPTOGRAPHIC PROVIDER \[EKM\];`,
	`ALTER LOGIN \[(dba|l2)\] (ADD|DROP) CREDENTIAL \[c2\];`,
	`CREATE ASYMMETRIC KEY \[k2\] FROM PROVIDER \[EKM\] WITH PROVIDER_KEY_NAME = 'k2', CREATION_DISPOSITION = OPEN_EXISTING;`,
	`CREATE LOGIN \[l2\] FROM ASYMMETRIC KEY \[k2\];`,
	`ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY \[k2\];`,
	`(?i)select 1`, // the driver's ping
}

// What a rotation sends to a server, read off the wire, is documented SQL Server and nothing else; so is what retire sends to a real one.
func TestNothingButDocumentedStatements(t *testing.T) {
	_, db, w := serve(t, "a", "b ]x", "c")
	if err := run(t.Context(), db, nil); err != nil {
		t.Fatal(err)
	}
	allowed := regexp.MustCompile(`^(RPC 10: )?(` + strings.Join(documented, "|") + `)$`)
	w.mu.Lock()
	said := append([]string(nil), w.said...)
	w.mu.Unlock()
	altered := 0
	for _, s := range said {
		s = strings.TrimSpace(s)
		if s != "" && !allowed.MatchString(s) {
			t.Errorf("sent: %q", s)
		}
		if strings.HasPrefix(s, "ALTER DATABASE ENCRYPTION KEY") {
			altered++
		}
		if strings.Contains(strings.ToLower(s), "latchkey") {
			t.Errorf("sent something of ours: %q", s)
		}
	}
	if altered != 3 || len(said) < 20 {
		t.Errorf("%d statements of %d changed a protector", altered, len(said))
	}
}

// A rotation that is cut short at any step of its journal is gone on with: all data is there under the old key or the new one, the ledger says which, and in the end all are under the new.
func TestResume(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	for stop := 1; ; stop++ {
		direct, db, _ := serve(t, names...)
		m := fsys.NewMem()
		if err := m.MkdirAll("/j", 0o700); err != nil {
			t.Fatal(err)
		}
		nth := &fsys.Nth{Kinds: fsys.OpWrite, N: stop, Err: errors.New("killed"), Sticky: true}
		j, err := runbook.OpenJournal(fsys.NewFaulty(m, nth.Hook), "/j/journal", os.O_RDWR|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		err = run(t.Context(), db, j)
		_ = j.Close()
		finished := err == nil
		if !finished && !strings.Contains(err.Error(), "killed") {
			t.Fatalf("stopped at %d: %v", stop, err)
		}
		var under []string
		s := runbook.Server{DB: direct}
		k1, err := s.KeyThumbprint(t.Context(), "k1")
		if err != nil {
			t.Fatal(err)
		}
		k2, err := s.KeyThumbprint(t.Context(), "k2")
		if err != nil {
			t.Fatal(err)
		}
		protectors, err := s.Protectors(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		old := 0
		for _, p := range protectors {
			switch {
			case bytes.Equal(p.Thumbprint, k1):
				old++
			case k2 == nil || !bytes.Equal(p.Thumbprint, k2):
				t.Errorf("stopped at %d: %s is under %X", stop, p.Database, p.Thumbprint)
			}
			under = append(under, p.Database)
		}
		if strings.Join(under, " ") != "a b c d" {
			t.Errorf("stopped at %d: databases %v", stop, under)
		}
		report, err := retire.Look(t.Context(), s, k1)
		if err != nil {
			t.Fatal(err)
		}
		needs := 0
		for _, n := range report.Needs {
			if n.Kind == retire.Database {
				needs++
			}
		}
		if needs != old {
			t.Errorf("stopped at %d: %d databases need the old key, the ledger says %d", stop, old, needs)
		}
		j, err = runbook.OpenJournal(m, "/j/journal", os.O_RDWR|os.O_CREATE)
		if err != nil {
			t.Fatal(err)
		}
		if err := run(t.Context(), db, j); err != nil {
			t.Errorf("stopped at %d, gone on with: %v", stop, err)
		}
		_ = j.Close()
		b, err := fsys.ReadFile(m, "/j/journal", 0)
		if err != nil || bytes.Contains(b, []byte("canary")) {
			t.Errorf("the journal holds a secret, or cannot be read: %v", err)
		}
		for _, d := range names {
			var n int
			if err := direct.QueryRowContext(t.Context(), "SELECT a FROM "+d+".dbo.t").Scan(&n); err != nil || n != 7 {
				t.Errorf("stopped at %d: %s has %d, %v", stop, d, n, err)
			}
		}
		if finished {
			if stop < 10 {
				t.Errorf("it was cut at %d places only", stop)
			}
			return
		}
		if os.Getenv("LATCHKEY_LONG") != "1" {
			stop += 7
		}
	}
}
