package engine_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"latchkey/engine"
	"latchkey/engine/sqltype/wtf8"
	"latchkey/engine/tds"
	"latchkey/engine/tds/login"
	"latchkey/internal/secret"
)

// canned is a client that sends what it was given, its last message as often as a benchmark wants, and counts the answers.
type canned struct {
	first, again []byte // again ends with the number of a row
	left         int
	rest         []byte
	due          atomic.Int64 // answers
	all, ended   chan struct{}
}

func newCanned(first []byte, answers int) *canned {
	c := &canned{first: first, all: make(chan struct{}), ended: make(chan struct{})}
	c.due.Store(int64(answers))
	return c
}

func (c *canned) Read(b []byte) (int, error) {
	if len(c.rest) == 0 {
		switch {
		case c.first != nil:
			c.rest, c.first = c.first, nil
		case c.left > 0:
			binary.LittleEndian.PutUint64(c.again[len(c.again)-8:], uint64(rand.IntN(aloneRows)))
			c.rest = c.again
			c.left--
		default:
			<-c.all // an end would cut the last request short
			return 0, io.EOF
		}
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *canned) Close() error {
	select {
	case <-c.ended:
	default:
		close(c.ended)
	}
	return nil
}

// Write takes answers; a small one is one packet in one write.
func (c *canned) Write(b []byte) (int, error) {
	if tds.Status(b[1])&tds.StatusEnd != 0 && c.due.Add(-1) == 0 {
		close(c.all)
	}
	return len(b), nil
}

func (*canned) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (*canned) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (*canned) SetDeadline(time.Time) error      { return nil }
func (*canned) SetReadDeadline(time.Time) error  { return nil }
func (*canned) SetWriteDeadline(time.Time) error { return nil }

// single is a listener of connections that are there already.
type single chan net.Conn

func (l single) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l single) Close() error { return nil }
func (single) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func nvarchar(s string) tds.Param {
	return tds.Param{Type: tds.TypeInfo{ID: tds.TypeNVarChar, Size: 8000}, Value: wtf8.AppendUTF16LE(nil, s)}
}

const aloneRows = 100_000

// BenchmarkServerAlone is what the server does for a point select as go-mssqldb sends it, with the reset of its pool, but for the
// network's part and TLS. With two sessions at once on two processors the time for each should come near to half; what they share that either
// writes is what is missing.
func BenchmarkServerAlone(b *testing.B) {
	cert := httptest.NewTLSServer(nil) // for its certificate
	b.Cleanup(cert.Close)
	e, err := engine.Open(b.Context(), engine.Config{TLS: cert.TLS, Dir: b.TempDir(), Name: "BENCH", Admin: &engine.Admin{Name: "dba", Password: secret.FromString("Pr0of-of-Work")}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close(context.Background()) })
	l := make(single)
	go func() { _ = e.Serve(l) }()
	first := func(database string) []byte {
		pre := login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptNotSup}
		out, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketPrelogin}, pre.Append(nil), 4096)
		in := &login.Login{Version: tds.V74, PacketSize: 4096, UserName: "dba", Password: secret.New(tds.AppendText(nil, "Pr0of-of-Work")), Database: database}
		out, _ = tds.AppendPackets(out, tds.Header{Type: tds.PacketLogin}, in.Append(nil), 4096)
		return out
	}
	batch := func(database string, texts ...string) {
		c := newCanned(first(database), 2+len(texts))
		for _, t := range texts {
			c.first, _ = tds.AppendPackets(c.first, tds.Header{Type: tds.PacketBatch}, (&tds.Batch{Text: t}).Append(nil), 4096)
		}
		l <- c
		<-c.ended
	}
	batch("master", "CREATE DATABASE Bench")
	batch("Bench", "CREATE TABLE dbo.account (id int NOT NULL PRIMARY KEY, name nvarchar(40) NOT NULL, balance bigint NOT NULL)",
		"WITH d AS (SELECT 0 AS n UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 "+
			"UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9) INSERT INTO dbo.account "+
			"SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n, N'a name', 1000 FROM d AS a CROSS JOIN d AS b CROSS JOIN d AS c CROSS JOIN d AS d CROSS JOIN d AS e")
	{
		call := tds.Call{ProcID: tds.ProcExecuteSQL, Params: []tds.Param{
			nvarchar("SELECT name, balance FROM dbo.account WHERE id = @p1"), nvarchar("@p1 bigint"),
			{Name: "@p1", Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 8}, Value: []byte{7, 0, 0, 0, 0, 0, 0, 0}},
		}}
		again, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketRPC, Status: tds.StatusReset}, (&tds.RPC{Calls: []tds.Call{call}}).Append(nil), 4096)
		for _, sessions := range []int{1, 2} {
			b.Run(fmt.Sprintf("select/sessions=%d", sessions), func(b *testing.B) {
				b.ReportAllocs()
				each := b.N/sessions + 1
				for range sessions {
					c := newCanned(first("Bench"), 2+each)
					c.again, c.left = bytes.Clone(again), each
					defer func() { <-c.ended }()
					l <- c
				}
			})
		}
	}
}
