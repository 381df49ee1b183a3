package conn_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
)

// lack skips a test that needs a tool which is not installed; in CI that is a failure.
func lack(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s (CI needs it; make tools installs it)", what)
	}
	t.Skip(what)
}

func need(t *testing.T, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		lack(t, tool+" is not installed")
	}
	return path
}

func TestTedious(t *testing.T) {
	node := need(t, "node")
	dir := filepath.Join("..", "testdata", "tedious")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "tedious")); err != nil {
		lack(t, "tedious is not installed in "+dir)
	}
	s := start(t, nil)
	cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=spec", "clients.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), fmt.Sprint("TDS_PORT=", s.port), "TDS_USER="+testUser, "TDS_PASSWORD="+testPassword, "TDS_CA="+s.caFile, "NODE_NO_WARNINGS=1")
	if *capture {
		cmd.Env = append(cmd.Env, "TDS_CLEAR=1")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// freetds runs a FreeTDS tool or a script over it against the server.
func freetds(t *testing.T, s *server, encryption string, stdin string, name string, args ...string) (string, error) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "freetds.conf")
	text := fmt.Sprintf("[srv]\nhost = localhost\nport = %d\ntds version = 7.4\nclient charset = UTF-8\nencryption = %s\nca file = %s\n", s.port, encryption, s.caFile)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "FREETDSCONF="+conf, "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestFreeTDS(t *testing.T) {
	tsql := need(t, "tsql")
	for _, test := range []struct {
		encryption string
		force      bool
		ok         bool
	}{
		{"off", false, true}, {"request", false, true}, {"require", false, true}, {"off", true, false}, {"request", true, true},
	} {
		s := start(t, func(c *conn.Config) { c.ForceEncryption = test.force })
		out, err := freetds(t, s, test.encryption, "two\ngo\nprint\ngo\nerror\ngo\nexit\n", tsql, "-S", "srv", "-U", testUser, "-P", testPassword, "-D", "db1")
		if !test.ok {
			if err == nil {
				t.Errorf("%s, forced %v: connected\n%s", test.encryption, test.force, out)
			}
			continue
		}
		for _, want := range []string{"(2 rows affected)", "é", "hello", "Msg 50001 (severity 16, state 3) from TESTSRV, Procedure p Line 7:", `"the fish is öff"`} {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("%s, forced %v: no %q, %v in:\n%s", test.encryption, test.force, want, err, out)
				break
			}
		}
	}
	bsqldb, err := exec.LookPath("bsqldb")
	if err != nil {
		lack(t, "bsqldb is not installed")
	}
	s := start(t, nil)
	out, err := freetds(t, s, "request", "two\ngo\n", bsqldb, "-S", "srv", "-U", testUser, "-P", testPassword, "-q")
	if err != nil || !strings.Contains(out, "é") {
		t.Errorf("bsqldb: %v\n%s", err, out)
	}
	// TDS 7.2 knows no date types: they come as text.
	t.Setenv("TDSVER", "7.2")
	out, err = freetds(t, s, "request", "types\ngo\nexit\n", tsql, "-S", "srv", "-U", testUser, "-P", testPassword, "-D", "db1")
	for _, want := range []string{"6F9619FF-8B86-D011-B42D-00C04FC964FF", "2024-02-29 12:00:00.123", "2024-02-29 14:00:00.0000000 +02:00"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("TDS 7.2: no %s, %v in %.300s", want, err, out)
		}
	}
	if v := s.all()[1].version; v != tds.V72 {
		t.Errorf("the version is %s", v)
	}
}

const pymssqlScript = `
import sys, datetime, decimal
import pymssql
c = pymssql.connect(server='localhost', port=sys.argv[3], user=sys.argv[1], password=sys.argv[2], database='db1', tds_version='7.3', conn_properties='')
cur = c.cursor()
cur.execute('types')
row = cur.fetchone()
assert row[0] is True and row[1] == 255 and row[4] == 2**60, row[:5]
assert row[5] == decimal.Decimal('-1234.5678901234'), row[5]
assert row[13].date() == datetime.date(2024, 2, 29), row[13]
assert row[16] == 'é€   ' and row[18] == 'm' * 70000 and row[21] == 'ñ' * 70000, row[16]
assert row[25] == 'old text' and row[26] == 'öld' and row[27] == b'img'
assert str(row[28]).upper() == '6F9619FF-8B86-D011-B42D-00C04FC964FF'
assert cur.fetchone() == (None,) * len(row)
cur.execute('two')
assert cur.fetchall() == [(1,), (2,)]
assert cur.nextset() and cur.fetchall() == [('é',)]
try:
    cur.execute('error')
    raise SystemExit('no error')
except pymssql.Error as e:
    assert e.args[0] == 50001, e
cur.callproc('echo', (5, 'five'))
cur.nextset()
assert cur.fetchall() == [(5, 'five')]
c.commit()
c.close()
print('fine')
`

func TestPymssql(t *testing.T) {
	python := "/usr/bin/python3" // Debian's package is for Debian's interpreter
	if exec.Command(python, "-c", "import pymssql").Run() != nil {
		lack(t, "python3-pymssql is not installed")
	}
	s := start(t, nil)
	out, err := freetds(t, s, "request", pymssqlScript, python, "-", testUser, testPassword, fmt.Sprint(s.port))
	if err != nil || !strings.Contains(out, "fine") {
		t.Errorf("%v\n%s", err, out)
	}
}
