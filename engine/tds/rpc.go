package tds

import "latchkey/engine/tds/internal/wire"

// RPC is a message of one or more procedure calls ([MS-TDS] 2.2.6.6).
type RPC struct {
	Headers Headers
	Calls   []Call
}

// Call is one call: by name, or by the number of a system procedure.
type Call struct {
	Proc   string
	ProcID ProcID // if Proc is ""
	// Options are the call's flags: recompile 1, no metadata 2, reuse metadata 4.
	Options uint16
	Params  []Param
	// NoExec means that the client asks only whether the call could be made.
	NoExec bool
}

// ProcID is the number of a system procedure.
type ProcID uint16

// The procedures that have a number.
const (
	ProcCursor          ProcID = 1
	ProcCursorOpen      ProcID = 2
	ProcCursorPrepare   ProcID = 3
	ProcCursorExecute   ProcID = 4
	ProcCursorPrepExec  ProcID = 5
	ProcCursorUnprepare ProcID = 6
	ProcCursorFetch     ProcID = 7
	ProcCursorOption    ProcID = 8
	ProcCursorClose     ProcID = 9
	ProcExecuteSQL      ProcID = 10
	ProcPrepare         ProcID = 11
	ProcExecute         ProcID = 12
	ProcPrepExec        ProcID = 13
	ProcPrepExecRPC     ProcID = 14
	ProcUnprepare       ProcID = 15
)

var procNames = [...]string{
	"", "sp_cursor", "sp_cursoropen", "sp_cursorprepare", "sp_cursorexecute", "sp_cursorprepexec", "sp_cursorunprepare",
	"sp_cursorfetch", "sp_cursoroption", "sp_cursorclose", "sp_executesql", "sp_prepare", "sp_execute", "sp_prepexec",
	"sp_prepexecrpc", "sp_unprepare",
}

// Name is the procedure's name, whichever way the client called it; "" for a number that no procedure has.
func (c *Call) Name() string {
	if c.Proc == "" && int(c.ProcID) < len(procNames) {
		return procNames[c.ProcID]
	}
	return c.Proc
}

// Param is a parameter of a call.
type Param struct {
	Name string // with its @; "" by position
	// Output asks for the value back; Default says that the parameter's default is meant.
	Output, Default bool
	Type            TypeInfo
	// Value is the parameter's bytes as its type has them (text in its encoding, numbers little-endian); nil is NULL.
	Value []byte
	// Table is the value of a table parameter (Type.ID is TypeTable).
	Table *Table
}

const (
	paramOutput    = 1
	paramDefault   = 2
	paramEncrypted = 8
	callSeparator  = 0xFF // the batch flag of 7.2 and later
	callNoExec     = 0xFE
	maxParamName   = 128
	maxProcName    = 1046 // server.database.schema.name, quoted
)

// Decode reads the body of an RPC message. It uses the slices again that m has from a message before.
func (m *RPC) Decode(b []byte, l Limits) error {
	*m = RPC{Calls: m.Calls[:0]}
	l = l.withDefaults()
	r := wire.Reader{B: b}
	m.Headers.decode(&r)
	for r.Err == nil {
		if len(m.Calls) == l.Calls {
			r.Fail("more than %d calls", l.Calls)
			break
		}
		m.Calls = wire.Next(m.Calls)
		m.Calls[len(m.Calls)-1].decode(&r, l)
		if r.Err != nil || r.Left() == 0 {
			break
		}
		m.Calls[len(m.Calls)-1].NoExec = r.U8() == callNoExec
		if r.Left() == 0 { // a separator may also end the message
			break
		}
	}
	return r.Err
}

func (c *Call) decode(r *wire.Reader, l Limits) {
	*c = Call{Params: c.Params[:0]}
	switch n := r.U16(); {
	case n == 0xFFFF:
		c.ProcID = ProcID(r.U16())
		if r.Err == nil && (c.ProcID == 0 || int(c.ProcID) >= len(procNames)) {
			r.Fail("procedure number %d", c.ProcID)
		}
	case n == 0 && r.Err == nil, n > maxProcName:
		r.Fail("procedure name of %d characters", n)
	default:
		c.Proc = r.Text(int(n))
	}
	c.Options = r.U16()
	for r.Err == nil && r.Left() > 0 && r.B[r.At] < callNoExec {
		if len(c.Params) == l.Params {
			r.Fail("more than %d parameters", l.Params)
			return
		}
		c.Params = wire.Next(c.Params)
		c.Params[len(c.Params)-1].decode(r, l)
	}
}

func (p *Param) decode(r *wire.Reader, l Limits) {
	n := r.U8()
	if n > maxParamName {
		r.Fail("parameter name of %d characters", n)
	}
	*p = Param{Name: wire.Same(p.Name, r.Bytes(2*int(n)))}
	status := r.U8()
	p.Output, p.Default = status&paramOutput != 0, status&paramDefault != 0
	if status&paramEncrypted != 0 {
		r.Fail("an encrypted parameter")
	}
	if r.Err == nil && r.Left() > 0 && TypeID(r.B[r.At]) == TypeTable {
		r.At++
		p.Type.ID = TypeTable
		p.Table = new(Table)
		p.Table.decode(r, l)
		return
	}
	p.Type.decode(r)
	if r.Err == nil {
		p.Value = p.Type.cell(r, l, false)
	}
}

// Append appends the body.
func (m *RPC) Append(dst []byte) []byte {
	dst = m.Headers.append(dst)
	for i := range m.Calls {
		c := &m.Calls[i]
		if c.Proc == "" {
			dst = wire.U16(append(dst, 0xFF, 0xFF), uint16(c.ProcID))
		} else {
			dst = wire.AppendLongText(dst, wire.Cut(c.Proc, maxProcName))
		}
		dst = wire.U16(dst, c.Options)
		for j := range c.Params {
			dst = c.Params[j].append(dst)
		}
		switch {
		case c.NoExec:
			dst = append(dst, callNoExec)
		case i < len(m.Calls)-1:
			dst = append(dst, callSeparator)
		}
	}
	return dst
}

func (p *Param) append(dst []byte) []byte {
	dst = wire.AppendShortText(dst, wire.Cut(p.Name, maxParamName))
	status := byte(0)
	if p.Output {
		status |= paramOutput
	}
	if p.Default {
		status |= paramDefault
	}
	dst = append(dst, status)
	if p.Table != nil {
		return p.Table.append(append(dst, byte(TypeTable)))
	}
	return p.Type.AppendCell(p.Type.append(dst), p.Value, false)
}
