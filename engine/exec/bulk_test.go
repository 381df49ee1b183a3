package exec_test

import (
	"bytes"
	"io"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/engine/tds"
	"latchkey/engine/tds/login"
	"latchkey/internal/secret"
)

// raw is a client that sends packets of its own making.
type raw struct {
	t *testing.T
	net.Conn
}

func (s *server) raw(t *testing.T) *raw {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	p := &raw{t, c}
	pre := login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptNotSup}
	p.send(tds.PacketPrelogin, tds.StatusEnd, pre.Append(nil))
	p.reply()
	l := &login.Login{Version: tds.V74, PacketSize: 4096, UserName: admin, Database: "d1", Password: secret.New(tds.AppendText(nil, password))}
	p.send(tds.PacketLogin, tds.StatusEnd, l.Append(nil))
	if n := firstError(p.tokens()); n != 0 {
		t.Fatalf("login: %d", n)
	}
	return p
}

// send sends a message in packets; the last one has the status.
func (p *raw) send(typ tds.PacketType, last tds.Status, body []byte) {
	p.t.Helper()
	var out []byte
	for first := true; first || len(body) > 0; first = false {
		n := min(len(body), 4000)
		h := tds.Header{Type: typ, Length: n + tds.HeaderSize}
		if n == len(body) {
			h.Status = last
		}
		out, body = append(h.Append(out), body[:n]...), body[n:]
	}
	if _, err := p.Write(out); err != nil {
		p.t.Fatal(err)
	}
}

func (p *raw) reply() (body []byte) {
	p.t.Helper()
	for {
		var head [tds.HeaderSize]byte
		if _, err := io.ReadFull(p, head[:]); err != nil {
			p.t.Fatal(err)
		}
		h, err := tds.DecodeHeader(head[:], tds.MaxPacketSize)
		if err != nil {
			p.t.Fatal(err)
		}
		part := make([]byte, h.Length-tds.HeaderSize)
		if _, err := io.ReadFull(p, part); err != nil {
			p.t.Fatal(err)
		}
		if body = append(body, part...); h.Status&tds.StatusEnd != 0 {
			return body
		}
	}
}

func (p *raw) tokens() []tds.ServerToken {
	p.t.Helper()
	tokens, err := tds.DecodeReply(p.reply(), tds.Limits{})
	if err != nil {
		p.t.Fatal(err)
	}
	return tokens
}

func firstError(tokens []tds.ServerToken) int32 {
	for _, t := range tokens {
		if m, ok := t.(*tds.Message); ok && !m.Info {
			return m.Number
		}
	}
	return 0
}

// batch runs one and gives the number of its error.
func (p *raw) batch(text string) int32 {
	p.t.Helper()
	p.send(tds.PacketBatch, tds.StatusEnd, (&tds.Batch{Text: text}).Append(nil))
	return firstError(p.tokens())
}

var (
	bulkInt  = tds.TypeInfo{ID: tds.TypeIntN, Size: 4}
	bulkText = tds.TypeInfo{ID: tds.TypeNVarChar, Size: 400, Collation: [5]byte{0x09, 0x04, 0xD0, 0x00, 0x34}}
)

// load is a bulk load of n rows from the number first on; other takes the place of the row in the middle.
func load(first, n int, other ...[]byte) []byte {
	m := &tds.Bulk{Columns: []tds.Column{{Name: "id", Type: bulkInt}, {Name: "name", Type: bulkText}}}
	for i := range n {
		id := first + i
		row := [][]byte{{byte(id), byte(id >> 8), byte(id >> 16), 0}, tds.AppendText(nil, "name")}
		if i == n/2 && other != nil {
			row = other
		}
		m.Rows = append(m.Rows, row)
	}
	return m.Append(nil)
}

// An error amid the rows of a bulk load takes all of them back; the rest of the stream is read and thrown away, the connection goes on,
// and nobody else waits for it.
func TestBulkThatFailsAmidItsRows(t *testing.T) {
	t.Parallel()
	s := start(t)
	db := s.database("CREATE TABLE t (id int NOT NULL PRIMARY KEY, name nvarchar(10) NULL CHECK (name <> N'bad'))", "INSERT t VALUES (1, N'one')")
	other := s.one("database=d1")
	must(t, other, "SET LOCK_TIMEOUT 0")
	p := s.raw(t)
	const insert = "insert bulk t ([id] int, [name] nvarchar(200))"
	text := func(s string) []byte { return tds.AppendText(nil, s) }
	for i, c := range []struct {
		name string
		body []byte
		want int32
	}{
		{"a key twice", load(1000, 600, []byte{1, 0, 0, 0}, text("x")), 2627},
		{"a check", load(1000, 600, []byte{1, 0, 9, 0}, text("bad")), 547},
		{"no value", load(1000, 600, nil, text("x")), 515},
		{"a text too long", load(1000, 600, []byte{1, 0, 9, 0}, text("12345678901")), 2628},
		{"half a character", load(1000, 600, []byte{1, 0, 9, 0}, []byte("abc")), 8023},
		{"too few columns", (&tds.Bulk{Columns: []tds.Column{{Name: "id", Type: bulkInt}}, Rows: [][][]byte{{{9, 0, 0, 0}}}}).Append(nil), 4804},
	} {
		if n := p.batch(insert); n != 0 {
			t.Fatalf("%s: INSERT BULK: %d", c.name, n)
		}
		p.send(tds.PacketBulk, tds.StatusEnd, c.body)
		if n := firstError(p.tokens()); n != c.want {
			t.Errorf("%s: message %d, want %d", c.name, n, c.want)
		}
		must(t, other, "INSERT t VALUES (-1, N'x'); DELETE t WHERE id = -1") // at once: no lock was left
		if n := p.batch("IF (SELECT COUNT(*) FROM t) <> 1 OR @@TRANCOUNT <> 0 RAISERROR('rows stayed', 16, 1)"); n != 0 {
			t.Errorf("%s: message %d behind it", c.name, n)
		}
		if i > 0 {
			continue
		}
		// Rows that were not announced, or not at once.
		p.send(tds.PacketBulk, tds.StatusEnd, load(1000, 10))
		if n := firstError(p.tokens()); n != 4022 {
			t.Errorf("rows out of the blue: message %d", n)
		}
		p.batch(insert)
		p.batch("PRINT ''")
		p.send(tds.PacketBulk, tds.StatusEnd, load(1000, 10))
		if n := firstError(p.tokens()); n != 4022 {
			t.Errorf("rows long after INSERT BULK: message %d", n)
		}
	}
	p.batch(insert)
	p.send(tds.PacketBulk, tds.StatusEnd, load(1000, 600))
	if n := firstError(p.tokens()); n != 0 {
		t.Errorf("a good load after all that: message %d", n)
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM t").Scan(&n); err != nil || n != 601 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// A load whose client gives it up, cancels it, goes away or sends what is no row leaves no row, and lets go of its locks.
func TestBulkThatIsCut(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.database("CREATE TABLE t (id int NOT NULL PRIMARY KEY, name nvarchar(10) NULL)")
	other := s.one("database=d1")
	whole := load(1, 500)
	rows := whole[:len(whole)-13]                        // the last row's end
	for name, end := range map[string]func(p *raw) bool{ // reports that the connection lives
		"ignore": func(p *raw) bool {
			p.send(tds.PacketBulk, tds.StatusEnd|tds.StatusIgnore, nil)
			p.tokens()
			return true
		},
		"attention": func(p *raw) bool {
			p.send(tds.PacketAttention, tds.StatusEnd, nil)
			p.tokens()
			if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneAttention {
				t.Error("no answer to the attention")
			}
			return true
		},
		"gone": func(p *raw) bool { _ = p.Close(); return false },
		"half a row": func(p *raw) bool {
			p.send(tds.PacketBulk, tds.StatusEnd, []byte{0xD1, 4, 1})
			if n := firstError(p.tokens()); n != 4002 {
				t.Errorf("half a row: message %d", n)
			}
			return false
		},
		"no row": func(p *raw) bool {
			p.send(tds.PacketBulk, tds.StatusEnd, bytes.Repeat([]byte{0x55}, 50000))
			if n := firstError(p.tokens()); n != 4002 {
				t.Errorf("no row: message %d", n)
			}
			return false
		},
	} {
		p := s.raw(t)
		if n := p.batch("insert bulk t ([id] int, [name] nvarchar(200))"); n != 0 {
			t.Fatalf("%s: INSERT BULK: %d", name, n)
		}
		p.send(tds.PacketBulk, 0, rows)
		lives := end(p)
		must(t, other, "INSERT t VALUES (-1, N'x'); DELETE t WHERE id = -1") // waits for the load's end, no longer
		if diff := cmp.Diff("0\n(1)\n", show(t, other, "SELECT COUNT(*) FROM t")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if lives {
			if n := p.batch("INSERT t VALUES (-1, N'x'); DELETE t WHERE id = -1"); n != 0 {
				t.Errorf("%s: message %d behind it", name, n)
			}
		}
	}
}

// text, ntext and image have a table's name in their metadata and a pointer in front of each value.
func TestBulkOfText(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.database("CREATE TABLE t (id int, a text NULL, b ntext NULL, c image NULL)")
	p := s.raw(t)
	if n := p.batch("insert bulk t ([id] int, [a] text, [b] ntext, [c] image)"); n != 0 {
		t.Fatalf("INSERT BULK: %d", n)
	}
	long := func(name string, id tds.TypeID) tds.Column {
		c := tds.Column{Name: name, Type: tds.TypeInfo{ID: id, Size: 0x7FFFFFFF}, Table: []string{"dbo.a long name"}}
		if id != tds.TypeImage {
			c.Type.Collation = bulkText.Collation
		}
		return c
	}
	m := &tds.Bulk{Columns: []tds.Column{{Name: "id", Type: bulkInt}, long("a", tds.TypeText), long("b", tds.TypeNText), long("c", tds.TypeImage)}}
	m.Rows = [][][]byte{{{1, 0, 0, 0}, []byte("text"), tds.AppendText(nil, "ntext"), []byte("image")}, {{2, 0, 0, 0}, nil, nil, nil}}
	p.send(tds.PacketBulk, tds.StatusEnd, m.Append(nil))
	if n := firstError(p.tokens()); n != 0 {
		t.Fatalf("message %d", n)
	}
	want := "1|text|ntext|image\n2|NULL|NULL|NULL\n(2)\n"
	if diff := cmp.Diff(want, show(t, s.one("database=d1"), "SELECT * FROM t ORDER BY id")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
