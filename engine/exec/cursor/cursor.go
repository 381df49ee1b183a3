package cursor

import (
	"context"
	"slices"
	"strings"

	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/scope"
	"latchkey/engine/exec/setting"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// MaxBytes bounds the memory of one cursor in bytes, roughly.
const MaxBytes = 256 << 20

// CloseAll closes all global cursors.
func (s *Cursors) CloseAll() {
	for _, c := range s.global {
		c.Close()
	}
}

// newCursor checks what DECLARE says.
func newCursor(f *scope.Frame, d *ast.CursorDef) (*scope.Cursor, error) {
	if d.Update || d.UpdateOf != nil {
		return nil, raise.Unsupported("CURSOR FOR UPDATE")
	}
	if q := d.Query; q != nil && q.Query.For != nil {
		switch q.Query.For.Kind {
		case "JSON":
			return nil, raise.New(13602, "DECLARE CURSOR")
		case "XML":
			return nil, raise.New(6819, "DECLARE CURSOR")
		}
	}
	c := &scope.Cursor{Def: d, Frame: f, Forward: !d.Scroll && !d.Insensitive}
	for _, o := range d.Options {
		switch o {
		case "SCROLL", "STATIC", "KEYSET":
			c.Forward = slices.Contains(d.Options, "FORWARD_ONLY")
		case "SCROLL_LOCKS", "OPTIMISTIC":
			return nil, raise.Unsupported("CURSOR " + o)
		}
	}
	return c, nil
}

// findCursor finds a cursor by name or variable: messages 16916, 16950.
func (s *Cursors) findCursor(f *scope.Frame, n ast.Name) (*scope.Cursor, error) {
	if len(n.Name) > 0 && n.Name[0] == '@' {
		v := f.Find(n.Name)
		if v == nil || v.Decl != nil && !v.Decl.Cursor {
			return nil, raise.NotDeclared(n.Name)
		}
		if v.Cursor == nil {
			return nil, raise.New(16950, n.Name)
		}
		return v.Cursor, nil
	}
	if !n.Global {
		for x := f; x != nil; x = x.Parent {
			if c := x.Cursors[strings.ToLower(n.Name)]; c != nil {
				return c, nil
			}
		}
	}
	if c := s.global[strings.ToLower(n.Name)]; c != nil {
		return c, nil
	}
	return nil, raise.New(16916, n.Name)
}

// setCursor is SET @c = CURSOR FOR query.
func (s *Cursors) setCursor(f *scope.Frame, v *scope.Variable, d *ast.CursorDef) error {
	if v.Decl == nil || !v.Decl.Cursor {
		return raise.NotDeclared(v.Name)
	}
	c, err := newCursor(f, d)
	if err != nil {
		return err
	}
	v.Cursor = c
	s.Answer.Quiet(0)
	return nil
}

// Set is SET of a cursor variable; false for any other SET.
func (s *Cursors) Set(f *scope.Frame, st *ast.SetVariable) (bool, error) {
	v := f.Find(st.Name)
	switch {
	case v == nil || st.Method != nil:
		return false, nil
	case st.Cursor != nil:
		return true, s.setCursor(f, v, st.Cursor)
	case v.Decl != nil && v.Decl.Cursor:
		return true, s.copyCursor(f, v, st.Value)
	}
	return false, nil
}

// copyCursor is SET @c = other.
func (s *Cursors) copyCursor(f *scope.Frame, v *scope.Variable, x ast.Expr) error {
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
	v.Cursor = c
	s.Answer.Quiet(0)
	return nil
}

// Execute is DECLARE CURSOR, OPEN, FETCH, CLOSE and DEALLOCATE.
func (s *Cursors) Execute(ctx context.Context, f *scope.Frame, st ast.Statement) error {
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
			if c.Open {
				return raise.New(16905)
			}
			if err := s.fill(ctx, c); err != nil {
				return err
			}
			s.Rows = int64(len(c.Rows))
		case "CLOSE":
			if !c.Open {
				return raise.New(16917)
			}
			c.Close()
		case "DEALLOCATE":
			s.deallocate(f, st.Cursor)
		default:
			return raise.Unsupported(st.Action + " CURSOR")
		}
	}
	return s.Answer.Complete(st, false, 0)
}

func (s *Cursors) declareCursor(f *scope.Frame, st *ast.DeclareCursor) error {
	name := strings.ToLower(st.Name)
	local := slices.Contains(st.Def.Options, "LOCAL") || f.Returns != nil // a function has no other
	if local && f.Cursors[name] != nil || !local && s.global[name] != nil {
		return raise.New(16915, st.Name)
	}
	c, err := newCursor(f, st.Def)
	if err != nil {
		return err
	}
	if local {
		if f.Cursors == nil {
			f.Cursors = make(map[string]*scope.Cursor)
		}
		f.Cursors[name] = c
		return nil
	}
	if s.global == nil {
		s.global = make(map[string]*scope.Cursor)
	}
	s.global[name] = c
	return nil
}

func (s *Cursors) deallocate(f *scope.Frame, n ast.Name) {
	if len(n.Name) > 0 && n.Name[0] == '@' {
		f.Find(n.Name).Cursor = nil
		return
	}
	name := strings.ToLower(n.Name)
	for x := f; x != nil && !n.Global; x = x.Parent {
		if c := x.Cursors[name]; c != nil {
			c.Close()
			delete(x.Cursors, name)
			return
		}
	}
	if c := s.global[name]; c != nil {
		c.Close()
		delete(s.global, name)
	}
}

// fill reads the rows of OPEN.
func (s *Cursors) fill(ctx context.Context, c *scope.Cursor) error {
	w := s.Work.Begin(ctx, c.Frame)
	k, err := s.Query.Plan(w, c.Def.Query)
	if err == nil {
		err = s.Actor.Allowed(w.Frame, k.Plan.Uses, k.Plan.Objects)
	}
	if err == nil && k.Result == nil {
		err = raise.New(141)
	}
	if err == nil {
		c.Result, c.Types = k.Result, k.Result.Types()
		err = s.Query.Run(w, k.Plan, func(row []sqltype.Value) error {
			for _, v := range row {
				c.Size += 40 + len(v.Text())
			}
			if c.Size > MaxBytes {
				return raise.New(701)
			}
			c.Rows = append(c.Rows, slices.Clone(row))
			return nil
		})
	}
	if err = w.Finish(err); err != nil {
		c.Close()
		return err
	}
	c.Open, c.At = true, 0
	return nil
}

// fetchRow is FETCH.
func (s *Cursors) fetchRow(ctx context.Context, f *scope.Frame, st *ast.Fetch) error {
	c, err := s.findCursor(f, st.Cursor)
	if err != nil {
		return err
	}
	if !c.Open {
		return raise.New(16917)
	}
	if c.Forward && st.Direction != "" && st.Direction != "NEXT" {
		return raise.New(16911, "fetch", st.Direction)
	}
	offset := int64(0)
	if st.Offset != nil {
		if offset, err = s.Query.Integer(ctx, f, st.Offset); err != nil {
			return err
		}
	}
	n := len(c.Rows)
	switch st.Direction {
	case "", "NEXT":
		c.At++
	case "PRIOR":
		c.At--
	case "FIRST":
		c.At = 1
	case "LAST":
		c.At = n
	case "ABSOLUTE":
		c.At = int(offset)
		if offset < 0 {
			c.At = n + 1 + int(offset)
		}
	case "RELATIVE":
		c.At += int(offset)
	}
	c.At = min(max(c.At, 0), n+1)
	var row []sqltype.Value
	s.Status = -1
	if c.At >= 1 && c.At <= n {
		row, s.Status = c.Rows[c.At-1], 0
	}
	if st.Into != nil {
		return s.fetchInto(ctx, f, st, c, row)
	}
	if err := s.Answer.Rows(c.Result); err != nil {
		return err
	}
	if row != nil {
		if err := s.Answer.Row(row); err != nil {
			return err
		}
	}
	count := s.Answer.EndRows()
	s.Answer.RowCount, s.Answer.LastError = int64(count), 0
	return s.Answer.Done(reply.Select, true, count, s.Work.Set.Has(setting.NoCount))
}

func (s *Cursors) fetchInto(ctx context.Context, f *scope.Frame, st *ast.Fetch, c *scope.Cursor, row []sqltype.Value) error {
	if len(st.Into) != len(c.Types) {
		return raise.New(16924)
	}
	if row == nil {
		s.Answer.Quiet(0)
		return nil
	}
	for i, n := range st.Into {
		v := f.Find(n)
		if v == nil {
			return raise.NotDeclared(n)
		}
		if err := s.Define.Resolve(ctx, f, v); err != nil {
			return err
		}
		if err := s.Query.Assign(f, n, row[i], c.Types[i]); err != nil {
			return err
		}
	}
	s.Answer.Quiet(1)
	return nil
}
