package main

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sqlc-dev/teesql/parser"

	"latchkey/engine/tsql"
)

// parseCorpus is what applications send, one statement of each kind.
var parseCorpus = []string{
	"SELECT name, balance FROM dbo.account WHERE id = @p1",
	"UPDATE dbo.account SET balance = balance - @p1 WHERE id = @p2",
	"INSERT INTO dbo.entry (account, amount, note) VALUES (@p1, @p2, N'a note')",
	"DELETE FROM dbo.entry WHERE account = @p1 AND amount BETWEEN 10 AND 20",
	"SELECT TOP (10) a.id, a.name, SUM(e.amount) AS total FROM dbo.account AS a INNER JOIN dbo.entry AS e ON e.account = a.id " +
		"WHERE a.name LIKE N'a%' GROUP BY a.id, a.name HAVING SUM(e.amount) > 100 ORDER BY total DESC",
	"WITH t AS (SELECT id, ROW_NUMBER() OVER (PARTITION BY account ORDER BY id DESC) AS n FROM dbo.entry) SELECT id FROM t WHERE n = 1",
	"IF EXISTS (SELECT 1 FROM dbo.account WHERE balance < 0) BEGIN RAISERROR(N'below zero', 16, 1); ROLLBACK END ELSE COMMIT",
	"CREATE TABLE dbo.t (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, a nvarchar(50) NULL, b decimal(18, 2) NOT NULL DEFAULT 0, CHECK (b >= 0))",
	"SELECT CASE WHEN a.balance > 100 THEN 'rich' ELSE 'poor' END, COALESCE(a.name, N''), CAST(a.balance AS varchar(20)) FROM dbo.account a ORDER BY 1 OFFSET 10 ROWS FETCH NEXT 10 ROWS ONLY",
	"MERGE dbo.account AS t USING (SELECT @p1 AS id) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET balance = 0 WHEN NOT MATCHED THEN INSERT (id, name, balance) VALUES (s.id, N'new', 0);",
}

// sqlParse compares our parser with another one in Go.
func (b *bench) sqlParse(ctx context.Context) error {
	subjects := []struct {
		name  string
		parse func(string) error
	}{
		{"ours", func(s string) error { _, err := tsql.Parse(s, tsql.Options{QuotedIdentifier: true}); return err }},
		{"teesql", func(s string) error { _, err := parser.Parse(ctx, strings.NewReader(s)); return err }},
	}
	costs := make([][]float64, len(subjects))
	for range sqlRounds {
		for i, s := range subjects {
			n, from, cpu := 0, time.Now(), processorTime()
			for time.Since(from) < time.Second {
				for _, q := range parseCorpus {
					if err := s.parse(q); err != nil {
						return fmt.Errorf("%s: %s: %w", s.name, q, err)
					}
				}
				n += len(parseCorpus)
			}
			costs[i] = append(costs[i], (processorTime()-cpu).Seconds()/float64(n))
		}
	}
	for i, s := range subjects {
		b.line("statements parsed on one core, by processor time: "+s.name, fmt.Sprintf("%.0f /s", 1/medianOf(costs[i])), "")
	}
	b.line("  of teesql", fmt.Sprintf("%.2f", medianOf(costs[1])/medianOf(costs[0])), "")
	return nil
}

const sqlDatabases = 500

// sqlStart measures a start with many encrypted databases.
func (b *bench) sqlStart(ctx context.Context) error {
	dir := filepath.Join(b.scratch, "sqlstart")
	s, err := b.start(ctx, dir, "--demo")
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	db, err := s.openSQL(true, "master")
	if err != nil {
		return err
	}
	from := time.Now()
	for i := range sqlDatabases {
		for _, q := range encrypted(fmt.Sprintf("bench%03d", i)) {
			if _, err := db.ExecContext(ctx, q); err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
	}
	b.line(fmt.Sprintf("%d encrypted databases made, one after the other", sqlDatabases), ms(time.Since(from)), "")
	_ = db.Close()
	s.stop()
	before, err := unwraps(dir)
	if err != nil {
		return err
	}
	from = time.Now()
	if s, err = b.start(ctx, dir); err != nil {
		return err
	}
	b.line("start to ready with them, process start included", ms(s.ready), "")
	if db, err = s.openSQL(true, "master"); err != nil {
		return err
	}
	defer db.Close()
	var enter strings.Builder // USE waits for a database that is being opened, and fails for one that could not be
	for i := range sqlDatabases {
		fmt.Fprintf(&enter, "USE bench%03d; ", i)
	}
	if _, err := db.ExecContext(ctx, enter.String()); err != nil {
		return fmt.Errorf("waiting for the databases: %w", err)
	}
	took := time.Since(from)
	used, err := pidTime(s.cmd.Process.Pid)
	if err != nil {
		return err
	}
	all, own, err := s.rss()
	if err != nil {
		return err
	}
	s.stop()
	after, err := unwraps(dir)
	if err != nil {
		return err
	}
	b.line("from the start of the process until all are online", ms(took), "")
	b.line("  processor time of it, vault and database server", ms(used), "")
	b.line("  unwraps asked of the vault (distinct encryption keys)", fmt.Sprintf("%d (%d)", after-before, sqlDatabases), "")
	b.line("resident memory then (of it anonymous)", mb(all)+" ("+mb(own)+")", "")
	return nil
}

// unwraps counts the unwraps in the audit log of a vault that has stopped.
func unwraps(dir string) (n int, err error) {
	err = filepath.WalkDir(filepath.Join(dir, "audit"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if strings.Contains(lines.Text(), `"KeyUnwrap"`) {
				n++
			}
		}
		return lines.Err()
	})
	return n, err
}
