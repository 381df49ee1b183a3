package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// sqlForms measures point selects where both sides send the same: the text with each call; or the parameters alone, of a statement that
// was prepared before, on connections that stay out of the pool.
func (b *bench) sqlForms(ctx context.Context, s *server, p *postgres, n int) error {
	for _, form := range []struct {
		what           string
		prepare        func(ctx context.Context, list []*dialect, n int) ([]worker, func() error, error)
		postgresString string
	}{
		{"text with each call", texts, "&default_query_exec_mode=exec"},
		{"prepared, kept connections", prepared, ""},
	} {
		list, err := sqlSubjects(s, p, true)
		if err != nil {
			return err
		}
		if form.postgresString != "" {
			_ = list[1].db.Close()
			if list[1].db, err = p.openWith(true, form.postgresString); err != nil {
				return err
			}
		}
		if err := b.sqlForm(ctx, list, n, form.what, form.prepare); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) sqlForm(ctx context.Context, list []*dialect, n int, what string, prepare func(context.Context, []*dialect, int) ([]worker, func() error, error)) (err error) {
	for _, d := range list {
		defer d.db.Close()
		d.db.SetMaxOpenConns(n)
		d.db.SetMaxIdleConns(n)
		if err := d.connect(ctx, n); err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	workers, end, err := prepare(ctx, list, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	for round := range sqlRounds {
		for i := range list {
			k := (i + round) % len(list)
			if err := list[k].drive(ctx, n, workers[k], &list[k].selects); err != nil {
				return fmt.Errorf("%s, %s: %w", list[k].name, what, err)
			}
		}
	}
	b.sqlFigures("point selects, "+strconv.Itoa(n)+" connections, TLS, "+what, "", list, func(d *dialect) *figures { return &d.selects })
	return nil
}

// texts are workers that send the text with each call, as the connections' settings say.
func texts(_ context.Context, list []*dialect, _ int) ([]worker, func() error, error) {
	var ws []worker
	for _, d := range list {
		ws = append(ws, alike(d.point))
	}
	return ws, func() error { return nil }, nil
}

// prepared are workers with a connection and a prepared statement each. go-mssqldb does not prepare on the server by itself: it calls
// sp_prepare and sp_execute as procedures.
func prepared(ctx context.Context, list []*dialect, n int) (ws []worker, end func() error, err error) {
	var conns []*sql.Conn
	end = func() error {
		var errs []error
		for _, c := range conns {
			errs = append(errs, c.Close())
		}
		return errors.Join(errs...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	for i, d := range list {
		var finds []func(ctx context.Context, id int) *sql.Row
		for range n {
			c, err := d.db.Conn(ctx)
			if err != nil {
				return nil, nil, err
			}
			conns = append(conns, c)
			if i > 0 { // pgx keeps what it prepared by its text
				finds = append(finds, func(ctx context.Context, id int) *sql.Row { return c.QueryRowContext(ctx, d.find, id) })
				continue
			}
			var handle int32
			_, err = c.ExecContext(ctx, "sp_prepare", sql.Named("handle", sql.Out{Dest: &handle}), sql.Named("params", "@p1 bigint"), sql.Named("stmt", d.find))
			if err != nil {
				return nil, nil, fmt.Errorf("preparing: %w", err)
			}
			finds = append(finds, func(ctx context.Context, id int) *sql.Row { return c.QueryRowContext(ctx, "sp_execute", handle, id) })
		}
		ws = append(ws, func(k int) func(context.Context) error {
			return func(ctx context.Context) error {
				var name string
				var balance int64
				return finds[k](ctx, rand.IntN(sqlRows)).Scan(&name, &balance)
			}
		})
	}
	return ws, end, nil
}
