package frame

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"

	"latchkey/ekm"
)

// WrapRequest asks for Plain to be wrapped.
type WrapRequest struct{ Thumb, Plain []byte }

// Check checks the bounds.
func (m WrapRequest) Check() error {
	if err := (Thumb{m.Thumb}).Check(); err != nil {
		return err
	}
	return bounds("wrap", "plain", len(m.Plain), 1, MaxPlain)
}

// Append appends the body.
func (m WrapRequest) Append(b []byte) []byte { return appendBytes(appendBytes(b, m.Thumb), m.Plain) }

// ParseWrapRequest reads the body.
func ParseWrapRequest(body []byte) (WrapRequest, error) {
	c := cursor{b: body, what: "wrap"}
	m := WrapRequest{c.bytes("thumb", 1, ekm.MaxThumbprintLen), c.bytes("plain", 1, MaxPlain)}
	if err := c.end(); err != nil {
		return WrapRequest{}, err
	}
	return m, nil
}

// Wrapped is the body of Wrap's response.
type Wrapped struct {
	Blob      []byte
	Algorithm string
}

// Append appends the body.
func (m Wrapped) Append(b []byte) []byte { return appendBytes(appendBytes(b, m.Blob), m.Algorithm) }

// ParseWrapped reads the body.
func ParseWrapped(body []byte) (Wrapped, error) {
	c := cursor{b: body, what: "wrap's answer"}
	m := Wrapped{Blob: c.bytes("blob", 1, ekm.MaxBlobLen), Algorithm: string(c.bytes("algorithm", 0, maxWord))}
	if c.err != nil {
		return Wrapped{}, c.err
	}
	return m, nil
}

// UnwrapRequest asks for Blob to be opened. Algorithm may be "".
type UnwrapRequest struct {
	Thumb, Blob []byte
	Algorithm   string
}

// Check checks the bounds.
func (m UnwrapRequest) Check() error {
	if err := (Thumb{m.Thumb}).Check(); err != nil {
		return err
	}
	if err := bounds("unwrap", "blob", len(m.Blob), 1, ekm.MaxBlobLen); err != nil {
		return err
	}
	return bounds("unwrap", "algorithm", len(m.Algorithm), 0, maxWord)
}

// Append appends the body.
func (m UnwrapRequest) Append(b []byte) []byte {
	return appendBytes(appendBytes(appendBytes(b, m.Thumb), m.Blob), m.Algorithm)
}

// ParseUnwrapRequest reads the body.
func ParseUnwrapRequest(body []byte) (UnwrapRequest, error) {
	c := cursor{b: body, what: "unwrap"}
	m := UnwrapRequest{Thumb: c.bytes("thumb", 1, ekm.MaxThumbprintLen), Blob: c.bytes("blob", 1, ekm.MaxBlobLen)}
	m.Algorithm = string(c.bytes("algorithm", 0, maxWord))
	if err := c.end(); err != nil {
		return UnwrapRequest{}, err
	}
	return m, nil
}

// Plain is the body of Unwrap's response.
type Plain struct{ Plain []byte }

// Append appends the body.
func (m Plain) Append(b []byte) []byte { return appendBytes(b, m.Plain) }

// ParsePlain reads the body.
func ParsePlain(body []byte) (Plain, error) {
	c := cursor{b: body, what: "unwrap's answer"}
	m := Plain{c.bytes("plain", 0, MaxPlain)}
	if c.err != nil {
		return Plain{}, c.err
	}
	return m, nil
}

// CreateRequest asks for a new key. Name is a wide string.
type CreateRequest struct {
	Algorithm, Flags uint32
	Name             []byte
}

// Check checks the bounds.
func (m CreateRequest) Check() error {
	return bounds("create key", "name", len(m.Name), 2, ekm.MaxNameLen)
}

// Append appends the body.
func (m CreateRequest) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.Algorithm)
	b = binary.LittleEndian.AppendUint32(b, m.Flags)
	return appendBytes(b, m.Name)
}

// ParseCreateRequest reads the body.
func ParseCreateRequest(body []byte) (CreateRequest, error) {
	c := cursor{b: body, what: "create key"}
	m := CreateRequest{Algorithm: c.u32("alg"), Flags: c.u32("flags"), Name: c.wide("name", 2, ekm.MaxNameLen)}
	if err := c.end(); err != nil {
		return CreateRequest{}, err
	}
	return m, nil
}

// ImportRequest hands a key over. Name is a wide string; Decryptor, a thumbprint, may be empty.
type ImportRequest struct {
	BlobType, Flags       uint32
	Name, Decryptor, Blob []byte
}

// Check checks the bounds.
func (m ImportRequest) Check() error {
	if err := bounds("import key", "name", len(m.Name), 2, ekm.MaxNameLen); err != nil {
		return err
	}
	if err := bounds("import key", "decryptor", len(m.Decryptor), 0, ekm.MaxThumbprintLen); err != nil {
		return err
	}
	return bounds("import key", "blob", len(m.Blob), 1, ekm.MaxBlobLen)
}

// Append appends the body.
func (m ImportRequest) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.BlobType)
	b = binary.LittleEndian.AppendUint32(b, m.Flags)
	return appendBytes(appendBytes(appendBytes(b, m.Name), m.Decryptor), m.Blob)
}

// ParseImportRequest reads the body.
func ParseImportRequest(body []byte) (ImportRequest, error) {
	c := cursor{b: body, what: "import key"}
	m := ImportRequest{BlobType: c.u32("blob type"), Flags: c.u32("flags"), Name: c.wide("name", 2, ekm.MaxNameLen)}
	m.Decryptor = c.bytes("decryptor", 0, ekm.MaxThumbprintLen)
	m.Blob = c.bytes("blob", 1, ekm.MaxBlobLen)
	if err := c.end(); err != nil {
		return ImportRequest{}, err
	}
	return m, nil
}

// PublicBlob is the body of PublicKey's response.
type PublicBlob struct{ Blob []byte }

// Append appends the body.
func (m PublicBlob) Append(b []byte) []byte { return appendBytes(b, m.Blob) }

// ParsePublicBlob reads the body.
func ParsePublicBlob(body []byte) (PublicBlob, error) {
	c := cursor{b: body, what: "public key's answer"}
	m := PublicBlob{c.bytes("blob", 1, ekm.MaxBlobLen)}
	if c.err != nil {
		return PublicBlob{}, c.err
	}
	return m, nil
}

// cngMagic begins a BCRYPT_RSAPUBLIC_BLOB ("RSA1"), cngHeader is the length of its six numbers.
const (
	cngMagic  = 0x31415352
	cngHeader = 24
)

// PublicBlobOf is the CNG form of a public key: BCRYPT_RSAPUBLIC_BLOB, exponent and modulus big endian.
func PublicBlobOf(k ekm.PublicKey) (PublicBlob, error) {
	n := bytes.TrimLeft(k.N, "\x00")
	e := bytes.TrimLeft(binary.BigEndian.AppendUint32(nil, k.E), "\x00")
	if len(e) == 0 || len(n) == 0 || cngHeader+len(e)+len(n) > ekm.MaxBlobLen {
		return PublicBlob{}, fmt.Errorf("%w: public key with a modulus of %d bytes, exponent %d", ErrBounds, len(n), k.E)
	}
	var b []byte
	for _, v := range []uint32{cngMagic, uint32(new(big.Int).SetBytes(n).BitLen()), uint32(len(e)), uint32(len(n)), 0, 0} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return PublicBlob{append(append(b, e...), n...)}, nil
}

// Key reads the CNG form.
func (m PublicBlob) Key() (ekm.PublicKey, error) {
	c := cursor{b: m.Blob, what: "public key"}
	if c.u32("magic") != cngMagic {
		c.fail(ErrMalformed, "not an RSA public key")
	}
	c.u32("bits")
	le, ln := c.u32("length of the exponent"), c.u32("length of the modulus")
	c.u32("prime1")
	c.u32("prime2")
	if c.err == nil && (le < 1 || le > 4 || ln < 1 || ln > ekm.MaxBlobLen) {
		c.fail(ErrBounds, "an exponent of %d bytes, a modulus of %d", le, ln)
	}
	if c.err != nil {
		return ekm.PublicKey{}, c.err
	}
	e, n := c.raw(int(le), "exponent"), c.raw(int(ln), "modulus")
	if err := c.end(); err != nil {
		return ekm.PublicKey{}, err
	}
	k := ekm.PublicKey{N: bytes.Clone(n)}
	for _, b := range e {
		k.E = k.E<<8 | uint32(b)
	}
	return k, nil
}
