package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// HeaderLen is the length of both headers in bytes, MaxBody the longest body.
const (
	HeaderLen = 16
	MaxBody   = 32768
)

// Version is the version of the protocol that this package speaks, Lowest the oldest.
const (
	Version = 1
	Lowest  = 1
)

// ErrMalformed means that bytes are not a message of the protocol.
var ErrMalformed = errors.New("malformed frame")

// ErrBounds means that a field is shorter or longer than the protocol allows.
var ErrBounds = errors.New("out of bounds")

// Op is an operation.
type Op uint16

// The operations.
const (
	Hello Op = iota + 1
	Info
	Algorithms
	Open
	Close
	KeyByName
	KeyByThumb
	KeyNext
	KeyByID
	PublicKey
	Wrap
	Unwrap
	CreateKey
	DropKey
	ImportKey
	Ping
)

// response is set in the operation of a response's header.
const response Op = 0x8000

// String is the operation's name as in the specification, in lower case.
func (o Op) String() string {
	names := [...]string{
		Hello: "hello", Info: "info", Algorithms: "algorithms", Open: "open", Close: "close", KeyByName: "key by name",
		KeyByThumb: "key by thumbprint", KeyNext: "next key", KeyByID: "key by id", PublicKey: "public key", Wrap: "wrap", Unwrap: "unwrap",
		CreateKey: "create key", DropKey: "drop key", ImportKey: "import key", Ping: "ping",
	}
	if int(o) < len(names) && names[o] != "" {
		return names[o]
	}
	return fmt.Sprintf("operation %d", uint16(o))
}

// Again reports whether a request may be sent once more when it is not known whether it was carried out.
func (o Op) Again() bool {
	switch o {
	case CreateKey, DropKey, ImportKey, Close:
		return false
	}
	return o >= Hello && o <= Ping
}

// Store reports whether the operation may ask the key store, and so may take as long as that.
func (o Op) Store() bool { return o >= Open && o <= ImportKey && o != Close }

// Flags of a request.
const FlagRepeat uint16 = 1

// Flags of a response.
const (
	FlagNotDone uint16 = 1 // nothing of the request was carried out
	FlagGoing   uint16 = 2 // the agent is leaving: connect again before the next call
)

// Request is the header of a request.
type Request struct {
	Length   uint32 // of the body, bytes
	Op       Op
	Flags    uint16
	ID       uint32
	Deadline uint32 // milliseconds; 0 for the agent's default
}

// Append appends the header's HeaderLen bytes.
func (h Request) Append(b []byte) []byte {
	return appendHeader(b, h.Length, h.Op, h.Flags, h.ID, h.Deadline)
}

// ParseRequest reads a header from its HeaderLen bytes. Errors are ErrMalformed or ErrBounds: the connection is of no more use.
func ParseRequest(b []byte) (Request, error) {
	if len(b) != HeaderLen {
		return Request{}, fmt.Errorf("%w: header of %d bytes", ErrMalformed, len(b))
	}
	le := binary.LittleEndian
	h := Request{Length: le.Uint32(b), Op: Op(le.Uint16(b[4:])), Flags: le.Uint16(b[6:]), ID: le.Uint32(b[8:]), Deadline: le.Uint32(b[12:])}
	if h.Length > MaxBody {
		return h, fmt.Errorf("%w: body of %d bytes", ErrBounds, h.Length)
	}
	if h.Flags&^FlagRepeat != 0 || h.Op&response != 0 {
		return h, fmt.Errorf("%w: operation %#x, flags %#x", ErrMalformed, uint16(h.Op), h.Flags)
	}
	return h, nil
}

// Within is the deadline as a duration, at most MaxDeadline; the default of the operation if none was asked for.
func (h Request) Within() time.Duration {
	switch {
	case h.Deadline == 0 && h.Op.Store():
		return DefaultStoreDeadline
	case h.Deadline == 0:
		return DefaultDeadline
	}
	return min(time.Duration(h.Deadline)*time.Millisecond, MaxDeadline)
}

// Deadlines of the protocol, and how much longer than its deadline a client waits.
const (
	MaxDeadline          = 60 * time.Second
	DefaultStoreDeadline = 35 * time.Second
	DefaultDeadline      = 5 * time.Second
	Slack                = time.Second
)

// Response is the header of a response.
type Response struct {
	Length uint32 // of the body, bytes
	Op     Op     // of the request, without the bit that marks responses
	Flags  uint16
	ID     uint32
	Code   int32 // 0 or the code that the interface's function returns
}

// Append appends the header's HeaderLen bytes.
func (h Response) Append(b []byte) []byte {
	return appendHeader(b, h.Length, h.Op|response, h.Flags, h.ID, uint32(h.Code))
}

// ParseResponse reads a header from its HeaderLen bytes and checks that it answers q.
func ParseResponse(b []byte, q Request) (Response, error) {
	if len(b) != HeaderLen {
		return Response{}, fmt.Errorf("%w: header of %d bytes", ErrMalformed, len(b))
	}
	le := binary.LittleEndian
	h := Response{Length: le.Uint32(b), Op: Op(le.Uint16(b[4:])), Flags: le.Uint16(b[6:]), ID: le.Uint32(b[8:]), Code: int32(le.Uint32(b[12:]))}
	if h.Length > MaxBody {
		return h, fmt.Errorf("%w: body of %d bytes", ErrBounds, h.Length)
	}
	if h.Op != q.Op|response || h.ID != q.ID {
		return h, fmt.Errorf("%w: an answer to operation %#x number %d, asked was %#x number %d", ErrMalformed, uint16(h.Op), h.ID, uint16(q.Op), q.ID)
	}
	h.Op = q.Op
	return h, nil
}

func appendHeader(b []byte, length uint32, op Op, flags uint16, id, last uint32) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, length)
	b = le.AppendUint16(b, uint16(op))
	b = le.AppendUint16(b, flags)
	b = le.AppendUint32(b, id)
	return le.AppendUint32(b, last)
}

// SetLength writes a body's length into the header at the beginning of a finished frame.
func SetLength(frame []byte) {
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)-HeaderLen))
}
