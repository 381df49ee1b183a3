package engine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
)

// greedy are statements of a client that means no good. What each gets is a message, or it runs until it is cancelled.
var greedy = []struct {
	sql     string
	numbers string // of the messages that it may get; "" if it may also end well, or is cancelled
	long    bool   // it takes its time
}{
	{"SELECT LEN(REPLICATE(CAST('x' AS varchar(max)), 2000000000))", "7119", false},
	{"SELECT LEN(REPLICATE(REPLICATE(CAST('x' AS varchar(max)), 1000000), 1000000))", "7119", true},
	{"SELECT LEN(REPLACE(REPLICATE(CAST('x' AS varchar(max)), 1000000), 'x', REPLICATE(CAST('y' AS varchar(max)), 1000000)))", "7119 701", false},
	{"SELECT LEN(REPLACE(REPLICATE('x', 8000), 'x', REPLICATE('y', 8000)))", "", false},
	{"SELECT LEN(SPACE(2000000000))", "", true},
	{"DECLARE @a varchar(max) = 'x', @i int = 0; WHILE @i < 40 BEGIN SET @a = @a + @a; SET @i += 1 END", "7119 701 8645", false},
	{"DECLARE @a varbinary(max) = 0x00, @i int = 0; WHILE @i < 40 BEGIN SET @a = @a + @a; SET @i += 1 END", "7119 701 8645", true},
	{"SELECT LEN(STRING_AGG(REPLICATE(CAST('x' AS varchar(max)), 100000), ',')) FROM GENERATE_SERIES(1, 100000)", "7119 701 8645", true},
	{"SELECT LEN(STUFF(REPLICATE(CAST('x' AS varchar(max)), 60000000), 1, 1, REPLICATE(CAST('x' AS varchar(max)), 60000000)))", "7119 701 8645", true},
	{"SELECT LEN(CONCAT(REPLICATE(CAST('x' AS varchar(max)), 40000000), REPLICATE(CAST('x' AS varchar(max)), 40000000)))", "7119 701 8645", false},
	{"SELECT LEN(TRANSLATE(REPLICATE(CAST('x' AS nvarchar(max)), 40000000), 'x', N'\u20ac'))", "7119 701 8645", true},
	{"SELECT LEN(STRING_ESCAPE(REPLICATE(CAST('\"' AS nvarchar(max)), 40000000), 'json'))", "7119 701 8645", true},
	{"SELECT " + strings.TrimSuffix(strings.Repeat("REPLICATE(CAST('x' AS varchar(max)), 60000000), ", 12), ", "), "701 7119 8645", false},
	{"WITH r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT MAX(n) FROM r", "530", false},
	{"WITH r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT COUNT(*) FROM r OPTION (MAXRECURSION 0)", "", false},
	{"SELECT TOP 1 a.value FROM GENERATE_SERIES(1, 100000) a CROSS JOIN GENERATE_SERIES(1, 100000) b ORDER BY b.value % 7, a.value DESC", "", false},
	{"SELECT COUNT(*) FROM (SELECT DISTINCT CONCAT(a.value, REPLICATE('x', 100), b.value) n FROM GENERATE_SERIES(1, 100000) a CROSS JOIN GENERATE_SERIES(1, 100000) b) q", "", false},
	{"SELECT TOP 3 REPLICATE(CAST('x' AS varchar(max)), 10000000) + CAST(value AS varchar(9)) AS x FROM GENERATE_SERIES(1, 30) ORDER BY x", "", false},
	{"DECLARE @t TABLE (a varchar(max)), @i int = 0; WHILE @i < 5000 BEGIN INSERT @t VALUES (REPLICATE(CAST('x' AS varchar(max)), 1000000)); SET @i += 1 END", "", false},
	{"DECLARE @s nvarchar(max) = N'SELECT 1' + REPLICATE(CAST(N'+1' AS nvarchar(max)), 1000000); EXEC (@s)", "191 8631 701", true},
	{"SELECT COUNT(*) FROM OPENJSON(REPLICATE(CAST('[' AS nvarchar(max)), 10000000))", "13609", true},
	{"SELECT 1 WHERE REPLICATE('a', 8000) LIKE REPLICATE('%a', 2000) + 'b'", "", false},
}

// A client that is let in and asks for too much gets a message, or is cancelled; the server keeps its memory and serves the others
// meanwhile.
func TestGreedyClients(t *testing.T) {
	c := config(t.TempDir())
	c.Memory = 768 << 20
	c.Databases.SpillBytes, c.Databases.TempBytes = 1<<30, 256<<20
	r := start(t, c)
	other := r.connect(t, "dba", password, "")
	for _, g := range greedy {
		if g.long && os.Getenv("LATCHKEY_LONG") == "" {
			continue
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		db := r.connect(t, "dba", password, "")
		go func() {
			_, err := db.ExecContext(ctx, g.sql)
			done <- err
		}()
		var err error
		ended := false
		for i := 0; i < 5 && !ended; i++ { // the others are served while it runs
			var n int
			if err := other.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM GENERATE_SERIES(1, 10000)").Scan(&n); err != nil || n != 10000 {
				t.Fatalf("another session during %.80s: %d, %v", g.sql, n, err)
			}
			select {
			case err = <-done:
				ended = true
			default:
			}
		}
		if !ended {
			if g.numbers == "" {
				cancel()
			}
			err = <-done
		}
		var e mssql.Error
		switch {
		case errors.As(err, &e):
			if e.Number == 3624 || g.numbers != "" && !strings.Contains(" "+g.numbers+" ", fmt.Sprintf(" %d ", e.Number)) {
				t.Errorf("%.80s: %v", g.sql, err)
			}
		case err != nil && !errors.Is(err, context.Canceled) && !strings.Contains(err.Error(), "did not get cancellation confirmation"): // which the driver awaits for 5 s
			t.Errorf("%.80s: %v", g.sql, err)
		case g.numbers != "":
			t.Errorf("%.80s: no message, %v", g.sql, err)
		}
		cancel()
		_ = db.Close()
		if used := resident(t); used > 2000*raceFactor {
			t.Fatalf("%d MiB after %.80s", used, g.sql)
		}
	}
	var n int
	if err := other.QueryRowContext(t.Context(), "SELECT LEN(REPLICATE(CAST('x' AS varchar(max)), 20000000))").Scan(&n); err != nil || n != 20000000 {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

// resident is the process's memory in MiB.
func resident(t *testing.T) int64 {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(b), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize()) >> 20
}
