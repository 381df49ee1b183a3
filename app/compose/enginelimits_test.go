package compose_test

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/app/compose"
	"latchkey/app/install"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// The bounds of memory and of temporary files in the configuration are those of the server.
func TestEngineLimits(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "engine.json")
	text := fmt.Sprintf(`{"data": %q, "listen": ["127.0.0.1:0"], "tls": {"ownNames": ["localhost"]}, "allowPlain": true,
		"limits": {"cacheMebibytes": 8, "memoryMebibytes": 256, "spillMebibytes": 4}}`, filepath.Join(dir, "engine"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := compose.ReadEngineConfig(fsys.OS{}, file)
	if err != nil {
		t.Fatal(err)
	}
	e, err := compose.StartEngine(t.Context(), compose.EngineStart{
		Process:  install.Process{Log: slog.New(slog.DiscardHandler), LookupEnv: func(string) (string, bool) { return "", false }},
		Password: secret.FromString("Test-Only-1-password"),
	}, c)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	u := url.URL{Scheme: "sqlserver", User: url.UserPassword("dba", "Test-Only-1-password"), Host: e.Addresses[0], RawQuery: "encrypt=disable"}
	db, err := sql.Open("sqlserver", u.String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for number, q := range map[int32]string{
		701:  "SELECT " + strings.TrimSuffix(strings.Repeat("REPLICATE(CAST('x' AS varchar(max)), 60000000), ", 6), ", "),
		1105: "SELECT a.value FROM GENERATE_SERIES(1, 100000) a CROSS JOIN GENERATE_SERIES(1, 100) b ORDER BY b.value % 7, CONCAT(a.value, REPLICATE('x', 200)) OFFSET 9999998 ROWS FETCH NEXT 1 ROWS ONLY",
	} {
		_, err := db.ExecContext(t.Context(), q)
		var m mssql.Error
		if !errors.As(err, &m) || m.Number != number {
			t.Errorf("%.60s: %v, want message %d", q, err, number)
		}
	}
}
