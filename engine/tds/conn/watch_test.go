package conn_test

import (
	"net"
	"testing"
	"time"

	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
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

// The bound of idle connections does not hold for statements.
func TestIdleTimeout(t *testing.T) {
	s := start(t, func(c *conn.Config) { c.IdleTimeout = 100 * time.Millisecond })
	p := dial(t, s)
	p.login()
	from := time.Now()
	p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "wait"}).Append(nil))
	<-s.all()[0].waiting
	for time.Since(from) < 300*time.Millisecond {
		<-time.NewTimer(10 * time.Millisecond).C
	}
	p.send(tds.PacketAttention, 0, nil)
	p.tokens()
	if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneAttention {
		t.Error("no answer to the attention")
	}
	if !p.closed() {
		t.Error("an idle connection is kept")
	}
}
