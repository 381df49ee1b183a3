package e2e

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// tediousDir is where the JavaScript driver is installed.
const tediousDir = "../engine/tds/testdata/tedious"

// runScript runs batches, apart by lines of GO, on one connection and returns a line for each row, "a|b", and each error,
// "Msg N, Level L, State S, Line L: text".
type runScript func(t *testing.T, s *server, script string) []string

var goLine = regexp.MustCompile(`(?mi)^[ \t]*GO[ \t]*(?:\n|\z)`)

func goBatches(t *testing.T, s *server, script string) []string {
	t.Helper()
	cfg, err := msdsn.Parse(s.dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	db := sql.OpenDB(mssql.NewConnectorConfig(cfg))
	defer db.Close()
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, batch := range goLine.Split(script, -1) {
		if strings.TrimSpace(batch) == "" {
			continue
		}
		lines, err := goBatch(t.Context(), c, batch)
		out = append(out, lines...)
		var m mssql.Error
		if err != nil && !errors.As(err, &m) {
			t.Fatalf("%s: %v", batch, err)
		}
	}
	return out
}

func goBatch(ctx context.Context, c *sql.Conn, batch string) (out []string, err error) {
	rows, err := c.QueryContext(ctx, batch)
	for err == nil {
		columns, cerr := rows.Columns()
		if cerr != nil {
			return out, cerr
		}
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err = rows.Scan(into...); err != nil {
				return out, err
			}
			texts := make([]string, len(values))
			for i, v := range values {
				switch v := v.(type) {
				case nil:
					texts[i] = "NULL"
				case []byte:
					texts[i] = "0x" + strings.ToUpper(hex.EncodeToString(v))
				default:
					texts[i] = fmt.Sprint(v)
				}
			}
			out = append(out, strings.Join(texts, "|"))
		}
		if err = rows.Err(); err == nil && !rows.NextResultSet() {
			if err = rows.Err(); err == nil {
				return out, rows.Close()
			}
		}
	}
	var m mssql.Error
	if errors.As(err, &m) {
		for _, e := range m.All {
			out = append(out, fmt.Sprintf("Msg %d, Level %d, State %d, Line %d: %s", e.Number, e.Class, e.State, e.LineNo, e.Message))
		}
	}
	return out, err
}

// startTedious starts a program that runs scripts until the test is over.
func startTedious(t *testing.T) runScript {
	t.Helper()
	path, err := filepath.Abs("testdata/sqlclients/batches.mjs")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", path)
	cmd.Dir = tediousDir
	cmd.Env = append(os.Environ(), "NODE_NO_WARNINGS=1")
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	return func(t *testing.T, s *server, script string) (out []string) {
		t.Helper()
		if err := json.NewEncoder(stdin).Encode(map[string]string{"dsn": s.dsn(t), "script": script}); err != nil {
			t.Fatalf("%v\n%s", err, &stderr)
		}
		for lines.Scan() {
			if lines.Text() == "." {
				return out
			}
			out = append(out, lines.Text())
		}
		t.Fatalf("tedious ended: %s", &stderr)
		return nil
	}
}

var tsqlMessage = regexp.MustCompile(`(?m)^Msg (\d+) \(severity (\d+), state (\d+)\) from \S+(?:,? Procedure \S+)? Line (\d+):\n\t"(.*)"$`)

// binaryText is a thumbprint as FreeTDS shows it.
var binaryText = regexp.MustCompile(`\b[0-9a-f]{40}\b`)

// tsqlBatches has the rows first and then the errors, which come another way.
func tsqlBatches(t *testing.T, s *server, script string) (out []string) {
	t.Helper()
	script = goLine.ReplaceAllString(script, "GO\n") + "\nGO\nexit\n"
	stdout, stderr := runClient(t, s, script, "tsql", "-S", "srv", "-U", "dba", "-P", s.password(t), "-o", "qhf")
	for line := range strings.Lines(stdout) {
		if line = strings.TrimRight(line, "\n"); strings.TrimSpace(line) != "" {
			line = binaryText.ReplaceAllStringFunc(line, func(x string) string { return "0x" + strings.ToUpper(x) })
			out = append(out, strings.ReplaceAll(line, "\t", "|"))
		}
	}
	for _, m := range tsqlMessage.FindAllStringSubmatch(stderr, -1) {
		if level, err := strconv.Atoi(m[2]); err != nil || level > 10 {
			out = append(out, fmt.Sprintf("Msg %s, Level %s, State %s, Line %s: %s", m[1], m[2], m[3], m[4], m[5]))
		}
	}
	return out
}

// runClient runs a program over the server with its address in $SQLSERVER_DSN and in freetds.conf as "srv"; its output is the result.
func runClient(t *testing.T, s *server, stdin, name string, args ...string) (string, string) {
	t.Helper()
	dsn := s.dsn(t)
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "freetds.conf")
	text := fmt.Sprintf("[srv]\nhost = localhost\nport = %s\ntds version = 7.4\nclient charset = UTF-8\nencryption = require\nca file = %s\ntext size = 20000000\n", u.Port(), u.Query().Get("certificate"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "SQLSERVER_DSN="+dsn, "FREETDSCONF="+conf, "LC_ALL=C.UTF-8", "NODE_NO_WARNINGS=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", name, err, &stdout, &stderr)
	}
	return stdout.String(), stderr.String()
}

// password is the sysadmin's.
func (s *server) password(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(s.dsn(t))
	if err != nil {
		t.Fatal(err)
	}
	p, _ := u.User.Password()
	return p
}

// needTedious skips the test, or fails it in CI, when the JavaScript driver is not there.
func needTedious(t *testing.T) {
	t.Helper()
	need(t, "node")
	if _, err := os.Stat(filepath.Join(tediousDir, "node_modules", "tedious")); err != nil {
		lack(t, "the npm packages of "+tediousDir+" are not installed (make tools installs them)")
	}
}
