package tds

import "latchkey/engine/tds/internal/wire"

// TypeID is a data type's token.
type TypeID uint8

// The data types of [MS-TDS] 2.2.5.4.
const (
	TypeNull           TypeID = 0x1F
	TypeInt1           TypeID = 0x30
	TypeBit            TypeID = 0x32
	TypeInt2           TypeID = 0x34
	TypeInt4           TypeID = 0x38
	TypeDateTim4       TypeID = 0x3A
	TypeFlt4           TypeID = 0x3B
	TypeMoney          TypeID = 0x3C
	TypeDateTime       TypeID = 0x3D
	TypeFlt8           TypeID = 0x3E
	TypeMoney4         TypeID = 0x7A
	TypeInt8           TypeID = 0x7F
	TypeGUID           TypeID = 0x24
	TypeIntN           TypeID = 0x26
	TypeDateN          TypeID = 0x28
	TypeTimeN          TypeID = 0x29
	TypeDateTime2N     TypeID = 0x2A
	TypeDateTimeOffset TypeID = 0x2B
	TypeDecimal        TypeID = 0x37
	TypeNumeric        TypeID = 0x3F
	TypeBitN           TypeID = 0x68
	TypeDecimalN       TypeID = 0x6A
	TypeNumericN       TypeID = 0x6C
	TypeFltN           TypeID = 0x6D
	TypeMoneyN         TypeID = 0x6E
	TypeDateTimN       TypeID = 0x6F
	TypeChar           TypeID = 0x2F // the four short ones are legacy
	TypeVarChar        TypeID = 0x27
	TypeBinary         TypeID = 0x2D
	TypeVarBinary      TypeID = 0x25
	TypeBigVarBinary   TypeID = 0xA5
	TypeBigVarChar     TypeID = 0xA7
	TypeBigBinary      TypeID = 0xAD
	TypeBigChar        TypeID = 0xAF
	TypeNVarChar       TypeID = 0xE7
	TypeNChar          TypeID = 0xEF
	TypeText           TypeID = 0x23
	TypeImage          TypeID = 0x22
	TypeNText          TypeID = 0x63
	TypeVariant        TypeID = 0x62
	TypeXML            TypeID = 0xF1
	TypeUDT            TypeID = 0xF0
	TypeTable          TypeID = 0xF3
)

// SizeMax is the Size of varchar(max), nvarchar(max) and varbinary(max).
const SizeMax = 0xFFFF

// TypeInfo is a TYPE_INFO: a data type as columns and parameters declare it. It is comparable.
type TypeInfo struct {
	ID TypeID
	// Size is the longest value in bytes, as the type declares it: 1, 2, 4 or 8 for numbers, SizeMax for max types.
	Size             uint32
	Precision, Scale uint8
	// Collation of character types: five bytes.
	Collation [5]byte
}

// layout says how a type's values stand on the wire.
type layout uint8

const (
	layoutUnknown layout = iota
	layoutFixed          // no length, no NULL
	layoutByte           // one-byte length, 0 is NULL
	layoutShort          // two-byte length, 0xFFFF is NULL
	layoutLong           // text, ntext, image
	layoutPLP            // chunks
	layoutVariant        // four-byte length, 0 is NULL
	layoutNull           // no value at all
)

// shape is what is known of a type from its id: how its TYPE_INFO goes on, and its values.
type shape struct {
	layout   layout
	fixed    uint8 // bytes of a fixed type
	collated bool
	decimal  bool // precision and scale follow
	scaled   bool // scale alone follows
	dateOnly bool // nothing follows
}

var shapes = func() (t [256]shape) {
	for id, n := range map[TypeID]uint8{
		TypeInt1: 1, TypeBit: 1, TypeInt2: 2, TypeInt4: 4, TypeDateTim4: 4, TypeFlt4: 4, TypeMoney: 8, TypeDateTime: 8, TypeFlt8: 8,
		TypeMoney4: 4, TypeInt8: 8,
	} {
		t[id] = shape{layout: layoutFixed, fixed: n}
	}
	t[TypeNull] = shape{layout: layoutNull}
	for _, id := range []TypeID{TypeGUID, TypeIntN, TypeBitN, TypeFltN, TypeMoneyN, TypeDateTimN, TypeBinary, TypeVarBinary} {
		t[id] = shape{layout: layoutByte}
	}
	for _, id := range []TypeID{TypeChar, TypeVarChar} {
		t[id] = shape{layout: layoutByte, collated: true}
	}
	for _, id := range []TypeID{TypeDecimal, TypeNumeric, TypeDecimalN, TypeNumericN} {
		t[id] = shape{layout: layoutByte, decimal: true}
	}
	for _, id := range []TypeID{TypeTimeN, TypeDateTime2N, TypeDateTimeOffset} {
		t[id] = shape{layout: layoutByte, scaled: true}
	}
	t[TypeDateN] = shape{layout: layoutByte, dateOnly: true}
	for _, id := range []TypeID{TypeBigVarBinary, TypeBigBinary} {
		t[id] = shape{layout: layoutShort}
	}
	for _, id := range []TypeID{TypeBigVarChar, TypeBigChar, TypeNVarChar, TypeNChar} {
		t[id] = shape{layout: layoutShort, collated: true}
	}
	t[TypeText] = shape{layout: layoutLong, collated: true}
	t[TypeNText] = shape{layout: layoutLong, collated: true}
	t[TypeImage] = shape{layout: layoutLong}
	t[TypeVariant] = shape{layout: layoutVariant}
	t[TypeXML] = shape{layout: layoutPLP}
	return t
}()

func (t TypeInfo) layout() layout {
	s := shapes[t.ID].layout
	if s == layoutShort && t.Size == SizeMax {
		return layoutPLP
	}
	return s
}

// IsPLP reports types whose values come in chunks: the max types and xml.
func (t TypeInfo) IsPLP() bool { return t.layout() == layoutPLP }

// IsLong reports text, ntext and image.
func (t TypeInfo) IsLong() bool { return t.layout() == layoutLong }

func (t *TypeInfo) decode(r *wire.Reader) {
	*t = TypeInfo{ID: TypeID(r.U8())}
	if r.Err != nil {
		return
	}
	s := shapes[t.ID]
	switch s.layout {
	case layoutUnknown:
		r.Err = &TypeError{ID: t.ID}
	case layoutNull:
	case layoutFixed:
		t.Size = uint32(s.fixed)
	case layoutByte:
		switch {
		case s.dateOnly:
			t.Size = 3
		case s.scaled:
			t.Scale = r.U8()
			t.Size = uint32(timeSize(t.ID, t.Scale))
			if t.Scale > 7 {
				r.Fail("time scale %d", t.Scale)
			}
		default:
			t.Size = uint32(r.U8())
		}
		if s.decimal {
			t.Precision, t.Scale = r.U8(), r.U8()
			if r.Err == nil && (t.Precision < 1 || t.Precision > 38 || t.Scale > t.Precision) {
				r.Fail("decimal(%d,%d)", t.Precision, t.Scale)
			}
		}
		if r.Err == nil && !t.sizeOK() {
			r.Fail("size %d of data type %#02x", t.Size, uint8(t.ID))
		}
	case layoutShort:
		t.Size = uint32(r.U16())
		if t.Size > 8000 && t.Size != SizeMax || t.Size == SizeMax && (t.ID == TypeBigBinary || t.ID == TypeBigChar || t.ID == TypeNChar) {
			r.Fail("size %d of data type %#02x", t.Size, uint8(t.ID))
		}
	case layoutLong, layoutVariant:
		t.Size = r.U32()
	case layoutPLP: // xml: a flag for a schema
		t.Size = SizeMax
		if r.U8() != 0 {
			r.Fail("xml with a schema collection")
		}
	}
	if s.collated {
		copy(t.Collation[:], r.Bytes(5))
	}
}

// sizeOK checks the declared size of the types with a one-byte length.
func (t TypeInfo) sizeOK() bool {
	switch t.ID {
	case TypeGUID:
		return t.Size == 16
	case TypeIntN:
		return t.Size == 1 || t.Size == 2 || t.Size == 4 || t.Size == 8
	case TypeBitN:
		return t.Size == 1
	case TypeFltN, TypeMoneyN, TypeDateTimN:
		return t.Size == 4 || t.Size == 8
	case TypeDecimal, TypeNumeric, TypeDecimalN, TypeNumericN:
		return t.Size >= 2 && t.Size <= 17
	}
	return true
}

func timeSize(id TypeID, scale uint8) int {
	n := 5
	switch {
	case scale <= 2:
		n = 3
	case scale <= 4:
		n = 4
	}
	switch id {
	case TypeDateTime2N:
		n += 3
	case TypeDateTimeOffset:
		n += 5
	}
	return n
}

func (t TypeInfo) append(dst []byte) []byte {
	dst = append(dst, byte(t.ID))
	s := shapes[t.ID]
	switch s.layout {
	case layoutByte:
		switch {
		case s.dateOnly:
		case s.scaled:
			dst = append(dst, t.Scale)
		default:
			dst = append(dst, byte(t.Size))
		}
		if s.decimal {
			dst = append(dst, t.Precision, t.Scale)
		}
	case layoutShort:
		dst = wire.U16(dst, int(t.Size))
	case layoutLong, layoutVariant:
		dst = wire.U32(dst, t.Size)
	case layoutPLP:
		dst = append(dst, 0)
	}
	if s.collated {
		dst = append(dst, t.Collation[:]...)
	}
	return dst
}
