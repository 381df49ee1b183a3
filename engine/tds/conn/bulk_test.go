package conn_test

import (
	"testing"
	"time"

	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/internal/clock"
)

// A bulk load that the client gives up, or cancels with an attention, leaves the connection usable.
func TestBulkThatIsGivenUp(t *testing.T) {
	columns := []tds.Column{{Name: "a", Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}}
	body := (&tds.Bulk{Columns: columns, Rows: [][][]byte{{{1, 0, 0, 0}}, {nil}}}).Append(nil)
	s := start(t, nil)
	p := dial(t, s)
	p.login()
	_ = p.packet(tds.PacketBulk, 0, body[:20])
	_ = p.packet(tds.PacketBulk, tds.StatusEnd|tds.StatusIgnore, body[20:25])
	if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneError {
		t.Error("no answer to a load that was given up")
	}
	_ = p.packet(tds.PacketBulk, 0, body[:20])
	_ = p.packet(tds.PacketAttention, tds.StatusEnd, nil)
	p.tokens()
	if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneAttention {
		t.Error("no answer to the attention")
	}
	_ = p.packet(tds.PacketBulk, 0, body[:30])
	_ = p.packet(tds.PacketBulk, tds.StatusEnd, body[30:])
	if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneCount || d.Rows != 2 {
		t.Error("the load after that failed")
	}
}

// What came of a bulk load before its client was gone or gave it up is never taken for all of it.
func TestBulkThatEndsEarly(t *testing.T) {
	columns := []tds.Column{{Name: "a", Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}}
	body := (&tds.Bulk{Columns: columns, Rows: [][][]byte{{{1, 0, 0, 0}}, {{2, 0, 0, 0}}}}).Append(nil)
	rows := body[:len(body)-13] // two whole rows
	s := start(t, nil)
	for i := range 30 {
		p := dial(t, s)
		p.login()
		_ = p.packet(tds.PacketBulk, 0, rows)
		if i%2 == 0 {
			_ = p.Close()
		} else {
			_ = p.packet(tds.PacketAttention, 0, nil) // without the mark of the end, which it does not need
			p.tokens()
			if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneAttention {
				t.Error("no answer to the attention")
			}
			_ = p.Close()
		}
	}
	until(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.errs) == 30 // of all connections, whose sessions are over then
	})
	for _, ses := range s.all() {
		if ses.loads != 0 {
			t.Fatal("a load that was cut off was taken as whole")
		}
	}
}

// A client that stalls amid a bulk load is dropped after the read timeout, and its rows count for nothing.
func TestBulkThatStalls(t *testing.T) {
	now := clock.NewFake(time.Now())
	s := start(t, func(c *conn.Config) { c.ReadTimeout, c.Clock = time.Hour, now })
	p := dial(t, s)
	p.login()
	now.Set(time.Now().Add(-time.Hour)) // its time is over now
	columns := []tds.Column{{Name: "a", Type: tds.TypeInfo{ID: tds.TypeIntN, Size: 4}}}
	body := (&tds.Bulk{Columns: columns, Rows: [][][]byte{{{1, 0, 0, 0}}}}).Append(nil)
	_ = p.packet(tds.PacketBulk, 0, body[:len(body)-13])
	if !p.closed() {
		t.Error("a stalled load holds the connection")
	}
	until(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.errs) == 1
	})
	if s.all()[0].loads != 0 {
		t.Error("the rows of a stalled load were taken")
	}
}
