package work

import (
	"context"
	"reflect"
	"strings"
	"time"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/tran"
	"latchkey/engine/fn"
	"latchkey/engine/lite"
	"latchkey/engine/schema"
	"latchkey/engine/schema/binding"
	"latchkey/engine/tsql/ast"
	"latchkey/engine/tsql/token"
)

var _ plan.Sequences = (*Statement)(nil)

// Sequence finds a sequence.
func (w *Statement) Sequence(name ast.ObjectName) (*plan.Sequence, error) {
	d, err := w.Database(name.Database())
	if err != nil {
		return nil, err
	}
	snap, err := w.Snapshot(d.ID)
	if err != nil {
		return nil, err
	}
	q, ok := w.Lookup(snap, d.ID, name.Schema(), name.Name()).(*schema.Sequence)
	if !ok {
		return nil, nil
	}
	snap.Shared.Run(q) // is found by its number when the statement runs
	return &plan.Sequence{
		Object: plan.Object{
			DatabaseID: d.ID, Database: d.Name, Schema: q.Schema, Name: q.Name, ID: q.ID, Kind: plan.Virtual,
			Handle: &binding.Ref{Snapshot: snap, Object: q},
		},
		Type: q.Type, Version: q.Version,
	}, nil
}

// Sequences gives a session the values of sequences.
type Sequences struct{ Session *Session }

// rowOf is a sequence in a list of a statement.
type rowOf struct{ database, sequence, row int }

// rowValue is the value that the row under way has, and which of its calls had it.
type rowValue struct {
	value int64
	given uint64
}

// Next gives the value that the row has already, or the next one.
func (x Sequences) Next(ctx context.Context, t fn.Taken) (int64, error) {
	if t.Row == 0 {
		return x.next(ctx, t.Database, t.Sequence, t.Version)
	}
	s, k, bit := x.Session, rowOf{t.Database, t.Sequence, t.Row}, uint64(1)<<t.Nth
	if r, ok := s.rows[k]; ok && r.given&bit == 0 {
		s.rows[k] = rowValue{r.value, r.given | bit}
		return r.value, nil
	}
	n, err := x.next(ctx, t.Database, t.Sequence, t.Version)
	if err != nil {
		return 0, err
	}
	if s.rows == nil {
		s.rows = make(map[rowOf]rowValue)
	}
	s.rows[k] = rowValue{n, bit}
	return n, nil
}

// next gives the next value of a sequence. A reserve is made in the transaction of the session where that has the write lock, and by a
// transaction of its own where not: such a value is never given again, even if the server ends now.
func (x Sequences) next(ctx context.Context, database, id int, version int64) (int64, error) {
	s := x.Session
	sh, err := s.Known.Shared(database)
	if err != nil {
		return 0, err
	}
	r := sh.Find(id, version)
	for {
		if r != nil {
			var own *schema.Reserve
			if e, ok := s.own[r]; ok {
				own = &e
			}
			if v, ok, err := r.Next(own); ok || err != nil {
				return v, err
			}
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		if c := s.Tx.Writer(database); c != nil {
			if r, err = s.reserveOwn(ctx, c, sh, id, version); err != nil {
				return 0, err
			}
			continue
		}
		if r, err = s.reserve(ctx, database, id, version); err != nil {
			return 0, err
		}
	}
}

// run finds the values of a sequence by its definition.
func run(ctx context.Context, c *lite.Conn, sh *schema.Shared, id int, version int64) (*schema.Run, error) {
	snap, err := sh.Snapshot(ctx, c)
	if err != nil {
		return nil, err
	}
	q, ok := snap.ByID(id).(*schema.Sequence)
	if !ok || q.Version != version {
		return nil, raise.New(208, "NEXT VALUE FOR") // it was changed after the statement was compiled
	}
	return sh.Run(q), nil
}

// reserveOwn reserves in the transaction that writes.
func (s *Session) reserveOwn(ctx context.Context, c *lite.Conn, sh *schema.Shared, id int, version int64) (*schema.Run, error) {
	r, err := run(ctx, c, sh, id, version)
	if err != nil {
		return nil, err
	}
	e, err := r.Reserve(c)
	if err != nil {
		return nil, err
	}
	if s.own == nil {
		s.own = make(map[*schema.Run]schema.Reserve)
	}
	s.own[r] = e
	return r, nil
}

// maxReserveWait bounds the wait for another writer: who waits may hold the lock of another database.
const maxReserveWait = 30 * time.Second

// reserve reserves in a transaction of its own.
func (s *Session) reserve(ctx context.Context, database, id int, version int64) (_ *schema.Run, err error) {
	if err := s.writable(database, false); err != nil {
		return nil, err
	}
	sh, err := s.Known.Shared(database)
	if err != nil {
		return nil, err
	}
	l, err := s.Known.Databases.Lease(ctx, database)
	if err != nil {
		return nil, err
	}
	sound := false
	defer func() {
		l.Conn.Idle()
		if err = tran.Translate(err); sound {
			l.Release()
			return
		}
		l.Discard()
	}()
	l.Conn.Use(ctx, &fn.Env{})
	wait := s.Tx.LockTimeout
	if wait < 0 || wait > maxReserveWait {
		wait = maxReserveWait
	}
	if err := l.Write(ctx, wait); err != nil {
		sound = true
		return nil, err
	}
	if err := l.Conn.LockTimeout(wait); err != nil {
		return nil, err
	}
	if err := l.Conn.Run("BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	r, err := run(ctx, l.Conn, sh, id, version)
	if err != nil {
		return nil, err
	}
	e, err := r.Reserve(l.Conn)
	if err != nil {
		return nil, err
	}
	if err := l.Conn.Run("COMMIT"); err != nil {
		return nil, err
	}
	r.Committed(e)
	sound = true
	return r, nil
}

// SequenceRules refuses NEXT VALUE FOR where a statement has it and SQL Server does not: messages 11719 to 11723 and 11741.
func SequenceRules(uses []plan.Use, node any) error {
	for _, u := range uses {
		if ref := binding.Of(u.Object); ref != nil {
			if _, ok := ref.Object.(*schema.Sequence); ok {
				p := sequences{}
				if _, ok := node.(ast.Statement); !ok { // an expression: each query in it is a subquery
					p.queries = 1
				}
				return p.value(reflect.ValueOf(node))
			}
		}
	}
	return nil
}

// NoSequences refuses NEXT VALUE FOR anywhere in a definition: message 11719.
func NoSequences(node any) error { return sequences{number: 11719}.value(reflect.ValueOf(node)) }

// sequences is where in a statement one looks for NEXT VALUE FOR.
type sequences struct {
	queries int // around, and those beside
	number  int // of the message that it is here; 0 if it may be here
}

func (p sequences) value(v reflect.Value) error {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			return p.value(v.Elem())
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return p.node(v)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := p.value(v.Index(i)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		return p.fields(v, nil)
	}
	return nil
}

// node looks at one node of the tree.
func (p sequences) node(v reflect.Value) error {
	refused := map[string]int{}
	switch n := v.Interface().(type) {
	case *ast.NextValue:
		if p.number != 0 {
			return plan.Fail(n.Sequence.Pos, p.number)
		}
		return nil
	case *ast.Query:
		if p.queries++; p.queries > 1 {
			p.number = 11719
		}
		if len(n.OrderBy) > 0 && p.number == 0 {
			p.number = 11723
		}
		refused = map[string]int{"OrderBy": 11720, "Offset": 11720, "Fetch": 11720}
	case *ast.SetOp:
		if p.number == 0 {
			p.number = 11721
		}
	case *ast.Select:
		if n.Distinct && p.number == 0 {
			p.number = 11721
		}
		refused = map[string]int{"Top": 11720, "From": 11720, "Where": 11720, "GroupBy": 11720, "Having": 11720}
	case *ast.Update, *ast.Delete, *ast.Insert, *ast.Merge:
		refused = map[string]int{"Top": 11720, "From": 11720, "Where": 11720, "Output": 11720, "With": 11719}
	case *ast.SelectStmt:
		refused = map[string]int{"With": 11719}
	case *ast.Case, *ast.IIf:
		p.number = first(p.number, 11741)
	case *ast.FuncCall:
		switch strings.ToUpper(n.Name.Name()) {
		case "COALESCE", "CHOOSE", "ISNULL", "NULLIF":
			p.number = first(p.number, 11741)
		}
	case *token.Pos:
		return nil
	}
	if v.Elem().Kind() != reflect.Struct {
		return nil
	}
	return p.fields(v.Elem(), refused)
}

func first(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

func (p sequences) fields(v reflect.Value, refused map[string]int) error {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		in := p
		if n := refused[f.Name]; n != 0 {
			in.number = first(in.number, n)
		}
		if err := in.value(v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}
