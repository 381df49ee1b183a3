package keydb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"latchkey/akv"
	"latchkey/keywrap"
)

// Schema is the version of the record formats that this package writes. It reads this one only: an older program refuses a
// newer store record by record, with ErrNewer.
const Schema = 1

// Errors of decoding.
var (
	// ErrCorrupt means that a record does not read as what its name says.
	ErrCorrupt = errors.New("corrupt record")
	// ErrNewer means that a later version of the program wrote the record.
	ErrNewer = errors.New("record of a newer format")
)

// Head is a key by name: which incarnation and which version is current.
type Head struct {
	Schema   int       `json:"schema"`
	Key      string    `json:"key"`     // incarnation, 32 hex
	Name     string    `json:"name"`    // as its creator spelled it
	Current  string    `json:"current"` // newest version
	Versions int       `json:"versions"`
	Policy   *Policy   `json:"policy,omitempty"`
	Deleted  *Deletion `json:"deleted,omitempty"`  // set in a deleted head
	ReadyAt  int64     `json:"readyAt,omitempty"`  // Unix ms from which a recovered key can be used again
	Due      int64     `json:"due,omitempty"`      // its entry in the due index, Unix seconds
	Notified []string  `json:"notified,omitempty"` // events already told of the current version
}

// Deletion is when a key was deleted.
type Deletion struct {
	At        int64 `json:"at"`                  // Unix ms
	Purge     int64 `json:"purge"`               // Unix seconds at which it goes for good
	VisibleAt int64 `json:"visibleAt,omitempty"` // Unix ms from which it shows among the deleted
}

// Policy is a rotation policy. Durations are ISO 8601, checked before they got here; "" is none.
type Policy struct {
	Expiry             string `json:"expiry,omitempty"`
	RotateAfterCreate  string `json:"rotateAfterCreate,omitempty"`
	RotateBeforeExpiry string `json:"rotateBeforeExpiry,omitempty"`
	NotifyAfterCreate  string `json:"notifyAfterCreate,omitempty"`
	NotifyBeforeExpiry string `json:"notifyBeforeExpiry,omitempty"`
	Created            int64  `json:"created"`
	Updated            int64  `json:"updated"`
}

// Version is the public part of one key version.
type Version struct {
	Schema     int               `json:"schema"`
	ID         string            `json:"id"` // 32 hex
	Kty        string            `json:"kty"`
	Bits       int               `json:"bits"`
	Crv        string            `json:"crv,omitempty"`
	N          akv.Bytes         `json:"n,omitempty"`
	E          akv.Bytes         `json:"e,omitempty"`
	X          akv.Bytes         `json:"x,omitempty"`
	Y          akv.Bytes         `json:"y,omitempty"`
	Ops        []string          `json:"ops"`
	Enabled    bool              `json:"enabled"`
	NotBefore  *int64            `json:"nbf,omitempty"`
	Expires    *int64            `json:"exp,omitempty"`
	Created    int64             `json:"created"`
	Updated    int64             `json:"updated"`
	Exportable bool              `json:"exportable,omitempty"`
	Managed    bool              `json:"managed,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Release    *ReleasePolicy    `json:"release,omitempty"`
}

// ReleasePolicy is a release policy as stored.
type ReleasePolicy struct {
	ContentType string    `json:"contentType"`
	Data        akv.Bytes `json:"data"`
	Immutable   bool      `json:"immutable,omitempty"`
}

// HSM reports whether the key is of a -HSM type.
func (v *Version) HSM() bool { return len(v.Kty) > 4 && v.Kty[len(v.Kty)-4:] == "-HSM" }

// Kind is the type without -HSM.
func (v *Version) Kind() keywrap.Kind {
	if v.HSM() {
		return keywrap.Kind(v.Kty[:len(v.Kty)-4])
	}
	return keywrap.Kind(v.Kty)
}

// SetPublic fills kind, size and public members from a key.
func (v *Version) SetPublic(k *keywrap.Key) {
	v.Bits = k.Bits()
	pub := k.Public()
	if pub == nil {
		return
	}
	if r, ok := pub.RSA(); ok {
		v.N, v.E = r.N, r.E
	}
	if e, ok := pub.EC(); ok {
		v.Crv, v.X, v.Y = string(e.Curve), e.X, e.Y
	}
}

// Matches reports whether the private key is the one that the public members describe: a store whose values were mixed up
// must not make a key act under another's name.
func (v *Version) Matches(k *keywrap.Key) bool {
	var own Version
	own.SetPublic(k)
	return v.Kind() == k.Kind() && v.Bits == own.Bits && v.Crv == own.Crv &&
		bytes.Equal(v.N, own.N) && bytes.Equal(v.E, own.E) && bytes.Equal(v.X, own.X) && bytes.Equal(v.Y, own.Y)
}

// schemaOf is implemented by the records, so that decode can refuse newer ones.
type schemaOf interface{ schema() *int }

func (h *Head) schema() *int    { return &h.Schema }
func (v *Version) schema() *int { return &v.Schema }
func (v *Vault) schema() *int   { return &v.Schema }
func (a *Access) schema() *int  { return &a.Schema }
func (b *Blob) schema() *int    { return &b.Schema }

func encode(r schemaOf) ([]byte, error) {
	*r.schema() = Schema
	return json.Marshal(r)
}

func decode(name string, value []byte, r schemaOf) error {
	if err := json.Unmarshal(value, r); err != nil {
		return fmt.Errorf("reading record %q: %w: %v", name, ErrCorrupt, err)
	}
	switch s := *r.schema(); {
	case s > Schema:
		return fmt.Errorf("reading record %q: %w: it has %d, this program reads %d", name, ErrNewer, s, Schema)
	case s < 1:
		return fmt.Errorf("reading record %q: %w: no schema number", name, ErrCorrupt)
	}
	return nil
}
