package frame

import (
	"encoding/binary"

	"latchkey/ekm"
)

// maxAlgorithms, maxTag and maxFriendly bound what a provider says of itself; the last two in bytes of UTF-16.
const (
	maxAlgorithms = 32
	maxTag        = 120
	maxFriendly   = 2048
)

// AppendInfo appends the body of Info's response.
func AppendInfo(b []byte, p ekm.ProviderInfo) ([]byte, error) {
	g := p.GUID // the first three parts lie in memory little endian
	b = append(b, g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6])
	b = append(b, g[8:]...)
	b = appendVersion(b, p.Version)
	b = appendVersion(b, p.API)
	for _, v := range []uint32{uint32(p.Auth), uint32(p.Symmetric), uint32(p.Asymmetric), uint32(p.ThumbprintLen)} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = append(b, flag(p.AcceptsKeyName))
	return appendWide(b, p.Name)
}

// ParseInfo reads the body of Info's response.
func ParseInfo(body []byte) (ekm.ProviderInfo, error) {
	c := cursor{b: body, what: "info's answer"}
	var p ekm.ProviderInfo
	if g := c.raw(len(p.GUID), "guid"); g != nil {
		p.GUID = [16]byte{g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]}
	}
	p.Version, p.API = c.version("version"), c.version("api version")
	p.Auth = ekm.Auth(c.u32("auth"))
	p.Symmetric, p.Asymmetric = ekm.Support(c.u32("symmetric")), ekm.Support(c.u32("asymmetric"))
	longest := c.u32("thumbprint length")
	if longest > ekm.MaxThumbprintLen {
		c.fail(ErrBounds, "thumbprints of %d bytes", longest)
	}
	p.ThumbprintLen = int(longest)
	p.AcceptsKeyName = c.u8("accepts key name") != 0
	p.Name = c.text("name", 0, maxFriendly)
	if c.err != nil {
		return ekm.ProviderInfo{}, c.err
	}
	return p, nil
}

func appendVersion(b []byte, v ekm.Version) []byte {
	b = append(b, v.Major, v.Minor)
	b = binary.LittleEndian.AppendUint16(b, v.Build)
	return append(b, v.Revision)
}

func (c *cursor) version(field string) ekm.Version {
	return ekm.Version{Major: c.u8(field), Minor: c.u8(field), Build: c.u16(field), Revision: c.u8(field)}
}

// AppendAlgorithms appends the body of Algorithms' response.
func AppendAlgorithms(b []byte, algs []ekm.Algorithm) (out []byte, err error) {
	algs = algs[:min(len(algs), maxAlgorithms)]
	b = binary.LittleEndian.AppendUint32(b, uint32(len(algs)))
	for _, a := range algs {
		for _, v := range []uint32{uint32(a.ID), uint32(flag(a.Asymmetric)), uint32(a.Bits), uint32(a.IVBits)} {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		if b, err = appendWide(b, a.Tag); err != nil {
			return b, err
		}
	}
	return b, nil
}

// ParseAlgorithms reads the body of Algorithms' response.
func ParseAlgorithms(body []byte) ([]ekm.Algorithm, error) {
	c := cursor{b: body, what: "algorithms' answer"}
	n := c.u32("count")
	if n > maxAlgorithms {
		c.fail(ErrBounds, "%d algorithms", n)
	}
	var algs []ekm.Algorithm
	last := ekm.AlgorithmID(0)
	for range n {
		a := ekm.Algorithm{ID: ekm.AlgorithmID(c.u32("id"))}
		a.Asymmetric = c.u32("asymmetric") != 0
		a.Bits, a.IVBits = int(c.u32("bits")), int(c.u32("iv bits"))
		a.Tag = c.text("tag", 0, maxTag)
		if c.err == nil && a.ID <= last {
			c.fail(ErrMalformed, "id %d after %d", a.ID, last)
		}
		if c.err != nil {
			return nil, c.err
		}
		last = a.ID
		algs = append(algs, a)
	}
	return algs, c.err
}

func flag(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// appendWide appends text as wide bytes with their length.
func appendWide(b []byte, text string) ([]byte, error) {
	at := len(b)
	b, err := AppendUTF16(append(b, 0, 0, 0, 0), text)
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	return b, err
}

// text reads a wide field as a string.
func (c *cursor) text(field string, lowest, highest int) string {
	s, err := Text(c.wide(field, lowest, highest))
	if err != nil {
		c.fail(err, "%s", field)
	}
	return s
}
