package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"time"

	"latchkey/internal/secret"
)

// formatVersion is the version of the log's format, in the header of each file and in the head file.
const formatVersion = 1

// Hash is a link of the chain: SHA-256, or HMAC-SHA-256 in a log with a key.
type Hash [sha256.Size]byte

// String is the hash in lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 64 lower-case hexadecimal digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if !parseHash(&h, []byte(s)) {
		return Hash{}, fmt.Errorf("%q is not a hash of 64 hexadecimal digits", s)
	}
	return h, nil
}

// MarshalText is String, so that JSON has the digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText is ParseHash.
func (h *Hash) UnmarshalText(b []byte) (err error) {
	*h, err = ParseHash(string(b))
	return err
}

func parseHash(h *Hash, s []byte) bool {
	if len(s) != 2*len(h) || bytes.ContainsAny(s, "ABCDEF") {
		return false
	}
	_, err := hex.Decode(h[:], s)
	return err == nil
}

// The algorithms of a chain, as the header names them.
const (
	algPlain = "sha256"
	algKeyed = "hmac-sha256"
)

// Domains keep the hashes of lines, heads and key identifiers apart.
const (
	domainLine = "latchkey audit line v1\n"
	domainHead = "latchkey audit head v1\n"
	domainKey  = "latchkey audit key id v1\n"
)

// minKeyLen is the least length of a chain key in bytes.
const minKeyLen = 32

// hasher computes links. It is not safe for concurrent use.
type hasher struct {
	h   hash.Hash
	alg string
	kid string // identifies the key; "" without one
}

// newHasher makes a hasher for a key; nil or empty means the plain chain.
func newHasher(key *secret.Bytes) (*hasher, error) {
	if key.Len() == 0 {
		return &hasher{h: sha256.New(), alg: algPlain}, nil
	}
	if key.Len() < minKeyLen {
		return nil, fmt.Errorf("an audit key of %d bytes is shorter than %d", key.Len(), minKeyLen)
	}
	h := &hasher{h: hmac.New(sha256.New, key.Expose()), alg: algKeyed}
	id := h.sum(domainKey, nil)
	h.kid = hex.EncodeToString(id[:8])
	return h, nil
}

func (h *hasher) sum(domain string, body []byte) Hash {
	h.h.Reset()
	h.h.Write([]byte(domain))
	h.h.Write(body)
	var out Hash
	h.h.Sum(out[:0])
	return out
}

const hashMember = `,"hash":"`

// finish appends the hash member over body, the end of the object and the newline to buf, which ends with body.
func (h *hasher) finish(buf []byte, domain string, body int) ([]byte, Hash) {
	sum := h.sum(domain, buf[body:])
	buf = append(buf, hashMember...)
	buf = hex.AppendEncode(buf, sum[:])
	return append(buf, "\"}\n"...), sum
}

// appendRecord appends the line of a record, whose JSON object is rec, to buf.
func (h *hasher) appendRecord(buf []byte, seq uint64, prev Hash, rec []byte) ([]byte, Hash) {
	start := len(buf)
	buf = append(buf, `{"seq":`...)
	buf = strconv.AppendUint(buf, seq, 10)
	buf = append(buf, `,"prev":"`...)
	buf = hex.AppendEncode(buf, prev[:])
	buf = append(buf, `",`...)
	buf = append(buf, rec[1:len(rec)-1]...)
	return h.finish(buf, domainLine, start)
}

// header is the first line of each file. Its hash is the prev of the first record.
type header struct {
	Version int       `json:"latchkey-audit"`
	File    uint64    `json:"file"` // its number, from 1
	Alg     string    `json:"alg"`
	KeyID   string    `json:"kid,omitempty"`
	Created time.Time `json:"created"`
	Next    uint64    `json:"next"` // seq of the first record
	Prev    string    `json:"prev"` // hash of the last line of the file before; zeros in the first
}

func (h *hasher) appendHeader(buf []byte, hd header) ([]byte, Hash) {
	b, err := json.Marshal(hd)
	if err != nil { // cannot be: the fields are plain
		b = []byte("{}")
	}
	start := len(buf)
	return h.finish(append(buf, b[:len(b)-1]...), domainLine, start)
}

var (
	errNotALine = errors.New("not a line of an audit log")
	recordStart = []byte(`{"seq":`)
	headerStart = []byte(`{"latchkey-audit":`)
)

// split takes a line without its newline apart: what the hash covers, and the hash.
func split(line []byte) (body []byte, sum Hash, err error) {
	const tail = len(hashMember) + 2*sha256.Size + len(`"}`)
	n := len(line) - tail
	if n < 1 || line[0] != '{' || string(line[n:n+len(hashMember)]) != hashMember || string(line[len(line)-2:]) != `"}` ||
		!parseHash(&sum, line[n+len(hashMember):len(line)-2]) {
		return nil, sum, errNotALine
	}
	return line[:n], sum, nil
}

// wireLine is a line taken apart. Of a header Seq is the next record's.
type wireLine struct {
	seq    uint64
	prev   Hash
	sum    Hash
	body   []byte  // what the hash covers
	header *header // nil for a record
	rest   int     // of a record: where in body its own members begin
}

// parseLine reads one line without its newline. It checks the form, not the hash.
func parseLine(line []byte) (wireLine, error) {
	body, sum, err := split(line)
	if err != nil {
		return wireLine{}, err
	}
	w := wireLine{body: body, sum: sum}
	if bytes.HasPrefix(body, headerStart) {
		var hd header
		if err := json.Unmarshal(object(body), &hd); err != nil {
			return wireLine{}, fmt.Errorf("%w: %w", errNotALine, err)
		}
		if !parseHash(&w.prev, []byte(hd.Prev)) || hd.File == 0 || hd.Next == 0 {
			return wireLine{}, errNotALine
		}
		w.seq, w.header = hd.Next, &hd
		return w, nil
	}
	b, ok := bytes.CutPrefix(body, recordStart)
	if !ok {
		return wireLine{}, errNotALine
	}
	const prevMember = `,"prev":"`
	digits := bytes.IndexByte(b, ',')
	if digits < 1 || digits > 20 || b[0] == '0' || b[0] == '+' || len(b) < digits+len(prevMember)+2*sha256.Size+2 {
		return wireLine{}, errNotALine
	}
	if w.seq, err = strconv.ParseUint(string(b[:digits]), 10, 64); err != nil {
		return wireLine{}, errNotALine
	}
	b, ok = bytes.CutPrefix(b[digits:], []byte(prevMember))
	if !ok || !parseHash(&w.prev, b[:2*sha256.Size]) || string(b[2*sha256.Size:2*sha256.Size+2]) != `",` {
		return wireLine{}, errNotALine
	}
	w.rest = len(body) - len(b) + 2*sha256.Size + 2
	if !json.Valid(object(body)) {
		return wireLine{}, errNotALine
	}
	return w, nil
}

// object closes the JSON object that body begins, in memory of its own.
func object(body []byte) []byte {
	out := make([]byte, 0, len(body)+1)
	return append(append(out, body...), '}')
}

// record decodes the record of a record line.
func (w wireLine) record() (Record, error) {
	own := make([]byte, 0, len(w.body)-w.rest+2)
	own = append(append(append(own, '{'), w.body[w.rest:]...), '}')
	var r Record
	if err := json.Unmarshal(own, &r); err != nil {
		return Record{}, fmt.Errorf("%w: %w", errNotALine, err)
	}
	return r, nil
}
