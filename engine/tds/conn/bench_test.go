package conn_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"runtime"
	"testing"

	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/engine/tds/login"
	"latchkey/internal/secret"
)

// rowsServer runs without TLS for a benchmark.
func rowsServer(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.Cleanup(func() { cancel(); _ = l.Close() })
	s := &server{}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = conn.Serve(ctx, c, conn.Config{}, s) }()
		}
	}()
	return l.Addr().String()
}

// BenchmarkRoundTrip is a small statement and its answer through a real driver.
func BenchmarkRoundTrip(b *testing.B) {
	db, err := sql.Open("sqlserver", fmt.Sprintf("sqlserver://%s?user+id=%s&password=P%%C3%%A4ss%%7Bw0rd%%7D%%3B&encrypt=disable", rowsServer(b), testUser))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	var n int
	for b.Loop() {
		if err := db.QueryRowContext(b.Context(), "echo @p1", 7).Scan(&n); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkIdleConnections reports the server's memory for each connection that is logged in and waits.
func BenchmarkIdleConnections(b *testing.B) {
	addr := rowsServer(b)
	pre := login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptNotSup}
	hello, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketPrelogin}, pre.Append(nil), 4096)
	l := &login.Login{Version: tds.V74, UserName: testUser, Password: secret.New(tds.AppendText(nil, testPassword))}
	enter, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketLogin}, l.Append(nil), 4096)
	const n = 500
	for b.Loop() {
		heap := func() uint64 {
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapInuse + m.StackInuse
		}
		before := heap()
		var open []net.Conn
		buf := make([]byte, 4096)
		for range n {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				b.Fatal(err)
			}
			open = append(open, c)
			for _, msg := range [][]byte{hello, enter} {
				if _, err := c.Write(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := c.Read(buf); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(heap()-before)/n, "B/conn")
		for _, c := range open {
			_ = c.Close()
		}
	}
}
