package shimtest_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The operations of docs/formats/agent-frames.md.
const (
	opHello = iota + 1
	opInfo
	opAlgorithms
	opOpen
	_
	opKeyByName
	opKeyByThumb
	_
	_
	opPublicKey
	opWrap
	opUnwrap
	opCreateKey
	opDropKey
	_
)

const (
	flagNotDone = 1
	flagGoing   = 2
)

// vectors are the protocol's golden frames: "> name" and "< name".
func vectors(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("../../agent/frame/testdata/vectors.txt")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] == "#" {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if err != nil {
			t.Fatalf("%s: %v", f[1], err)
		}
		all[f[0]+" "+f[1]] = b
	}
	return all
}

// request is a frame of the library.
type request struct {
	op, flags    uint16
	id, deadline uint32
	body         []byte
	conn         int // the connection's number, from 1
}

// reply is what the fake does with a request.
type reply struct {
	code  int32
	flags uint16
	body  []byte
	raw   []byte        // instead of all: these bytes
	delay time.Duration // before
	hang  bool          // no answer, ever
	drop  bool          // close instead, or after the answer if there is raw or a body
	slow  bool          // byte by byte
}

// fake is an agent that does as a test says. Without instructions it serves one RSA-2048 key with a cipher that is none.
type fake struct {
	t      testing.TB
	path   string
	golden map[string][]byte

	mu       sync.Mutex
	listener net.Listener
	script   func(request) *reply // nil for the ordinary answer
	seen     []request
	count    int
	conns    map[net.Conn]bool
}

// newFake makes one that listens on a socket in a directory of its own.
func newFake(t testing.TB) *fake {
	t.Helper()
	dir, err := os.MkdirTemp(work, "fake")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, path: filepath.Join(dir, "agent.sock"), golden: vectors(t), conns: map[net.Conn]bool{}}
	f.listen()
	t.Cleanup(f.kill)
	return f
}

func (f *fake) listen() {
	f.t.Helper()
	l, err := net.Listen("unix", f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mu.Lock()
	f.listener = l
	f.mu.Unlock()
	go f.accept(l)
}

// kill ends it as a kill would.
func (f *fake) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listener != nil {
		f.listener.Close()
	}
	f.listener = nil
	for c := range f.conns {
		c.Close()
	}
}

// do sets the instructions.
func (f *fake) do(script func(request) *reply) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script, f.seen = script, nil
}

// requests are those of an operation since the last do; 0 for all.
func (f *fake) requests(op uint16) []request {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []request
	for _, r := range f.seen {
		if op == 0 || r.op == op {
			out = append(out, r)
		}
	}
	return out
}

func (f *fake) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.count++
		n := f.count
		f.conns[c] = true
		f.mu.Unlock()
		go func() {
			f.serve(c, n)
			c.Close()
			f.mu.Lock()
			delete(f.conns, c)
			f.mu.Unlock()
		}()
	}
}

func readRequest(c io.Reader) (request, error) {
	var head [16]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return request{}, err
	}
	le := binary.LittleEndian
	r := request{op: le.Uint16(head[4:]), flags: le.Uint16(head[6:]), id: le.Uint32(head[8:]), deadline: le.Uint32(head[12:])}
	n := le.Uint32(head[:])
	if n > 32768 {
		return request{}, errors.New("frame too long")
	}
	r.body = make([]byte, n)
	_, err := io.ReadFull(c, r.body)
	return r, err
}

func (f *fake) serve(c net.Conn, n int) {
	for {
		r, err := readRequest(c)
		if err != nil {
			return
		}
		r.conn = n
		f.mu.Lock()
		f.seen = append(f.seen, r)
		script := f.script
		f.mu.Unlock()
		var a *reply
		if script != nil {
			a = script(r)
		}
		if a == nil {
			a = f.ordinary(r)
		}
		if !answer(c, r, a) {
			return
		}
	}
}

// answer carries a reply out; false ends the connection.
func answer(c net.Conn, r request, a *reply) bool {
	if a.delay > 0 {
		time.Sleep(a.delay)
	}
	if a.hang {
		_, _ = io.Copy(io.Discard, c)
		return false
	}
	b := a.raw
	if b == nil && !(a.drop && a.body == nil) {
		b = response(r, a.code, a.flags, a.body)
	}
	if a.slow {
		for i := range b {
			if _, err := c.Write(b[i : i+1]); err != nil {
				return false
			}
			time.Sleep(time.Millisecond)
		}
		return !a.drop
	}
	_, err := c.Write(b)
	return err == nil && !a.drop
}

func response(r request, code int32, flags uint16, body []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(len(body)))
	b = le.AppendUint16(b, r.op|0x8000)
	b = le.AppendUint16(b, flags)
	b = le.AppendUint32(b, r.id)
	b = le.AppendUint32(b, uint32(code))
	return append(b, body...)
}

// failed is the body of a response with a code.
func failed(text string) []byte {
	b := make([]byte, 16)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	b = append(b, text...)
	return append(b, 0, 0, 0, 0)
}

func field(b []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(nil, uint32(len(b))), b...)
}

// next cuts a field of bytes off.
func next(b []byte) (field, rest []byte) {
	n := binary.LittleEndian.Uint32(b)
	return b[4 : 4+n], b[4+n:]
}

// ordinary is the answer of an agent that works, made of the golden frames.
func (f *fake) ordinary(r request) *reply {
	golden := func(name string) *reply { return &reply{body: f.golden["< "+name][16:]} }
	switch r.op {
	case opHello:
		return golden("hello")
	case opInfo:
		return golden("info")
	case opAlgorithms:
		return golden("algorithms")
	case opOpen:
		return &reply{}
	case opKeyByName:
		return golden("key-by-name")
	case opKeyByThumb:
		thumb, _ := next(r.body)
		if !bytes.Equal(thumb, testThumb()) {
			return &reply{code: 4, body: failed("no such key")}
		}
		return golden("key-by-thumb")
	case opPublicKey:
		return golden("public-key")
	case opWrap:
		_, rest := next(r.body)
		plain, _ := next(rest)
		if len(plain) > 190 {
			return &reply{code: 3110, body: failed("too long")}
		}
		blob := make([]byte, 256)
		blob[0], blob[1] = 0x5a, byte(len(plain))
		for i, b := range plain {
			blob[2+i] = b ^ 0x55
		}
		return &reply{body: append(field(blob), field([]byte("RSA-OAEP-256"))...)}
	case opUnwrap:
		_, rest := next(r.body)
		blob, _ := next(rest)
		if len(blob) != 256 || blob[0] != 0x5a {
			return &reply{code: 3110, body: failed("bad blob")}
		}
		plain := make([]byte, blob[1])
		for i := range plain {
			plain[i] = blob[2+i] ^ 0x55
		}
		return &reply{body: field(plain)}
	case 8: // KEY_NEXT
		return &reply{code: 4, flags: 0, body: failed("no more keys")}
	}
	return &reply{code: 3, flags: flagNotDone, body: failed("not supported")}
}

// testThumb is that of the golden frames.
func testThumb() []byte {
	b := make([]byte, 20)
	for i := range b {
		b[i] = byte(i + 1)
	}
	return b
}

const thumbHex = "0102030405060708090a0b0c0d0e0f1011121314"

// blobHex is what the fake makes of plainHex.
const plainHex = "00112233445566778899aabbccddeeff"

func blobHex() string {
	blob := make([]byte, 256)
	blob[0], blob[1] = 0x5a, 16
	plain, _ := hex.DecodeString(plainHex)
	for i, b := range plain {
		blob[2+i] = b ^ 0x55
	}
	return hex.EncodeToString(blob)
}

// serveFake answers nothing but what a listener of another account would be asked; it runs until it is killed.
func serveFake(path string) {
	l, err := net.Listen("unix", path)
	if err != nil {
		os.Exit(3)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		os.Exit(3)
	}
	os.Stdout.WriteString("ready\n")
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for {
				r, err := readRequest(c)
				if err != nil || !answer(c, r, &reply{code: 5, body: failed("a stranger")}) {
					return
				}
			}
		}()
	}
}
