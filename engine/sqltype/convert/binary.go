package convert

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/wtf8"
)

// toBinary gives the bytes that SQL Server gives: numbers big-endian and cut on the left, everything else cut on the right.
func (c *conversion) toBinary() (sqltype.Value, error) {
	var b []byte
	number := false
	switch k := c.from.Kind; {
	case k.IsBinary():
		b = []byte(c.v.Bytes())
	case k == sqltype.UniqueIdentifier:
		b = []byte(c.v.Bytes())
	case k.IsText(), k == sqltype.XML:
		var err error
		if b, err = c.textToBytes(); err != nil {
			return sqltype.NullValue, err
		}
	case k == sqltype.Decimal:
		b = decimalToBytes(c.v)
	case k == sqltype.Real:
		b, number = binary.BigEndian.AppendUint32(nil, math.Float32bits(float32(c.v.Float()))), true
	case k == sqltype.Float:
		b, number = binary.BigEndian.AppendUint64(nil, math.Float64bits(c.v.Float())), true
	case k.IsDateTime():
		b = dateToBytes(c.v)
		number = k == sqltype.DateTime || k == sqltype.SmallDateTime
	default:
		b, number = binary.BigEndian.AppendUint64(nil, uint64(c.v.Int())), true
		b = b[8-c.from.StorageBytes():]
	}
	limit := c.to.Length
	switch {
	case c.to.Kind == sqltype.RowVersion:
		limit = 8
	case c.to.IsLarge():
		return sqltype.NewBytes(c.to.Kind, string(b)), nil
	}
	fixed := c.to.Kind == sqltype.Binary || c.to.Kind == sqltype.RowVersion
	switch {
	case len(b) > limit && number:
		b = b[len(b)-limit:]
	case len(b) > limit:
		if c.o.Store {
			return sqltype.NullValue, c.truncated("")
		}
		b = b[:limit]
	case len(b) < limit && fixed && number:
		b = append(make([]byte, limit-len(b)), b...)
	case len(b) < limit && fixed:
		b = append(b, make([]byte, limit-len(b))...)
	}
	return sqltype.NewBytes(c.to.Kind, string(b)), nil
}

func (c *conversion) textToBytes() ([]byte, error) {
	text := c.v.Text()
	bad := sqltype.NewError(8114, c.fromName(), c.toName())
	switch style := c.o.style(0); style {
	case 0:
		if c.from.Kind.IsNational() {
			return wtf8.AppendUTF16LE(nil, text), nil
		}
		b, _ := c.from.Collation.AppendEncoded(nil, text)
		return b, nil
	case 1, 2:
		if style == 1 {
			if len(text) < 2 || !strings.EqualFold(text[:2], "0x") {
				return nil, bad
			}
			text = text[2:]
		}
		b, err := hex.DecodeString(text)
		if err != nil {
			return nil, bad
		}
		return b, nil
	default:
		return nil, sqltype.NewError(9809, style, c.fromName(), c.toName())
	}
}

func (c *conversion) bytesToText() (string, error) {
	b := c.v.Bytes()
	switch style := c.o.style(0); style {
	case 0:
		if c.to.Kind.IsNational() {
			return wtf8.FromUTF16LE([]byte(b)), nil
		}
		return c.to.Collation.Decode([]byte(b)), nil
	case 1:
		return "0x" + strings.ToUpper(hex.EncodeToString([]byte(b))), nil
	case 2:
		return strings.ToUpper(hex.EncodeToString([]byte(b))), nil
	default:
		return "", sqltype.NewError(281, style, c.fromName())
	}
}

// decimalToBytes is precision, scale, a zero, the sign (1 is positive), then the magnitude, little-endian in words of four bytes.
func decimalToBytes(v sqltype.Value) []byte {
	neg, hi, lo := v.DecimalParts()
	b := []byte{byte(v.Precision()), byte(v.Scale()), 0, 1}
	if neg {
		b[3] = 0
	}
	b = binary.LittleEndian.AppendUint64(b, lo)
	b = binary.LittleEndian.AppendUint64(b, hi)
	return b[:3+sqltype.DecimalBytes(uint8(v.Precision()))]
}

func bytesToDecimal(b string) (sqltype.Value, bool) {
	if len(b) < 8 || len(b) > 20 {
		return sqltype.NullValue, false
	}
	var m [16]byte
	copy(m[:], b[4:])
	return sqltype.DecimalFromParts(int(b[0]), int(b[1]), b[3] == 0, binary.LittleEndian.Uint64(m[8:]), binary.LittleEndian.Uint64(m[:]))
}

// dateToBytes is the stored form: days and time of the old types big-endian, scale, ticks and days of the new ones little-endian.
func dateToBytes(v sqltype.Value) []byte {
	little := func(b []byte, n int64, size int) []byte {
		for range size {
			b, n = append(b, byte(n)), n>>8
		}
		return b
	}
	size := sqltype.TimeBytes(uint8(v.Scale()))
	units := v.RawTime() / scaleUnit(v.Scale())
	switch v.Kind() {
	case sqltype.DateTime:
		b := binary.BigEndian.AppendUint32(nil, uint32(int32(v.Days()-sqltype.BaseDay)))
		return binary.BigEndian.AppendUint32(b, uint32(v.RawTime()))
	case sqltype.SmallDateTime:
		b := binary.BigEndian.AppendUint16(nil, uint16(v.Days()-sqltype.BaseDay))
		return binary.BigEndian.AppendUint16(b, uint16(v.RawTime()))
	case sqltype.Date:
		return little(nil, int64(v.Days()), 3)
	case sqltype.Time:
		return little([]byte{byte(v.Scale())}, units, size)
	case sqltype.DateTime2:
		return little(little([]byte{byte(v.Scale())}, units, size), int64(v.Days()), 3)
	}
	b := little(little([]byte{byte(v.Scale())}, units, size), int64(v.Days()), 3)
	return little(b, int64(v.Offset()), 2)
}

// scaleUnit is the number of ticks in the last digit of a scale.
func scaleUnit(scale int) int64 {
	u := int64(sqltype.TicksPerSecond)
	for range scale {
		u /= 10
	}
	return u
}

// bytesToDate is the inverse of dateToBytes; false if the bytes are no value of the target.
func (c *conversion) bytesToDate() (sqltype.Value, bool) {
	b := c.v.Bytes()
	switch c.to.Kind {
	case sqltype.DateTime:
		n := uint64(bigEndian(b))
		return checkedDateTime(int(int32(n>>32))+sqltype.BaseDay, int64(uint32(n)))
	case sqltype.SmallDateTime:
		n := uint32(bigEndian(b))
		return sqltype.NewSmallDateTime(int(n>>16)+sqltype.BaseDay, int(n&0xFFFF)), n&0xFFFF < 1440
	}
	little := func(n int) int64 {
		v := int64(0)
		for i := range n {
			v |= int64(b[i]) << (8 * i)
		}
		b = b[n:]
		return v
	}
	if c.to.Kind == sqltype.Date {
		if len(b) != 3 {
			return sqltype.NullValue, false
		}
		d := int(little(3))
		return sqltype.NewDate(d), d <= sqltype.MaxDay
	}
	if len(b) == 0 || b[0] > sqltype.MaxTimeScale {
		return sqltype.NullValue, false
	}
	scale := int(b[0])
	size := sqltype.TimeBytes(b[0])
	b = b[1:]
	if want := map[sqltype.Kind]int{sqltype.Time: size, sqltype.DateTime2: size + 3, sqltype.DateTimeOffset: size + 5}[c.to.Kind]; len(b) != want {
		return sqltype.NullValue, false
	}
	ticks := little(size) * scaleUnit(scale)
	if ticks >= sqltype.TicksPerDay {
		return sqltype.NullValue, false
	}
	m := moment{ticks: ticks}
	if c.to.Kind != sqltype.Time {
		m.days = int(little(3))
	}
	if c.to.Kind == sqltype.DateTimeOffset {
		m.offset, m.utc = int(int16(little(2))), true
	}
	if m.days > sqltype.MaxDay || m.offset < -sqltype.MaxOffset || m.offset > sqltype.MaxOffset {
		return sqltype.NullValue, false
	}
	return m.as(c.to)
}

func checkedDateTime(days int, units int64) (sqltype.Value, bool) {
	if days < sqltype.MinDateTimeDay || days > sqltype.MaxDay || units < 0 || units >= sqltype.UnitsPerDay {
		return sqltype.NullValue, false
	}
	return sqltype.NewDateTime(days, units), true
}
