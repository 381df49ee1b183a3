package exec

import (
	"context"
	"slices"

	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/setting"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// cursor is a cursor: the rows of its query as of OPEN.
type cursor struct {
	def     *ast.CursorDef
	frame   *frame // whose variables the query sees
	open    bool
	forward bool
	result  *reply.Result
	types   []sqltype.Type
	rows    [][]sqltype.Value
	size    int
	at      int // of the row fetched last, from 1; 0 before the first
}

// maxCursor bounds the memory of one cursor in bytes, roughly.
const maxCursor = 256 << 20

func (c *cursor) close() { c.open, c.rows, c.size, c.at = false, nil, 0, 0 }

func (s *Session) closeCursors() {
	for _, c := range s.cursors {
		c.close()
	}
}

// newCursor checks what DECLARE says.
func newCursor(f *frame, d *ast.CursorDef) (*cursor, error) {
	if d.Update || d.UpdateOf != nil {
		return nil, raise.Unsupported("CURSOR FOR UPDATE")
	}
	c := &cursor{def: d, frame: f, forward: !d.Scroll && !d.Insensitive}
	for _, o := range d.Options {
		switch o {
		case "SCROLL", "STATIC", "KEYSET":
			c.forward = slices.Contains(d.Options, "FORWARD_ONLY")
		case "SCROLL_LOCKS", "OPTIMISTIC":
			return nil, raise.Unsupported("CURSOR " + o)
		}
	}
	return c, nil
}

// findCursor finds a cursor by name or variable: messages 16916, 16950.
func (s *Session) findCursor(f *frame, n ast.Name) (*cursor, error) {
	if len(n.Name) > 0 && n.Name[0] == '@' {
		v := f.find(n.Name)
		if v == nil || v.decl != nil && !v.decl.Cursor {
			return nil, notDeclared(n.Name)
		}
		if v.cursor == nil {
			return nil, raise.New(16950, n.Name)
		}
		return v.cursor, nil
	}
	if !n.Global {
		for x := f; x != nil; x = x.parent {
			if c := x.curs[fold(n.Name)]; c != nil {
				return c, nil
			}
		}
	}
	if c := s.cursors[fold(n.Name)]; c != nil {
		return c, nil
	}
	return nil, raise.New(16916, n.Name)
}

// setCursor is SET @c = CURSOR FOR query.
func (s *Session) setCursor(_ context.Context, f *frame, v *variable, d *ast.CursorDef) error {
	if v.decl == nil || !v.decl.Cursor {
		return notDeclared(v.name)
	}
	c, err := newCursor(f, d)
	if err != nil {
		return err
	}
	v.cursor = c
	s.quiet(0)
	return nil
}

// copyCursor is SET @c = other.
func (s *Session) copyCursor(f *frame, v *variable, x ast.Expr) error {
	var n ast.Name
	switch x := x.(type) {
	case *ast.Variable:
		n.Name = x.Name
	case *ast.ColumnRef:
		n.Name = x.Name.Name()
	}
	c, err := s.findCursor(f, n)
	if err != nil {
		return err
	}
	v.cursor = c
	s.quiet(0)
	return nil
}

// cursorStatement is DECLARE CURSOR, OPEN, FETCH, CLOSE and DEALLOCATE.
func (s *Session) cursorStatement(ctx context.Context, f *frame, st ast.Statement) error {
	switch st := st.(type) {
	case *ast.DeclareCursor:
		if err := s.declareCursor(f, st); err != nil {
			return err
		}
	case *ast.Fetch:
		return s.fetchRow(ctx, f, st)
	case *ast.CursorStmt:
		c, err := s.findCursor(f, st.Cursor)
		if err != nil {
			return err
		}
		switch st.Action {
		case "OPEN":
			if err := s.implicit(); err != nil {
				return err
			}
			if c.open {
				return raise.New(16905)
			}
			if err := s.fill(ctx, c); err != nil {
				return err
			}
			s.cursorRows = int64(len(c.rows))
		case "CLOSE":
			if !c.open {
				return raise.New(16917)
			}
			c.close()
		case "DEALLOCATE":
			s.deallocate(f, st.Cursor)
		default:
			return raise.Unsupported(st.Action + " CURSOR")
		}
	}
	return s.done(st, false, 0)
}

func (s *Session) declareCursor(f *frame, st *ast.DeclareCursor) error {
	name := fold(st.Name)
	local := slices.Contains(st.Def.Options, "LOCAL")
	if local && f.curs[name] != nil || !local && s.cursors[name] != nil {
		return raise.New(16915, st.Name)
	}
	c, err := newCursor(f, st.Def)
	if err != nil {
		return err
	}
	if local {
		if f.curs == nil {
			f.curs = make(map[string]*cursor)
		}
		f.curs[name] = c
		return nil
	}
	if s.cursors == nil {
		s.cursors = make(map[string]*cursor)
	}
	s.cursors[name] = c
	return nil
}

func (s *Session) deallocate(f *frame, n ast.Name) {
	if len(n.Name) > 0 && n.Name[0] == '@' {
		f.find(n.Name).cursor = nil
		return
	}
	name := fold(n.Name)
	for x := f; x != nil && !n.Global; x = x.parent {
		if c := x.curs[name]; c != nil {
			c.close()
			delete(x.curs, name)
			return
		}
	}
	if c := s.cursors[name]; c != nil {
		c.close()
		delete(s.cursors, name)
	}
}

// fill reads the rows of OPEN.
func (s *Session) fill(ctx context.Context, c *cursor) error {
	w := s.work(ctx, c.frame)
	k, err := s.plan(w, c.def.Query)
	if err == nil {
		err = s.allowed(w, k.p.Uses, k.p.Objects)
	}
	if err == nil && k.result == nil {
		err = raise.New(141)
	}
	if err == nil {
		c.result, c.types = k.result, k.result.Types()
		err = s.run(w, k.p, func(row []sqltype.Value) error {
			for _, v := range row {
				c.size += 40 + len(v.Text())
			}
			if c.size > maxCursor {
				return raise.New(701)
			}
			c.rows = append(c.rows, slices.Clone(row))
			return nil
		})
	}
	if err = w.finish(err); err != nil {
		c.close()
		return err
	}
	c.open, c.at = true, 0
	return nil
}

// fetchRow is FETCH.
func (s *Session) fetchRow(ctx context.Context, f *frame, st *ast.Fetch) error {
	c, err := s.findCursor(f, st.Cursor)
	if err != nil {
		return err
	}
	if !c.open {
		return raise.New(16917)
	}
	if c.forward && st.Direction != "" && st.Direction != "NEXT" {
		return raise.New(16911, "fetch", st.Direction)
	}
	offset := int64(0)
	if st.Offset != nil {
		if offset, err = s.integer(ctx, f, st.Offset); err != nil {
			return err
		}
	}
	n := len(c.rows)
	switch st.Direction {
	case "", "NEXT":
		c.at++
	case "PRIOR":
		c.at--
	case "FIRST":
		c.at = 1
	case "LAST":
		c.at = n
	case "ABSOLUTE":
		c.at = int(offset)
		if offset < 0 {
			c.at = n + 1 + int(offset)
		}
	case "RELATIVE":
		c.at += int(offset)
	}
	c.at = min(max(c.at, 0), n+1)
	var row []sqltype.Value
	s.fetch = -1
	if c.at >= 1 && c.at <= n {
		row, s.fetch = c.rows[c.at-1], 0
	}
	if st.Into != nil {
		return s.fetchInto(ctx, f, st, c, row)
	}
	if err := s.out.Rows(c.result); err != nil {
		return err
	}
	if row != nil {
		if err := s.out.Row(row); err != nil {
			return err
		}
	}
	count := s.out.EndRows()
	s.rowCount, s.lastError = int64(count), 0
	return s.out.Done(reply.Select, true, count, s.set.Has(setting.NoCount))
}

func (s *Session) fetchInto(ctx context.Context, f *frame, st *ast.Fetch, c *cursor, row []sqltype.Value) error {
	if len(st.Into) != len(c.types) {
		return raise.New(16924)
	}
	if row == nil {
		s.quiet(0)
		return nil
	}
	for i, n := range st.Into {
		v := f.find(n)
		if v == nil {
			return notDeclared(n)
		}
		if err := s.resolve(ctx, f, v); err != nil {
			return err
		}
		if err := s.assign(f, n, row[i], c.types[i]); err != nil {
			return err
		}
	}
	s.quiet(1)
	return nil
}
