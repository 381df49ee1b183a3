package frame

import (
	"encoding/binary"
	"math"

	"latchkey/ekm"
)

// Bounds of a credential, in bytes of UTF-16, and of what is wrapped.
const (
	MaxIdentity = 8000
	MaxSecret   = 16384
	MaxPlain    = 2048
)

// Flags of OpenRequest.
const (
	OpenCredential uint32 = 1 // there is a credential
	OpenAgain      uint32 = 2 // the session was open before, on a connection that ended
)

// OpenRequest makes a session of a connection. Identity, Secret and Name are wide strings.
type OpenRequest struct {
	Flags                  uint32
	Identity, Secret, Name []byte
}

// Check checks the bounds.
func (m OpenRequest) Check() error {
	for _, f := range []struct {
		name    string
		b       []byte
		highest int
	}{{"identity", m.Identity, MaxIdentity}, {"secret", m.Secret, MaxSecret}, {"name", m.Name, MaxIdentity}} {
		if err := bounds("open", f.name, len(f.b), 0, f.highest); err != nil {
			return err
		}
	}
	return nil
}

// Append appends the body.
func (m OpenRequest) Append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.Flags)
	b = appendBytes(b, m.Identity)
	b = appendBytes(b, m.Secret)
	return appendBytes(b, m.Name)
}

// ParseOpenRequest reads the body.
func ParseOpenRequest(body []byte) (OpenRequest, error) {
	c := cursor{b: body, what: "open"}
	m := OpenRequest{Flags: c.u32("flags")}
	m.Identity, m.Secret, m.Name = c.wide("identity", 0, MaxIdentity), c.wide("secret", 0, MaxSecret), c.wide("name", 0, MaxIdentity)
	if m.Flags&^(OpenCredential|OpenAgain) != 0 {
		c.fail(ErrMalformed, "flags %#x", m.Flags)
	}
	if m.Flags&OpenCredential == 0 && len(m.Identity)+len(m.Secret)+len(m.Name) > 0 {
		c.fail(ErrMalformed, "a credential without its flag")
	}
	if err := c.end(); err != nil {
		return OpenRequest{}, err
	}
	return m, nil
}

// NameRequest is the body of KeyByName. Name is a wide string.
type NameRequest struct{ Name []byte }

// Check checks the bounds.
func (m NameRequest) Check() error {
	return bounds("key by name", "name", len(m.Name), 2, ekm.MaxNameLen)
}

// Append appends the body.
func (m NameRequest) Append(b []byte) []byte { return appendBytes(b, m.Name) }

// ParseNameRequest reads the body.
func ParseNameRequest(body []byte) (NameRequest, error) {
	c := cursor{b: body, what: "key by name"}
	m := NameRequest{c.wide("name", 2, ekm.MaxNameLen)}
	if err := c.end(); err != nil {
		return NameRequest{}, err
	}
	return m, nil
}

// Thumb is the body of KeyByThumb, PublicKey and DropKey, and of the responses of CreateKey and ImportKey.
type Thumb struct{ Thumbprint []byte }

// Check checks the bounds.
func (m Thumb) Check() error {
	return bounds("thumbprint", "thumb", len(m.Thumbprint), 1, ekm.MaxThumbprintLen)
}

// Append appends the body.
func (m Thumb) Append(b []byte) []byte { return appendBytes(b, m.Thumbprint) }

// ParseThumb reads the body of a request.
func ParseThumb(body []byte) (Thumb, error) {
	m, c := thumb(body)
	if err := c.end(); err != nil {
		return Thumb{}, err
	}
	return m, nil
}

// ParseThumbResponse reads the body of a response.
func ParseThumbResponse(body []byte) (Thumb, error) {
	m, c := thumb(body)
	if c.err != nil {
		return Thumb{}, c.err
	}
	return m, nil
}

func thumb(body []byte) (Thumb, *cursor) {
	c := &cursor{b: body, what: "thumbprint"}
	return Thumb{c.bytes("thumb", 1, ekm.MaxThumbprintLen)}, c
}

// Number is the body of KeyNext and KeyByID.
type Number struct{ Value uint32 }

// Append appends the body.
func (m Number) Append(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, m.Value) }

// ParseNumber reads the body.
func ParseNumber(body []byte) (Number, error) {
	c := cursor{b: body, what: "number"}
	m := Number{c.u32("value")}
	if err := c.end(); err != nil {
		return Number{}, err
	}
	return m, nil
}

// Key is the body of the responses that describe a key. Name is a wide string.
type Key struct {
	ID        uint32 // in an enumeration; 0 elsewhere
	Algorithm uint32
	Flags     uint32
	Bits      uint32
	Size      uint32 // of the modulus, bytes
	Thumb     []byte
	Name      []byte
	URI       string
}

// KeyOf is the message for a key. Errors are ErrText and ErrBounds.
func KeyOf(id uint32, k ekm.KeyInfo) (Key, error) {
	name, err := Wide(k.Name)
	if err != nil {
		return Key{}, err
	}
	if err := bounds("key", "name", len(name), 0, ekm.MaxNameLen); err != nil {
		return Key{}, err
	}
	if err := bounds("key", "thumb", len(k.Thumbprint), 1, ekm.MaxThumbprintLen); err != nil {
		return Key{}, err
	}
	return Key{
		ID: id, Algorithm: uint32(k.Algorithm), Flags: uint32(k.Flags), Bits: uint32(k.Bits), Size: uint32((k.Bits + 7) / 8),
		Thumb: []byte(k.Thumbprint), Name: name, URI: cut(k.URI, maxURI),
	}, nil
}

// Info is the key in the contract's terms.
func (m Key) Info() (ekm.KeyInfo, error) {
	name, err := Text(m.Name)
	if err != nil {
		return ekm.KeyInfo{}, err
	}
	return ekm.KeyInfo{
		Name: name, Thumbprint: ekm.Thumbprint(m.Thumb), Algorithm: ekm.AlgorithmID(m.Algorithm), Bits: int(m.Bits), URI: m.URI,
		Flags: ekm.Support(m.Flags),
	}, nil
}

// Append appends the body.
func (m Key) Append(b []byte) []byte {
	for _, v := range []uint32{m.ID, m.Algorithm, m.Flags, m.Bits, m.Size} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	b = appendBytes(b, m.Thumb)
	b = appendBytes(b, m.Name)
	return appendBytes(b, m.URI)
}

// ParseKey reads the body.
func ParseKey(body []byte) (Key, error) {
	c := cursor{b: body, what: "key"}
	m := Key{ID: c.u32("id"), Algorithm: c.u32("alg"), Flags: c.u32("flags"), Bits: c.u32("bits"), Size: c.u32("size")}
	m.Thumb = c.bytes("thumb", 1, ekm.MaxThumbprintLen)
	m.Name = c.wide("name", 0, ekm.MaxNameLen)
	m.URI = string(c.bytes("uri", 0, maxURI))
	if m.Size > math.MaxUint16 || m.Bits > 8*math.MaxUint16 {
		c.fail(ErrBounds, "a key of %d bits, %d bytes", m.Bits, m.Size)
	}
	if c.err != nil {
		return Key{}, c.err
	}
	return m, nil
}
