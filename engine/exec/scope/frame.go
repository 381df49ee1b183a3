package scope

import (
	"strings"

	"latchkey/engine/compile/plan"
	"latchkey/engine/exec/raise"
	"latchkey/engine/exec/setting"
	"latchkey/engine/exec/unit"
	"latchkey/engine/sqltype"
	"latchkey/engine/tsql/ast"
)

// Variable is a declared variable.
type Variable struct {
	Name  string
	Decl  *ast.VariableDecl
	Type  sqltype.Type
	Value sqltype.Value
	Known bool // typ is known
	Table *plan.Object
	// readonly table parameters
	ReadOnly bool
	Cursor   *Cursor
}

// Frame is code that runs with a scope of variables of its own: a batch, a dynamic batch, a procedure.
type Frame struct {
	Parent  *Frame
	Unit    *unit.Unit
	Proc    string // name for messages, "" in a batch
	ProcID  int    // object id, 0 in a batch
	ProcDB  int
	Owner   int // of the procedure's schema in procDB, for ownership chains
	Vars    []*Variable
	Saved   setting.Settings // of the caller
	Acting  int              // depth of impersonation at the beginning
	Tries   int              // TRY blocks under way in this frame
	Seek    string           // label that a GOTO looks for
	Line    int              // of the statement under way
	Status  int32            // RETURN's value
	Caught  []*raise.Error   // errors of the CATCH blocks under way
	Temps   []string         // temporary tables made here, folded
	Tables  []string         // SQLite names of table variables made here
	Cursors map[string]*Cursor
	Module  bool      // a procedure or dynamic batch
	Returns *Variable // where RETURN of a function puts its value; nil in other code

	room  []Variable     // for those that the unit declares
	index map[string]int // of Vars by folded name, once they are many
}

// many is how many variables are looked through one by one.
const many = 12

// Mark puts the frame's place into a message.
func (f *Frame) Mark(e *raise.Error) *raise.Error { return e.At(f.Line, f.Proc) }

// New makes a scope for a unit. saved are the caller's settings, acting the depth of impersonation.
func New(parent *Frame, u *unit.Unit, saved setting.Settings, acting int) *Frame {
	f := &Frame{Parent: parent, Unit: u, Saved: saved, Acting: acting}
	if n := len(u.Declared) + len(u.Params); n > 0 {
		f.Vars, f.room = make([]*Variable, 0, n), make([]Variable, 0, n)
	}
	for _, d := range u.Declared {
		f.add(Variable{Name: d.Name, Decl: d})
	}
	return f
}

// add makes a variable, in place of one of that name.
func (f *Frame) add(v Variable) *Variable {
	var x *Variable
	if len(f.room) < cap(f.room) {
		f.room = append(f.room, v) // never moves: there are pointers into it
		x = &f.room[len(f.room)-1]
	} else {
		x = &v
	}
	if i := f.find(v.Name); i >= 0 {
		f.Vars[i] = x
		return x
	}
	f.Vars = append(f.Vars, x)
	switch n := len(f.Vars); {
	case f.index != nil:
		f.index[strings.ToLower(v.Name)] = n - 1
	case n > many:
		f.index = make(map[string]int, cap(f.Vars))
		for i, x := range f.Vars {
			f.index[strings.ToLower(x.Name)] = i
		}
	}
	return x
}

func (f *Frame) find(name string) int {
	if f.index != nil {
		if i, ok := f.index[strings.ToLower(name)]; ok {
			return i
		}
	} else {
		for i, v := range f.Vars {
			if v.Name == name {
				return i
			}
		}
	}
	for i, v := range f.Vars {
		if strings.EqualFold(v.Name, name) {
			return i
		}
	}
	return -1
}

// Find is a declared variable, nil if there is none.
func (f *Frame) Find(name string) *Variable {
	if i := f.find(name); i >= 0 {
		return f.Vars[i]
	}
	return nil
}

// Define makes a variable of a known type.
func (f *Frame) Define(name string, t sqltype.Type, v sqltype.Value) *Variable {
	return f.add(Variable{Name: name, Type: t, Value: v, Known: true})
}

// At is the line of a statement for messages.
func (f *Frame) At(s ast.Statement) { f.Line = int(s.At().Line) }

// Source is the text that a frame's statements were parsed from.
func (f *Frame) Source() string { return f.Unit.Text }

// SchemaName is the schema of the procedure whose body a frame runs.
func (f *Frame) SchemaName() string {
	if i := strings.IndexByte(f.Proc, '.'); f.ProcDB != 0 && i > 0 {
		return f.Proc[:i]
	}
	return ""
}

// VariableValue is a variable's value, for plans.
func (f *Frame) VariableValue(name string) (sqltype.Value, error) {
	if v := f.Find(name); v != nil {
		return v.Value, nil
	}
	return sqltype.NullValue, raise.NotDeclared(name)
}
