package tds

import "latchkey/engine/tds/internal/wire"

// The tokens of a reply.
const (
	tokenReturnStatus = 0x79
	tokenColMetadata  = 0x81
	tokenOrder        = 0xA9
	tokenError        = 0xAA
	tokenInfo         = 0xAB
	tokenReturnValue  = 0xAC
	tokenLoginAck     = 0xAD
	tokenFeatureAck   = 0xAE
	tokenRow          = 0xD1
	tokenNBCRow       = 0xD2
	tokenEnvChange    = 0xE3
	tokenDone         = 0xFD
	tokenDoneProc     = 0xFE
	tokenDoneInProc   = 0xFF
)

// DecodeReply reads all tokens of a reply of version 7.2 or later: for tests and tools, a server has no use for it.
func DecodeReply(b []byte, l Limits) ([]ServerToken, error) {
	l = l.withDefaults()
	r := wire.Reader{B: b}
	var out []ServerToken
	var columns []Column
	for r.Err == nil && r.Left() > 0 {
		var t ServerToken
		switch token := r.U8(); token {
		case tokenReturnStatus:
			t = &ReturnStatus{Value: int32(r.U32())}
		case tokenColMetadata:
			m := &ColMetadata{}
			m.decode(&r, l, false)
			columns, t = m.Columns, m
		case tokenRow, tokenNBCRow:
			if len(columns) == 0 {
				r.Fail("a row without columns")
				break
			}
			m := &Row{Columns: columns, Compress: token == tokenNBCRow}
			m.decode(&r, l)
			t = m
		case tokenReturnValue:
			m := &ReturnValue{}
			m.decode(&r, l)
			t = m
		case tokenFeatureAck:
			t = &FeatureAck{Features: wire.DecodeFeatures(&r)}
		case tokenDone, tokenDoneProc, tokenDoneInProc:
			t = &Done{Kind: DoneKind(token), Status: DoneStatus(r.U16()), Command: r.U16(), Rows: r.U64()}
		case tokenOrder, tokenError, tokenInfo, tokenLoginAck, tokenEnvChange:
			in := wire.Reader{B: r.Bytes(int(r.U16()))}
			if r.Err == nil {
				t = sized(token, &in)
				if r.Err = in.End(); r.Err != nil {
					return out, r.Err
				}
			}
		default:
			r.Fail("token %#02x", token)
		}
		if r.Err == nil {
			out = append(out, t)
		}
	}
	return out, r.Err
}

// sized decodes the tokens that begin with their length.
func sized(token uint8, r *wire.Reader) ServerToken {
	switch token {
	case tokenOrder:
		m := &Order{}
		for r.Left() > 0 && r.Err == nil {
			m.Columns = append(m.Columns, r.U16())
		}
		return m
	case tokenError, tokenInfo:
		m := &Message{Info: token == tokenInfo}
		m.decode(r)
		return m
	case tokenLoginAck:
		m := &LoginAck{}
		m.decode(r)
		return m
	}
	m := &EnvChange{}
	m.decode(r)
	return m
}
