package exec

import (
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/unit"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// variable is a declared variable.
type variable struct {
	name  string
	decl  *ast.VariableDecl
	typ   sqltype.Type
	value sqltype.Value
	known bool // typ is known
	table *plan.Object
	// readonly table parameters
	readOnly bool
	cursor   *cursor
}

// frame is code that runs with a scope of variables of its own: a batch, a dynamic batch, a procedure.
type frame struct {
	parent *frame
	unit   *unit.Unit
	proc   string // name for messages, "" in a batch
	procID int    // object id, 0 in a batch
	procDB int
	owner  int // of the procedure's schema in procDB, for ownership chains
	vars   map[string]*variable
	saved  setting.Settings // of the caller
	acting int              // depth of impersonation at the beginning
	tries  int              // TRY blocks under way in this frame
	seek   string           // label that a GOTO looks for
	line   int              // of the statement under way
	status int32            // RETURN's value
	caught []*raise.Error   // errors of the CATCH blocks under way
	temps  []string         // temporary tables made here, folded
	tables []string         // SQLite names of table variables made here
	curs   map[string]*cursor
	module bool // a procedure or dynamic batch
}

func fold(name string) string { return strings.ToLower(name) }

// newFrame makes a scope for a unit.
func (s *Session) newFrame(parent *frame, u *unit.Unit) *frame {
	f := &frame{parent: parent, unit: u, saved: s.set, acting: len(s.acting)}
	if n := len(u.Declared) + len(u.Params); n > 0 {
		f.vars = make(map[string]*variable, n)
	}
	for _, d := range u.Declared {
		f.vars[fold(d.Name)] = &variable{name: d.Name, decl: d}
	}
	return f
}

// find is a declared variable, nil if there is none.
func (f *frame) find(name string) *variable {
	if v := f.vars[name]; v != nil {
		return v
	}
	return f.vars[fold(name)]
}

func (f *frame) define(name string, t sqltype.Type, v sqltype.Value) *variable {
	if f.vars == nil {
		f.vars = make(map[string]*variable, 4)
	}
	x := &variable{name: name, typ: t, value: v, known: true}
	f.vars[fold(name)] = x
	return x
}

// at is the line of a statement for messages.
func (f *frame) at(s ast.Statement) { f.line = int(s.At().Line) }
