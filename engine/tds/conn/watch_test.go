package conn_test

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/internal/clock"
)

// What a client sends while a statement runs is read: attentions end the statement however they come, one message waits for its turn.
func TestSentWhileAStatementRuns(t *testing.T) {
	s := start(t, nil)
	p := dial(t, s)
	p.login()
	wait := (&tds.Batch{Text: "wait"}).Append(nil)
	both, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketBatch}, wait, 4096)
	both, _ = tds.AppendPackets(both, tds.Header{Type: tds.PacketAttention}, nil, 4096)
	answered := func() {
		t.Helper()
		p.tokens() // of the statement that was cut short
		if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneAttention {
			t.Fatal("no answer to the attention")
		}
	}
	for range 3 {
		if _, err := p.Write(both); err != nil {
			t.Fatal(err)
		}
		answered()
		p.send(tds.PacketBatch, 0, wait)
		<-s.all()[0].waiting
		p.send(tds.PacketAttention, 0, nil)
		answered()
		<-s.all()[0].waiting
		p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "select"}).Append(nil))
		if n := number(p.tokens()); n != 0 {
			t.Fatalf("message %d", n)
		}
	}
	row := (&tds.Bulk{Columns: []tds.Column{{Name: "a", Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}}, Rows: [][][]byte{{nil}}}).Append(nil)
	load, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketBulk}, row, 4096)
	load, _ = tds.AppendPackets(load, tds.Header{Type: tds.PacketBulk}, row, 4096)
	load, _ = tds.AppendPackets(load, tds.Header{Type: tds.PacketBatch}, (&tds.Batch{Text: "bulked"}).Append(nil), 4096)
	if _, err := p.Write(load); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if n := number(p.tokens()); n != 0 {
			t.Fatalf("message %d", n)
		}
	}
}

// An attention ends a statement that writes, whenever the client gets to read what was written before; the connection serves on.
func TestAttentionAmidAResult(t *testing.T) {
	s := start(t, nil)
	p := dial(t, s)
	p.login()
	for range 3 {
		p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "forever"}).Append(nil))
		if _, err := io.CopyN(io.Discard, p, tds.HeaderSize+1); err != nil { // it writes
			t.Fatal(err)
		}
		p.send(tds.PacketAttention, 0, nil)
		// The rest of the first packet, then what follows up to the end of the message.
		if _, err := io.CopyN(io.Discard, p, 4096-tds.HeaderSize-1); err != nil {
			t.Fatal(err)
		}
		if _, err := p.message(); err != nil {
			t.Fatal(err)
		}
		if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneAttention {
			t.Fatal("no answer to the attention")
		}
		p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "select"}).Append(nil))
		if n := number(p.tokens()); n != 0 {
			t.Fatalf("message %d", n)
		}
	}
}

// A client that goes away ends the statement that it waited for, also where it sent another one behind it.
func TestClientThatLeaves(t *testing.T) {
	for _, more := range []bool{false, true} {
		budget := conn.NewBudget(1 << 20)
		client, srv := net.Pipe()
		auth := &server{}
		ended := make(chan error, 1)
		go func() { ended <- conn.Serve(t.Context(), srv, conn.Config{SPID: 51, Budget: budget}, auth) }()
		p := &peer{t, client}
		p.login()
		p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "wait"}).Append(nil))
		<-auth.all()[0].waiting
		if more {
			p.send(tds.PacketAttention, 0, nil) // read, so the next message is
			p.send(tds.PacketBatch, 0, make([]byte, 100))
		}
		_ = client.Close()
		<-ended
		if n := budget.Used(); n != 0 || auth.all()[0].closed != 1 {
			t.Errorf("%d bytes of the budget are lost, the session was closed %d times", n, auth.all()[0].closed)
		}
	}
}

// timed is a connection of which the deadline for reading can be seen.
type timed struct {
	net.Conn
	mu   sync.Mutex
	read time.Time
}

func (c *timed) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read = t
	return c.Conn.SetReadDeadline(t)
}

func (c *timed) SetDeadline(t time.Time) error {
	_ = c.Conn.SetWriteDeadline(t)
	return c.SetReadDeadline(t)
}

func (c *timed) deadline() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read
}

// The bound of idle connections does not hold for statements.
func TestIdleTimeout(t *testing.T) {
	const idle = time.Hour
	now := clock.NewFake(time.Now())
	client, srv := net.Pipe()
	defer client.Close()
	auth, socket := &server{}, &timed{Conn: srv}
	ended := make(chan error, 1)
	go func() {
		ended <- conn.Serve(t.Context(), socket, conn.Config{SPID: 51, IdleTimeout: idle, LoginTimeout: time.Hour, Clock: now}, auth)
	}()
	p := &peer{t, client}
	p.login()
	until(t, func() bool { return socket.deadline().Equal(now.Now().Add(idle)) })
	p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "wait"}).Append(nil))
	<-auth.all()[0].waiting
	until(t, func() bool { return socket.deadline().IsZero() }) // as long as it takes
	now.Advance(time.Minute)
	p.send(tds.PacketAttention, 0, nil)
	p.tokens()
	if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneAttention {
		t.Error("no answer to the attention")
	}
	until(t, func() bool { return socket.deadline().Equal(now.Now().Add(idle)) })
	if err := srv.SetReadDeadline(time.Unix(1, 0)); err != nil { // the time is over
		t.Fatal(err)
	}
	if !p.closed() {
		t.Error("an idle connection is kept")
	}
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("it ended by %v", err)
	}
}
