package header

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"latchkey/ekm"
	"latchkey/engine/tde/pagecipher"
)

const (
	magic   = "LATCHKEY-TDE\r\n\x1a\x00" // 16 bytes; line ends and a zero show damage by text transfers
	preSize = 16 + 4 + 4                 // magic, version, length of the body
	macSize = 32
	crcSize = 4
)

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// Encode gives the copy's bytes. dek is the newest DEK, nil if there is none.
func (h *Header) Encode(dek []byte) ([]byte, error) {
	body, err := h.encodeBody()
	if err != nil {
		return nil, err
	}
	mac := make([]byte, macSize)
	if len(h.Keys) > 0 {
		if mac, err = pagecipher.HeaderMAC(dek, h.FileID, body); err != nil {
			return nil, err
		}
	}
	b := append(make([]byte, 0, preSize+len(body)+macSize+crcSize), magic...)
	b = binary.BigEndian.AppendUint32(b, Version)
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = append(b, body...)
	b = append(b, mac...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	if len(b) > CopySize {
		return nil, fmt.Errorf("database header needs %d bytes, has room for %d", len(b), CopySize)
	}
	return b, nil
}

func (h *Header) encodeBody() ([]byte, error) {
	be := binary.BigEndian
	if h.State > lastStored || len(h.Keys) > MaxKeys {
		return nil, fmt.Errorf("database header cannot hold state %v with %d keys", h.State, len(h.Keys))
	}
	b := be.AppendUint64(nil, h.Seq)
	b = append(b, h.FileID[:]...)
	b = append(b, byte(h.State), boolByte(h.Suspended))
	for _, v := range []uint32{h.Position, h.Target, h.Filled, h.Rewraps} {
		b = be.AppendUint32(b, v)
	}
	for _, v := range []int64{h.Created, h.Regenerated, h.Modified, h.Set, h.Opened} {
		b = be.AppendUint64(b, uint64(v))
	}
	b = append(b, byte(len(h.Keys)))
	for i := range h.Keys {
		k := &h.Keys[i]
		if k.Algorithm.KeyLen() == 0 || len(k.Spans) > MaxSpans || len(k.Protector) > ekm.MaxThumbprintLen ||
			len(k.URI) > MaxURI || len(k.Wrapped.Algorithm) > MaxAlgName || len(k.Wrapped.Blob) > MaxBlob {
			return nil, fmt.Errorf("database header: key %d exceeds the format's limits", k.Generation)
		}
		b = be.AppendUint32(b, k.Generation)
		b = append(b, byte(k.Algorithm))
		b = be.AppendUint16(b, k.NextEpoch)
		b = be.AppendUint64(b, uint64(k.Created))
		for _, s := range []string{string(k.Protector), k.URI, k.Wrapped.Algorithm, string(k.Wrapped.Blob)} {
			b = append(be.AppendUint16(b, uint16(len(s))), s...)
		}
		b = be.AppendUint16(b, uint16(len(k.Spans)))
		for _, s := range k.Spans {
			b = append(be.AppendUint16(b, s.First), s.Salt[:]...)
		}
	}
	return b, nil
}

func boolByte(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// Decode reads a copy. b may be longer than the copy. The result's authentication is still to be checked with Verify.
func Decode(b []byte) (*Header, error) {
	if len(b) < preSize || !bytes.Equal(b[:len(magic)], []byte(magic)) {
		return nil, ErrNotDatabase
	}
	be := binary.BigEndian
	n := int64(be.Uint32(b[20:]))
	if n > CopySize || preSize+n+macSize+crcSize > int64(min(len(b), CopySize)) {
		return nil, fmt.Errorf("%w: impossible length", ErrCorrupt)
	}
	end := preSize + int(n) + macSize
	if crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)) != be.Uint32(b[end:]) {
		return nil, fmt.Errorf("%w: wrong checksum", ErrCorrupt)
	}
	if v := be.Uint32(b[16:]); v != Version {
		return nil, fmt.Errorf("%w: version %d, this program knows %d", ErrVersion, v, Version)
	}
	body := bytes.Clone(b[preSize : preSize+n])
	h, err := decodeBody(body)
	if err != nil {
		return nil, err
	}
	h.body, h.mac = body, bytes.Clone(b[end-macSize:end])
	return h, nil
}

func decodeBody(body []byte) (*Header, error) {
	r := reader{b: body}
	h := &Header{Seq: r.u64()}
	copy(h.FileID[:], r.take(16))
	h.State = State(r.u8())
	suspended := r.u8()
	h.Suspended = suspended == 1
	for _, p := range []*uint32{&h.Position, &h.Target, &h.Filled, &h.Rewraps} {
		*p = r.u32()
	}
	for _, p := range []*int64{&h.Created, &h.Regenerated, &h.Modified, &h.Set, &h.Opened} {
		*p = int64(r.u64())
	}
	count := int(r.u8())
	if h.State > lastStored || suspended > 1 || count > MaxKeys {
		return nil, fmt.Errorf("%w: impossible state or number of keys", ErrCorrupt)
	}
	for range count {
		k := Key{Generation: r.u32(), Algorithm: Algorithm(r.u8()), NextEpoch: r.u16(), Created: int64(r.u64())}
		k.Protector = ekm.Thumbprint(r.bytes(ekm.MaxThumbprintLen))
		k.URI = string(r.bytes(MaxURI))
		k.Wrapped.Algorithm = string(r.bytes(MaxAlgName))
		k.Wrapped.Blob = bytes.Clone(r.bytes(MaxBlob))
		spans := int(r.u16())
		if spans > MaxSpans || r.bad {
			return nil, fmt.Errorf("%w: impossible key", ErrCorrupt)
		}
		for range spans {
			s := pagecipher.Span{First: r.u16()}
			copy(s.Salt[:], r.take(16))
			k.Spans = append(k.Spans, s)
		}
		last := h.Newest()
		if k.Algorithm.KeyLen() == 0 || k.Generation == 0 || last != nil && last.Generation >= k.Generation {
			return nil, fmt.Errorf("%w: impossible key", ErrCorrupt)
		}
		h.Keys = append(h.Keys, k)
	}
	if r.bad || len(r.b) != 0 {
		return nil, fmt.Errorf("%w: fields do not fill the record", ErrCorrupt)
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	return h, nil
}

// check refuses combinations that no program writes, so that the rest may rely on them.
func (h *Header) check() error {
	newest := h.Newest()
	ok := true
	switch h.State {
	case NoKey:
		ok = newest == nil
	case Unencrypted:
		ok = newest != nil
	case Encrypted:
		ok = newest != nil && len(h.Keys) == 1
	case Encrypting:
		ok = newest != nil && len(h.Keys) == 1 && h.Target == newest.Generation
	case KeyChange:
		ok = len(h.Keys) == 2 && h.Keys[1].Generation == h.Keys[0].Generation+1 && h.Key(h.Target) != nil
	case Decrypting:
		ok = newest != nil && h.Target == 0
	}
	if !ok {
		return fmt.Errorf("%w: state %v does not fit its keys", ErrCorrupt, h.State)
	}
	return nil
}

// reader takes fields off b; past the end it returns zeros and sets bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.bad, r.b = true, nil
		return make([]byte, min(n, 64))
	}
	p := r.b[:n]
	r.b = r.b[n:]
	return p
}

func (r *reader) bytes(limit int) []byte {
	n := int(r.u16())
	if n > limit || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	return r.take(n)
}

func (r *reader) u8() byte    { return r.take(1)[0] }
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return binary.BigEndian.Uint64(r.take(8)) }
