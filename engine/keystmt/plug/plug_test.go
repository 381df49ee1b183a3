package plug_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/ekm/code"
	"latchkey/engine"
	"latchkey/engine/catalog/catalogtest"
	"latchkey/engine/keystmt/keystmttest"
	"latchkey/engine/keystmt/provider"
	engineserver "latchkey/engine/server"
	"latchkey/internal/secret"
)

const (
	admin    = "CONTOSO-dba"
	password = "Canary-Password-0"
)

// server is a whole server on the loopback, with a provider in memory for the built-in connector.
type server struct {
	t   testing.TB
	dir string
	// admin is the login with all rights.
	admin string
	lib   *keystmttest.Library
	e     *engine.Engine
	addr  string
	log   *buffer
	stop  func()
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *buffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *buffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newServer(t testing.TB) *server { return newServerOf(t, admin) }

func newServerOf(t testing.TB, admin string) *server {
	t.Helper()
	s := &server{t: t, admin: admin, dir: t.TempDir(), lib: &keystmttest.Library{Provider: &catalogtest.Provider{}}, log: &buffer{}}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *server) start() {
	s.t.Helper()
	e, err := engine.Open(context.Background(), engine.Config{
		Dir: s.dir, Name: "TESTSRV", Admin: &engine.Admin{Name: s.admin, Password: secret.FromString(password)},
		Providers: []provider.Builtin{{Files: []string{"Microsoft.AzureKeyVaultService.EKM.dll"}, Provider: s.lib}},
		Loader:    keystmttest.Loader{},
		Limits:    engineserver.Limits{Login: time.Hour},
		Log:       slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	<-e.Ready()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	go func() { _ = e.Serve(l) }()
	s.e, s.addr = e, l.Addr().String()
	s.stop = func() {
		s.stop = func() {}
		ctx, end := context.WithTimeout(context.Background(), 5*time.Minute) // a busy machine takes its time
		defer end()
		if err := e.Close(ctx); err != nil {
			s.t.Errorf("closing: %v", err)
		}
	}
}

// session is one connection.
type session struct {
	t testing.TB
	c *sql.Conn
}

func (s *server) login(user, pass string) *session {
	s.t.Helper()
	db, err := sql.Open("sqlserver", fmt.Sprintf("sqlserver://%s:%s@%s?encrypt=disable", user, pass, s.addr))
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := db.Conn(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close(); _ = db.Close() })
	return &session{s.t, c}
}

var goLine = regexp.MustCompile(`(?mi)^\s*GO\s*$`)

// run runs a script with GO: rows as a|b, errors as Msg lines.
func (s *session) run(script string, args ...any) []string {
	s.t.Helper()
	var out []string
	for _, batch := range goLine.Split(script, -1) {
		if strings.TrimSpace(batch) == "" {
			continue
		}
		out = append(out, s.batch(batch, args...)...)
	}
	return out
}

func (s *session) batch(batch string, args ...any) (out []string) {
	s.t.Helper()
	rows, err := s.c.QueryContext(s.t.Context(), batch, args...)
	if err != nil {
		return problems(err)
	}
	defer rows.Close()
	for {
		cols, err := rows.Columns()
		if err != nil {
			s.t.Fatal(err)
		}
		for rows.Next() {
			values, ptrs := make([]any, len(cols)), make([]any, len(cols))
			for i := range values {
				ptrs[i] = &values[i]
			}
			if err := rows.Scan(ptrs...); err != nil {
				s.t.Fatal(err)
			}
			cells := make([]string, len(cols))
			for i, v := range values {
				switch v := v.(type) {
				case nil:
					cells[i] = "NULL"
				case []byte:
					cells[i] = fmt.Sprintf("0x%X", v)
				default:
					cells[i] = fmt.Sprint(v)
				}
			}
			out = append(out, strings.Join(cells, "|"))
		}
		if err := rows.Err(); err != nil {
			return append(out, problems(err)...)
		}
		if !rows.NextResultSet() {
			if err := rows.Err(); err != nil {
				return append(out, problems(err)...)
			}
			return out
		}
	}
}

func problems(err error) (out []string) {
	var e mssql.Error
	if !errors.As(err, &e) {
		return []string{err.Error()}
	}
	all := e.All
	if len(all) == 0 {
		all = []mssql.Error{e}
	}
	for _, x := range all {
		if x.Class > 10 {
			out = append(out, fmt.Sprintf("Msg %d, Level %d, State %d, Line %d: %s", x.Number, x.Class, x.State, x.LineNo, x.Message))
		}
	}
	return out
}

func (s *session) expect(what string, script string, want ...string) {
	s.t.Helper()
	got := s.run(script)
	if diff := cmp.Diff(want, got); diff != "" && len(got)+len(want) > 0 {
		s.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func (s *session) must(script string) []string {
	s.t.Helper()
	out := s.run(script)
	for _, l := range out {
		if strings.HasPrefix(l, "Msg ") {
			s.t.Fatalf("%s\n%s", script, strings.Join(out, "\n"))
		}
	}
	return out
}

func (s *session) encrypted(db string) {
	s.t.Helper()
	for ; s.t.Context().Err() == nil; <-time.After(5 * time.Millisecond) {
		out := s.must("SELECT encryption_state FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('" + db + "')")
		if len(out) == 1 && out[0] == "3" {
			return
		}
	}
	s.t.Fatal("the scan did not end")
}

// The whole inventory, as written, over a connection.
func TestTheDocumentedScriptOverTheWire(t *testing.T) {
	srv := newServer(t)
	s := srv.login(admin, password)
	for _, q := range setUp {
		s.expect(q, q)
	}
	s.encrypted("TestTDE")
	key := s.must("USE master; SELECT name, algorithm_desc, thumbprint FROM sys.asymmetric_keys;")
	if len(key) != 1 || !strings.HasPrefix(key[0], "EKMSampleASYKey|RSA_2048|0x") {
		t.Fatalf("Q15: %q", key)
	}
	thumbprint := key[0][strings.LastIndexByte(key[0], '|')+1:]
	s.expect("Q16", "SELECT encryptor_type, encryption_state_desc, encryptor_thumbprint FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('TestTDE');",
		"ASYMMETRIC KEY|ENCRYPTED|"+thumbprint)
	s.expect("SMO's join", `SELECT d.name, k.name FROM sys.dm_database_encryption_keys e JOIN sys.databases d ON d.database_id = e.database_id
JOIN master.sys.asymmetric_keys k ON k.thumbprint = e.encryptor_thumbprint`, "TestTDE|EKMSampleASYKey")
	s.must("USE TestTDE; CREATE TABLE t (v nvarchar(50)); INSERT t VALUES (N'canary-row')")

	// A restart asks the provider once, and the data is there.
	srv.stop()
	srv.start()
	s = srv.login(admin, password)
	s.expect("after a restart", "USE TestTDE; SELECT v FROM t", "canary-row")

	s.expect("Q20's shape", `USE master
CREATE ASYMMETRIC KEY again FROM PROVIDER AzureKeyVault_EKM
WITH PROVIDER_KEY_NAME = 'x', CREATION_DISPOSITION = OPEN_EXISTING`,
		"Msg 33046, Level 16, State 1, Line 2: Server principal 'CONTOSO-dba' has no credential associated with cryptographic provider 'AzureKeyVault_EKM'.")
	s.expect("33107 and 5069", "ALTER DATABASE TestTDE\nSET ENCRYPTION ON;",
		"Msg 33107, Level 16, State 1, Line 1: Cannot enable database encryption because it is already enabled.",
		"Msg 5069, Level 16, State 1, Line 1: ALTER DATABASE statement failed.")
	s.expect("Q18", "ALTER CREDENTIAL sysadmin_ekm_cred\n    WITH IDENTITY = 'DocsSampleEKMKeyVault', SECRET = '"+clientSecret2+"';")
	for _, q := range rotation {
		s.expect(q, q)
	}
	if now := s.must("SELECT encryptor_thumbprint FROM sys.dm_database_encryption_keys WHERE database_id = DB_ID('TestTDE')"); now[0] == thumbprint {
		t.Error("the rotation left the thumbprint")
	}
	s.expect("the data", "USE TestTDE; SELECT v FROM t", "canary-row")
	for _, q := range cleanUp {
		s.expect(q, q)
	}
	s.expect("nothing is left", "SELECT count(*) FROM sys.asymmetric_keys UNION ALL SELECT count(*) FROM sys.credentials UNION ALL SELECT count(*) FROM sys.cryptographic_providers", "0", "0", "0")
}

// Q20 as printed.
func TestTheDocumentedFailureOverTheWire(t *testing.T) {
	srv := newServer(t)
	s := srv.login(admin, password)
	for _, q := range setUp[:3] {
		s.must(q)
	}
	srv.lib.Fail = map[string]error{"KeyByName": code.New(code.FailureInRegistry, "", "")}
	s.expect("Q20", strings.Repeat("\n", 64)+setUp[3],
		"Msg 33049, Level 16, State 2, Line 65: Key with name 'ContosoRSAKey0' does not exist in the provider or access is denied. Provider error code: 2058.  (Provider Error - No explanation is available, consult EKM Provider for details)")
}

const (
	clientSecret  = "EF5C8E094D2A4A769998D93440D8115D" + "canary-client-secret-1"
	clientSecret2 = "EF5C8E094D2A4A769998D93440D8115D" + "canary-client-secret-2"
	dll           = `C:\Program Files\SQL Server Connector for Microsoft Azure Key Vault\Microsoft.AzureKeyVaultService.EKM.dll`
)

var setUp = []string{
	"USE master;\nGO\nEXEC sp_configure 'show advanced options', 1;\nGO\nRECONFIGURE;\nGO\nEXEC sp_configure 'EKM provider enabled', 1;\nGO\nRECONFIGURE;",
	"CREATE CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM\nFROM FILE = '" + dll + "';\nGO",
	`USE master;
CREATE CREDENTIAL sysadmin_ekm_cred
    WITH IDENTITY = 'DocsSampleEKMKeyVault', -- for public Azure
    -- WITH IDENTITY = 'DocsSampleEKMKeyVault.vault.usgovcloudapi.net', -- for Azure Government
         --<----Application (Client) ID ---><--Microsoft Entra app (Client) ID secret-->
    SECRET = '` + clientSecret + `'
FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM;

ALTER LOGIN [CONTOSO-dba]
ADD CREDENTIAL sysadmin_ekm_cred;`,
	"CREATE ASYMMETRIC KEY EKMSampleASYKey\nFROM PROVIDER [AzureKeyVault_EKM]\nWITH PROVIDER_KEY_NAME = 'ContosoRSAKey0',\nCREATION_DISPOSITION = OPEN_EXISTING;",
	`CREATE LOGIN TDE_Login
FROM ASYMMETRIC KEY EKMSampleASYKey;
ALTER LOGIN [CONTOSO-dba]
DROP CREDENTIAL sysadmin_ekm_cred;
ALTER LOGIN TDE_Login
ADD CREDENTIAL sysadmin_ekm_cred;`,
	"CREATE DATABASE TestTDE;",
	"USE TestTDE;\nCREATE DATABASE ENCRYPTION KEY\nWITH ALGORITHM = AES_256\nENCRYPTION BY SERVER ASYMMETRIC KEY EKMSampleASYKey;",
	"ALTER DATABASE TestTDE\nSET ENCRYPTION ON;",
}

var rotation = []string{
	"ALTER CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM\nFROM FILE =\n'" + dll + "'\nGO",
	"CREATE CREDENTIAL Azure_EKM_TDE_cred2 WITH IDENTITY = 'ContosoDevKeyVault', SECRET = '" + clientSecret + "' FOR CRYPTOGRAPHIC PROVIDER AzureKeyVault_EKM; ALTER LOGIN [CONTOSO-dba] ADD CREDENTIAL Azure_EKM_TDE_cred2;\nGO",
	"USE master\nCREATE ASYMMETRIC KEY [MASTER_KEY2]\nFROM PROVIDER [AzureKeyVault_EKM]\nWITH PROVIDER_KEY_NAME = 'Key2',\nCREATION_DISPOSITION = OPEN_EXISTING\nGO",
	"USE master\nCREATE LOGIN TDE_Login2\nFROM ASYMMETRIC KEY [MASTER_KEY2]\nGO",
	"ALTER LOGIN [CONTOSO-dba] DROP CREDENTIAL Azure_EKM_TDE_cred2; ALTER LOGIN TDE_Login2 ADD CREDENTIAL Azure_EKM_TDE_cred2; \nGO",
	"USE [TestTDE]\nGO\nALTER DATABASE ENCRYPTION KEY\nENCRYPTION BY SERVER ASYMMETRIC KEY [MASTER_KEY2];\nGO",
}

var cleanUp = []string{
	"USE master;\nGO\nALTER DATABASE [TestTDE] SET SINGLE_USER WITH ROLLBACK IMMEDIATE; DROP DATABASE [TestTDE];\nGO",
	"ALTER LOGIN [TDE_Login2] DROP CREDENTIAL [Azure_EKM_TDE_cred2]; DROP LOGIN [TDE_Login2];\nGO\nDROP CREDENTIAL [Azure_EKM_TDE_cred2];\nGO\nDROP ASYMMETRIC KEY MASTER_KEY2",
	"ALTER LOGIN [TDE_Login] DROP CREDENTIAL [sysadmin_ekm_cred]; DROP LOGIN [TDE_Login];\nGO\nDROP CREDENTIAL [sysadmin_ekm_cred];\nGO\nUSE master;\nGO\nDROP ASYMMETRIC KEY [EKMSampleASYKey]; DROP CRYPTOGRAPHIC PROVIDER [AzureKeyVault_EKM];\nGO",
}
