package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	_ "github.com/microsoft/go-mssqldb" // the driver "sqlserver"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

const (
	sqlRows   = 100_000
	sqlFew    = 1000
	sqlRounds = 3
	sqlSlice  = 2 * time.Second // of one subject in a round
)

// benchSQL compares the database server with PostgreSQL, both through database/sql, in turns. Ours is encrypted under a key in the vault
// of the same process. Clients take processor time too, on the same cores: each figure has the client's and the server's share, and the
// ratios by processor time (client, server, and all their processes) hold where other work shares the machine.
//
// The target is about what applications get: each driver's own way with parameters. go-mssqldb sends the text with each call
// (sp_executesql) and asks for a reset of the session when a connection comes out of the pool; pgx prepares a text once for each
// connection and sends its parameters alone. So the forms are compared as well: the text with each call on both sides, and
// prepared on both sides with connections that are kept. The row is the same everywhere.
//
// Both sides encrypt the network or both do not: ours with TLS 1.2, which is as far as TDS 7.4 goes. Ours is encrypted at rest too,
// PostgreSQL is not. Each has as many connections and goroutines as the line says, in the same pool of database/sql.
//
// The client is half of a select, and the driver's affair: go-mssqldb takes a half more than pgx (25 us against 17 where this was written,
// with 16 connections), since it hands each token of an answer from one goroutine to another. With one connection that means waking a thread up
// for most of them (50 us against 29), so there the client alone takes the most of the time in which PostgreSQL answers.
//
// How soon an idle processor takes up work decides much: see stayAwake. So the figures with TLS are taken both ways, where that is allowed.
func benchSQL(ctx context.Context, b *bench) error {
	dir := filepath.Join(b.scratch, "sql")
	s, err := b.start(ctx, dir, "--demo")
	if err != nil {
		return err
	}
	defer func() { s.stop() }()
	p, missing := startPostgres(ctx)
	if missing != nil && !errors.Is(missing, errNoPostgres) {
		return fmt.Errorf("PostgreSQL: %w", missing)
	}
	if missing != nil {
		b.line("PostgreSQL", "not measured", "")
		fmt.Fprintf(b.out, "    %v\n", missing)
	} else {
		defer func() { _ = p.stop() }()
	}
	if err := b.sqlMake(ctx, s, p); err != nil {
		return err
	}
	if err := b.sqlIdle(ctx, s, p); err != nil { // first: the server has no memory yet that it used for something else
		return err
	}
	if err := b.sqlFill(ctx, s, p, sqlFew, sqlRows); err != nil {
		return err
	}
	if p != nil {
		with, err := p.encryption(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(b.out, "  (ours: encrypted at rest, text with each call, TLS 1.2; PostgreSQL: in clear at rest, prepared once for each connection, %s)\n", with)
	}
	for _, encrypt := range []bool{true, false} {
		for _, n := range []int{1, 16} {
			if err := b.sqlRates(ctx, s, p, n, encrypt, ""); err != nil {
				return err
			}
			if encrypt && p != nil {
				if err := b.sqlForms(ctx, s, p, n); err != nil {
					return err
				}
			}
		}
	}
	if err := b.sqlAwake(ctx, s, p); err != nil {
		return err
	}
	if err := b.sqlParse(ctx); err != nil {
		return err
	}
	return b.sqlStart(ctx)
}

// sqlAwake measures with processors that do not halt.
func (b *bench) sqlAwake(ctx context.Context, s *server, p *postgres) error {
	undo, err := stayAwake()
	if err != nil {
		fmt.Fprintf(b.out, "  (the same with processors that do not halt: not measured, %v)\n", err)
		return nil
	}
	for _, n := range []int{1, 16} {
		if err := b.sqlRates(ctx, s, p, n, true, ", no halts"); err != nil {
			return errors.Join(err, undo())
		}
	}
	return undo()
}

// openSQL connects to the server of s.
func (s *server) openSQL(encrypt bool, database string) (*sql.DB, error) {
	secrets, err := s.info.ReadSecrets(fsys.OS{})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(s.info.DSN(secrets))
	if err != nil {
		return nil, errors.New("the server's own address cannot be used") // the error may hold the password
	}
	q := u.Query()
	q.Set("database", database)
	if !encrypt {
		q.Set("encrypt", "disable")
	}
	u.RawQuery = q.Encode()
	return sql.Open("sqlserver", u.String())
}

// dialect is how a workload is written for a server.
type dialect struct {
	name             string
	db               *sql.DB
	find, take, note string
	pids             func() []int
	selects, trans   figures
}

// figures are the rounds of a workload: calls in a second, seconds of a call, and the part of all processors' time that others took.
type figures struct{ rate, client, server, others []float64 }

const (
	oursDB     = "Bench"
	createOurs = "CREATE TABLE dbo.account (id int NOT NULL PRIMARY KEY, name nvarchar(40) NOT NULL, balance bigint NOT NULL); " +
		"CREATE TABLE dbo.entry (id bigint IDENTITY PRIMARY KEY, account int NOT NULL, amount bigint NOT NULL)"
	fillOurs = "WITH d AS (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 " +
		"UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9), k AS (SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n AS i FROM d AS a " +
		"CROSS JOIN d AS b CROSS JOIN d AS c CROSS JOIN d AS d CROSS JOIN d AS e) " +
		"INSERT INTO dbo.account (id, name, balance) SELECT i, N'account number ' + CAST(i AS nvarchar(10)), 1000 FROM k WHERE i >= @p1 AND i < @p2"
	createTheirs = "CREATE TABLE account (id int NOT NULL PRIMARY KEY, name varchar(40) NOT NULL, balance bigint NOT NULL); " +
		"CREATE TABLE entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, account int NOT NULL, amount bigint NOT NULL)"
)

// sqlMake makes the tables, with a few rows.
func (b *bench) sqlMake(ctx context.Context, s *server, p *postgres) error {
	master, err := s.openSQL(true, "master")
	if err != nil {
		return err
	}
	defer master.Close()
	for _, q := range encrypted(oursDB) {
		if _, err := master.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	db, err := s.openSQL(true, oursDB)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, createOurs); err != nil {
		return err
	}
	if p != nil {
		pg, err := p.open(true)
		if err != nil {
			return err
		}
		defer pg.Close()
		if _, err := pg.ExecContext(ctx, createTheirs); err != nil {
			return err
		}
	}
	return b.sqlFill(ctx, s, p, 0, sqlFew)
}

// sqlFill inserts the accounts from one number up to another.
func (b *bench) sqlFill(ctx context.Context, s *server, p *postgres, from, to int) error {
	db, err := s.openSQL(true, oursDB)
	if err != nil {
		return err
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, fillOurs, from, to); err != nil {
		return err
	}
	if p == nil {
		return nil
	}
	pg, err := p.open(true)
	if err != nil {
		return err
	}
	defer pg.Close()
	if _, err := pg.ExecContext(ctx, "INSERT INTO account SELECT i, 'account number ' || i, 1000 FROM generate_series($1::int, $2::int - 1) i", from, to); err != nil {
		return err
	}
	_, err = pg.ExecContext(ctx, "VACUUM ANALYZE")
	return err
}

// encrypted are the statements that make an encrypted database.
func encrypted(name string) []string {
	return []string{
		"CREATE DATABASE " + name,
		"USE " + name + "; CREATE DATABASE ENCRYPTION KEY WITH ALGORITHM = AES_256 ENCRYPTION BY SERVER ASYMMETRIC KEY LatchkeyDemoKey; USE master",
		"ALTER DATABASE " + name + " SET ENCRYPTION ON",
	}
}

// subjects are the servers that are compared, ours first.
func sqlSubjects(s *server, p *postgres, encrypt bool) ([]*dialect, error) {
	db, err := s.openSQL(encrypt, oursDB)
	if err != nil {
		return nil, err
	}
	list := []*dialect{{
		name: "ours", db: db, find: "SELECT name, balance FROM dbo.account WHERE id = @p1",
		take: "UPDATE dbo.account SET balance = balance - @p1 WHERE id = @p2", note: "INSERT INTO dbo.entry (account, amount) VALUES (@p1, @p2)",
		pids: func() []int { return []int{s.cmd.Process.Pid} },
	}}
	if p != nil {
		if db, err = p.open(encrypt); err != nil {
			return nil, err
		}
		list = append(list, &dialect{
			name: "PostgreSQL", db: db, find: "SELECT name, balance FROM account WHERE id = $1",
			take: "UPDATE account SET balance = balance - $1 WHERE id = $2", note: "INSERT INTO entry (account, amount) VALUES ($1, $2)",
			pids: p.processes,
		})
	}
	return list, nil
}

// connect opens n connections and leaves them to the pool: a login costs more than many queries.
func (d *dialect) connect(ctx context.Context, n int) error {
	var conns []*sql.Conn
	for range n {
		c, err := d.db.Conn(ctx)
		if err != nil {
			return err
		}
		conns = append(conns, c)
	}
	for _, c := range conns {
		if err := c.Close(); err != nil {
			return err
		}
	}
	alikePriority(d.pids())
	return nil
}

func (d *dialect) point(ctx context.Context) error {
	var name string
	var balance int64
	return d.db.QueryRowContext(ctx, d.find, rand.IntN(sqlRows)).Scan(&name, &balance)
}

func (d *dialect) transaction(ctx context.Context) error {
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	id := rand.IntN(sqlRows)
	if _, err = tx.ExecContext(ctx, d.take, 5, id); err == nil {
		_, err = tx.ExecContext(ctx, d.note, id, 5)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// worker makes what one of n goroutines does again and again.
type worker func(i int) func(context.Context) error

// alike makes a worker of what all goroutines do alike.
func alike(f func(context.Context) error) worker {
	return func(int) func(context.Context) error { return f }
}

// drive runs w on n goroutines and adds the rate and the processor time of one call, in this process and the server's.
func (d *dialect) drive(ctx context.Context, n int, w worker, to *figures) error {
	var count atomic.Int64
	var counting, stop atomic.Bool
	var first atomic.Pointer[error]
	var wg sync.WaitGroup
	for i := range n {
		f := w(i)
		wg.Go(func() {
			for !stop.Load() {
				if err := f(ctx); err != nil {
					first.CompareAndSwap(nil, &err)
					return
				}
				if counting.Load() {
					count.Add(1)
				}
			}
		})
	}
	<-time.NewTimer(sqlSlice / 4).C
	from, own, theirs, all := time.Now(), processorTime(), d.processors(), machineTime()
	counting.Store(true)
	<-time.NewTimer(sqlSlice).C
	counting.Store(false)
	took := time.Since(from)
	own, theirs, all = processorTime()-own, d.processors()-theirs, machineTime()-all
	stop.Store(true)
	wg.Wait()
	if e := first.Load(); e != nil {
		return *e
	}
	calls := float64(max(count.Load(), 1))
	to.rate = append(to.rate, calls/took.Seconds())
	to.client = append(to.client, own.Seconds()/calls)
	to.server = append(to.server, theirs.Seconds()/calls)
	to.others = append(to.others, (all-own-theirs).Seconds()/took.Seconds()/float64(runtime.NumCPU()))
	return nil
}

// processors is the processor time of the server. Processes that ended between two calls are not in the second, so connections must last.
func (d *dialect) processors() time.Duration {
	var sum time.Duration
	for _, pid := range d.pids() {
		t, _ := pidTime(pid)
		sum += t
	}
	return sum
}

// sqlRates measures with n connections. how is for the names of what it prints.
func (b *bench) sqlRates(ctx context.Context, s *server, p *postgres, n int, encrypt bool, how string) error {
	list, err := sqlSubjects(s, p, encrypt)
	if err != nil {
		return err
	}
	for _, d := range list {
		defer d.db.Close()
		d.db.SetMaxOpenConns(n)
		d.db.SetMaxIdleConns(n)
		if err := d.connect(ctx, n); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	for round := range sqlRounds {
		for i := range list {
			d := list[(i+round)%len(list)]
			if err := d.drive(ctx, n, alike(d.point), &d.selects); err != nil {
				return fmt.Errorf("%s: selects: %w", d.name, err)
			}
			if err := d.drive(ctx, n, alike(d.transaction), &d.trans); err != nil {
				return fmt.Errorf("%s: transactions: %w", d.name, err)
			}
		}
	}
	with := strconv.Itoa(n) + " connections, TLS on both sides"
	if !encrypt {
		with = strconv.Itoa(n) + " connections, no TLS on either side"
	}
	target := "0.80"
	if !encrypt {
		target = ""
	}
	with += how
	b.sqlFigures("point selects, "+with, target, list, func(d *dialect) *figures { return &d.selects })
	b.sqlFigures("transactions (2 writes), "+with, "", list, func(d *dialect) *figures { return &d.trans })
	return nil
}

// sqlFigures prints the medians of the rounds.
func (b *bench) sqlFigures(what, target string, list []*dialect, of func(d *dialect) *figures) {
	for _, d := range list {
		f := of(d)
		b.line(what+": "+d.name, fmt.Sprintf("%.0f /s, %.0f + %.0f us cpu", medianOf(f.rate), medianOf(f.client)*1e6, medianOf(f.server)*1e6), "")
	}
	if len(list) < 2 {
		return
	}
	x, y := of(list[0]), of(list[1])
	var rate, cost []float64
	for i := range x.rate {
		rate, cost = append(rate, x.rate[i]/y.rate[i]), append(cost, (y.client[i]+y.server[i])/(x.client[i]+x.server[i]))
	}
	b.line("  of PostgreSQL (by processor time)", fmt.Sprintf("%.2f (%.2f)", medianOf(rate), medianOf(cost)), target)
	if busy := max(medianOf(x.others), medianOf(y.others)); busy > 0.05 {
		fmt.Fprintf(b.out, "    others took %.0f %% of the machine: by clock this holds as far as they have a lower priority\n", busy*100)
	}
}

// pidTime is the processor time of a process, user and system.
func pidTime(pid int) (time.Duration, error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, err
	}
	// The name in parentheses may hold anything; utime and stime are the 12th and 13th fields behind it.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
	}
	var sum time.Duration
	for _, field := range f[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n) * clockTick
	}
	return sum, nil
}

// proportional is the memory of processes in bytes, where shared pages count in proportion (PSS).
func proportional(pids []int) (int64, error) {
	var sum int64
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
				n, _ := strconv.ParseInt(f[1], 10, 64)
				sum += n << 10
			}
		}
	}
	return sum, nil
}

// sqlIdle measures what connections take that did some work and wait.
func (b *bench) sqlIdle(ctx context.Context, s *server, p *postgres) error {
	list, err := sqlSubjects(s, p, true)
	if err != nil {
		return err
	}
	for i, d := range list {
		defer d.db.Close()
		first, all := 20, 420
		if i > 0 {
			first, all = 5, 85 // PostgreSQL's default is 100 in all
		}
		var before int64
		var conns []*sql.Conn
		for k := range all {
			if k == first {
				if err := clock.Sleep(ctx, clock.System{}, time.Second); err != nil {
					return err
				}
				if before, err = proportional(d.pids()); err != nil {
					b.line("memory of idle connections", "not measured here", "")
					return nil
				}
			}
			c, err := d.db.Conn(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			conns = append(conns, c)
			var name string
			var n int64
			if err := c.QueryRowContext(ctx, d.find, k).Scan(&name, &n); err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
		}
		if err := clock.Sleep(ctx, clock.System{}, time.Second); err != nil {
			return err
		}
		after, err := proportional(d.pids())
		if err != nil {
			return err
		}
		b.line(fmt.Sprintf("memory (PSS) of an idle connection after a query, TLS, mean of %d: %s", all-first, d.name),
			fmt.Sprintf("%.0f KB", float64(after-before)/float64(all-first)/1e3), "")
		for _, c := range slices.Backward(conns) {
			_ = c.Close()
		}
	}
	return nil
}
