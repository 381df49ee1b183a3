package reply

import (
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/setting"
	"latchkey/engine/tds"
	"latchkey/engine/tsql/ast"
)

// Command is the DONE's command of a statement.
func Command(st ast.Statement) uint16 {
	switch st.(type) {
	case *ast.SelectStmt:
		return Select
	case *ast.Insert:
		return Insert
	case *ast.Update:
		return Update
	case *ast.Delete:
		return Delete
	case *ast.Merge:
		return Merge
	}
	return 0xFD
}

// Complete ends a statement: its count, @@ROWCOUNT and @@ERROR.
func (s *Answer) Complete(st ast.Statement, counted bool, n int64) error {
	s.RowCount, s.LastError = n, 0
	return s.Done(Command(st), counted, uint64(n), s.Set.Has(setting.NoCount))
}

// Quiet ends a statement that has no DONE of its own and leaves @@ROWCOUNT at n.
func (s *Answer) Quiet(n int64) { s.RowCount, s.LastError = n, 0 }

// Info tells a message that informs.
func (s *Answer) Info(e *raise.Error) {
	_ = s.Message(e) // a broken connection shows at the next token
}

// EndResult ends the rows that a handler or procedure sent last, or the statement without rows.
func (s *Answer) EndResult(st ast.Statement) error {
	if s.Open() {
		n := int64(s.EndRows())
		s.RowCount, s.LastError = n, 0
		return s.Done(tds.CommandSelect, true, uint64(n), s.Set.Has(setting.NoCount))
	}
	return s.Complete(st, false, 0)
}
