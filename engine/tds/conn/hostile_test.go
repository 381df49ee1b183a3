package conn_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/engine/tds/login"
	"latchkey/internal/clock"
	"latchkey/internal/secret"
)

// peer is a client that sends what it is told to.
type peer struct {
	t *testing.T
	net.Conn
}

func dial(t *testing.T, s *server) *peer {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if end, ok := t.Deadline(); ok { // what never comes is told before the test is ended
		if err := c.SetDeadline(end.Add(-5 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return &peer{t, c}
}

func (p *peer) send(typ tds.PacketType, status tds.Status, body []byte) {
	p.t.Helper()
	out, _ := tds.AppendPackets(nil, tds.Header{Type: typ, Status: status, ID: 1}, body, 4096)
	if _, err := p.Write(out); err != nil {
		p.t.Logf("writing: %v", err)
	}
}

// packet sends one packet as it is, without marking an end.
func (p *peer) packet(typ tds.PacketType, status tds.Status, body []byte) error {
	h := tds.Header{Type: typ, Status: status, Length: len(body) + tds.HeaderSize}
	_, err := p.Write(append(h.Append(nil), body...))
	return err
}

// message reads a whole reply.
func (p *peer) message() ([]byte, error) {
	var body []byte
	for {
		var head [tds.HeaderSize]byte
		if _, err := io.ReadFull(p, head[:]); err != nil {
			return nil, err
		}
		h, err := tds.DecodeHeader(head[:], tds.MaxPacketSize)
		if err != nil {
			return nil, err
		}
		if h.Type != tds.PacketReply || h.SPID != 51 {
			p.t.Errorf("header %+v", h)
		}
		part := make([]byte, h.Length-tds.HeaderSize)
		if _, err := io.ReadFull(p, part); err != nil {
			return nil, err
		}
		body = append(body, part...)
		if h.Status&tds.StatusEnd != 0 {
			return body, nil
		}
	}
}

func (p *peer) tokens() []tds.ServerToken {
	p.t.Helper()
	b, err := p.message()
	if err != nil {
		p.t.Fatal(err)
	}
	tokens, err := tds.DecodeReply(b, tds.Limits{})
	if err != nil {
		p.t.Fatal(err)
	}
	return tokens
}

// number is that of the first error of a reply, 0 if there is none.
func number(tokens []tds.ServerToken) int32 {
	for _, t := range tokens {
		if m, ok := t.(*tds.Message); ok && !m.Info {
			return m.Number
		}
	}
	return 0
}

// closed reports that the server ended the connection.
func (p *peer) closed() bool {
	_, err := io.Copy(io.Discard, p)
	var timeout net.Error
	return err == nil || !errors.As(err, &timeout) || !timeout.Timeout()
}

func (p *peer) prelogin() {
	pre := login.Prelogin{HasEncrypt: true, Encrypt: login.EncryptNotSup}
	p.send(tds.PacketPrelogin, 0, pre.Append(nil))
	if _, err := p.message(); err != nil {
		p.t.Fatal(err)
	}
}

func goodLogin() *login.Login {
	return &login.Login{Version: tds.V74, PacketSize: 4096, UserName: testUser, Password: secret.New(tds.AppendText(nil, testPassword))}
}

func (p *peer) login() {
	p.t.Helper()
	p.prelogin()
	p.send(tds.PacketLogin, 0, goodLogin().Append(nil))
	if n := number(p.tokens()); n != 0 {
		p.t.Fatalf("login: %d", n)
	}
}

func TestLoginTokens(t *testing.T) {
	p := dial(t, start(t, nil))
	p.prelogin()
	l := goodLogin()
	l.PacketSize = 100000
	l.Option3 = login.Option3Extension
	l.Features = []tds.Feature{{ID: tds.FeatureUTF8}, {ID: tds.FeatureColumnEncrypt, Data: []byte{1}}, {ID: tds.FeatureSessionRecovery}}
	p.send(tds.PacketLogin, 0, l.Append(nil))
	var got []string
	for _, t := range p.tokens() {
		switch t := t.(type) {
		case *tds.EnvChange:
			got = append(got, "env "+string('0'+rune(t.Type))+t.New)
		case *tds.Message:
			got = append(got, t.Text)
		case *tds.LoginAck:
			got = append(got, t.Version.String()+t.Program)
		case *tds.FeatureAck:
			got = append(got, "features")
			if len(t.Features) != 1 || t.Features[0].ID != tds.FeatureUTF8 {
				p.t.Errorf("features %v", t.Features)
			}
		case *tds.Done:
			got = append(got, "done")
		}
	}
	want := "env 1master|Changed database context to 'master'.|env 7|env 2us_english|Changed language setting to us_english.|7.4Microsoft SQL Server|env 432767|features|done"
	if s := strings.Join(got, "|"); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

func TestRefusedLogins(t *testing.T) {
	s := start(t, nil)
	for name, test := range map[string]struct {
		change func(*login.Login)
		number int32
	}{
		"integrated": {func(l *login.Login) { l.Option2 |= login.Option2SSPI; l.SSPI = []byte("NTLMSSP") }, 18452},
		"federated": {func(l *login.Login) {
			l.Option3 = login.Option3Extension
			l.Features = []tds.Feature{{ID: tds.FeatureFedAuth, Data: []byte{2}}}
		}, 18456},
		"wrong password": {func(l *login.Login) { l.Password = secret.FromString("x\x00") }, 18456},
		"no password":    {func(l *login.Login) { l.Password = nil }, 18456},
		"database":       {func(l *login.Login) { l.Database = "nope" }, 4060},
	} {
		p := dial(t, s)
		p.prelogin()
		l := goodLogin()
		test.change(l)
		p.send(tds.PacketLogin, 0, l.Append(nil))
		tokens := p.tokens()
		if n := number(tokens); n != test.number {
			t.Errorf("%s: message %d", name, n)
		}
		if d, ok := tokens[len(tokens)-1].(*tds.Done); !ok || d.Status != tds.DoneError {
			t.Errorf("%s: no DONE with an error", name)
		}
		if !p.closed() {
			t.Errorf("%s: still open", name)
		}
	}
}

// A 7.1 client reads its refusal in its own form: with and without a prelogin.
func TestOldVersionIsRefusedInItsForm(t *testing.T) {
	s := start(t, nil)
	for _, pre := range []bool{true, false} {
		p := dial(t, s)
		if pre {
			p.prelogin()
		}
		l := goodLogin()
		l.Version = tds.V71
		p.send(tds.PacketLogin, 0, l.Append(nil))
		b, err := p.message()
		if err != nil {
			t.Fatal(err)
		}
		done := (&tds.Done{Status: tds.DoneError}).Append(nil, tds.V71)
		if !bytes.Contains(b, tds.AppendText(nil, "TDS 7.1; this server needs TDS 7.2 or later")) || !bytes.HasSuffix(b, done) || int(binary.LittleEndian.Uint16(b[1:])) != len(b)-3-len(done) {
			t.Errorf("got % x", b)
		}
	}
}

// Each of these ends before login, without an answer that costs anything: most at once, and those that leave the server waiting when the
// time for a login is over.
func TestNoiseBeforeLogin(t *testing.T) {
	patient, hasty := start(t, nil), start(t, func(c *conn.Config) { c.LoginTimeout = 100 * time.Millisecond })
	big := bytes.Repeat([]byte{1}, 4088)
	for name, c := range map[string]struct {
		s    *server
		send func(p *peer)
	}{
		"http":             {patient, func(p *peer) { _, _ = p.Write([]byte("GET / HTTP/1.1\r\n\r\n")) }},
		"nothing":          {hasty, func(*peer) {}},
		"half a header":    {hasty, func(p *peer) { _, _ = p.Write([]byte{0x12, 1, 0}) }},
		"length 7":         {patient, func(p *peer) { _, _ = p.Write([]byte{0x12, 1, 0, 7, 0, 0, 0, 0}) }},
		"long prelogin":    {patient, func(p *peer) { _ = p.packet(tds.PacketPrelogin, 0, big); _ = p.packet(tds.PacketPrelogin, 0, big) }},
		"empty packets":    {hasty, func(p *peer) { _ = p.packet(tds.PacketPrelogin, 0, nil) }},
		"tls that is none": {patient, func(p *peer) { _, _ = p.Write(bytes.Repeat([]byte{0x16}, 100)) }},
		"batch first":      {patient, func(p *peer) { p.prelogin(); p.send(tds.PacketBatch, 0, big) }},
		"endless login": {patient, func(p *peer) {
			p.prelogin()
			for range 40 {
				if p.packet(tds.PacketLogin, 0, big) != nil {
					return
				}
			}
		}},
		"strict without alpn": {patient, func(p *peer) {
			_ = tls.Client(p, &tls.Config{InsecureSkipVerify: true}).Handshake()
		}},
	} {
		p := dial(t, c.s)
		c.send(p)
		if !p.closed() {
			t.Errorf("%s: still open", name)
		}
	}
	if n := len(patient.all()) + len(hasty.all()); n != 0 {
		t.Errorf("%d sessions", n)
	}
}

func TestBadRequests(t *testing.T) {
	headers := (&tds.Batch{}).Append(nil)
	for name, test := range map[string]struct {
		send   func(p *peer)
		number int32
		lives  bool
	}{
		"distributed": {func(p *peer) { p.send(tds.PacketTransMgr, 0, (&tds.TransMgr{Request: tds.TransPromote}).Append(nil)) }, 8501, true},
		"unknown type": {func(p *peer) {
			p.send(tds.PacketRPC, 0, append(headers[:len(headers):len(headers)], 0xFF, 0xFF, 10, 0, 0, 0, 0, 0, 0x99))
		}, 8009, true},
		"cut off":     {func(p *peer) { p.send(tds.PacketRPC, 0, append(headers[:len(headers):len(headers)], 0xFF)) }, 4002, false},
		"bad headers": {func(p *peer) { p.send(tds.PacketBatch, 0, []byte{0xFF, 0xFF, 0, 0}) }, 4002, false},
		"too large": {func(p *peer) {
			p.send(tds.PacketBatch, 0, (&tds.Batch{Text: strings.Repeat("x", 60000)}).Append(nil))
		}, 7119, true},
		"given up": {func(p *peer) {
			_ = p.packet(tds.PacketBatch, 0, headers)
			_ = p.packet(tds.PacketBatch, tds.StatusEnd|tds.StatusIgnore, []byte("x\x00"))
		}, 0, true},
		"bulk that is none": {func(p *peer) { p.send(tds.PacketBulk, 0, []byte("x\x00y")) }, 4002, false},
	} {
		p := dial(t, start(t, func(c *conn.Config) { c.MaxMessage = 100000 }))
		p.login()
		test.send(p)
		if n := number(p.tokens()); n != test.number {
			t.Errorf("%s: message %d, want %d", name, n, test.number)
		}
		if !test.lives {
			if !p.closed() {
				t.Errorf("%s: still open", name)
			}
			continue
		}
		p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "select"}).Append(nil))
		if n := number(p.tokens()); n != 0 {
			t.Errorf("%s: afterwards message %d", name, n)
		}
	}
}

// A message without an end is cut off long before it hurts, and takes no budget with it.
func TestEndlessMessage(t *testing.T) {
	budget := conn.NewBudget(1 << 20)
	s := start(t, func(c *conn.Config) { c.MaxMessage, c.Budget = 100000, budget })
	p := dial(t, s)
	p.login()
	const most = 20000 // 80 MB: far more than the buffers of both sockets hold
	sent := 0
	for ; sent < most; sent++ {
		if p.packet(tds.PacketBatch, 0, make([]byte, 4088)) != nil {
			break
		}
	}
	if sent == most || !p.closed() {
		t.Errorf("%d packets were taken", sent)
	}
	until(t, func() bool { return budget.Used() == 0 })
}

func TestBudgetIsShared(t *testing.T) {
	budget := conn.NewBudget(50000)
	s := start(t, func(c *conn.Config) { c.Budget = budget })
	one, two := dial(t, s), dial(t, s)
	one.login()
	two.login()
	one.send(tds.PacketBatch, 0, (&tds.Batch{Text: "wait " + strings.Repeat("x", 15000)}).Append(nil))
	<-s.all()[0].waiting
	two.send(tds.PacketBatch, 0, (&tds.Batch{Text: strings.Repeat("x", 15000)}).Append(nil))
	if n := number(two.tokens()); n != 701 {
		t.Errorf("message %d, want 701", n)
	}
	one.send(tds.PacketAttention, 0, nil)
	one.tokens()
	if d, ok := one.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneAttention {
		t.Error("no answer to the attention")
	}
	two.send(tds.PacketBatch, 0, (&tds.Batch{Text: "select " + strings.Repeat("x", 15000)}).Append(nil))
	if n := number(two.tokens()); n != 0 {
		t.Errorf("message %d after the memory was given back", n)
	}
	row := (&tds.Bulk{Columns: []tds.Column{{Type: tds.TypeInfo{ID: tds.TypeBigVarBinary, Size: tds.SizeMax}}}, Rows: [][][]byte{{make([]byte, 200000)}}}).Append(nil)
	two.send(tds.PacketBulk, 0, row)
	if n := number(two.tokens()); n != 701 {
		t.Errorf("message %d for a large row, want 701", n)
	}
	if n := budget.Used(); n > 2*tds.DefaultPacketSize { // each connection keeps that for its next request
		t.Errorf("%d bytes in use", n)
	}
	_, _ = one.Close(), two.Close()
	until(t, func() bool { return budget.Used() == 0 })
}

// What connections keep of the budget is at most half of it: the others find room, however many there are.
func TestBudgetIsLeftToOthers(t *testing.T) {
	budget := conn.NewBudget(8000)
	s := start(t, func(c *conn.Config) { c.Budget = budget })
	var all []*peer
	for range 5 {
		p := dial(t, s)
		p.login()
		all = append(all, p)
	}
	for range 2 {
		for i, p := range all {
			p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "select " + strings.Repeat("x", 1500)}).Append(nil))
			if n := number(p.tokens()); n != 0 {
				t.Errorf("connection %d: message %d", i, n)
			}
		}
	}
	if n := budget.Used(); n == 0 || n > 4000 {
		t.Errorf("%d bytes in use", n)
	}
}

// An attention that comes when nothing runs is answered too, and a client that stalls inside a message is dropped.
func TestIdleAttentionAndStall(t *testing.T) {
	now := clock.NewFake(time.Now())
	s := start(t, func(c *conn.Config) { c.ReadTimeout, c.Clock = time.Hour, now })
	p := dial(t, s)
	p.login()
	p.send(tds.PacketAttention, 0, nil)
	if d, ok := p.tokens()[0].(*tds.Done); !ok || d.Status != tds.DoneAttention {
		t.Error("no answer to the attention")
	}
	now.Set(time.Now().Add(-time.Hour)) // its time is over now
	_ = p.packet(tds.PacketBatch, 0, make([]byte, 100))
	if !p.closed() {
		t.Error("a stalled message holds the connection")
	}
}

// A client that does not read its result is dropped after the write timeout.
func TestClientThatDoesNotRead(t *testing.T) {
	now := clock.NewFake(time.Now())
	s := start(t, func(c *conn.Config) { c.WriteTimeout, c.Clock = time.Hour, now })
	p := dial(t, s)
	p.login()
	now.Set(time.Now().Add(-time.Hour + 300*time.Millisecond)) // the login was in time, whatever it took
	p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "forever"}).Append(nil))
	until(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.errs) > 0
	})
}

// until waits for something that happens in the background.
func until(t *testing.T, done func() bool) {
	t.Helper()
	for !done() {
		select {
		case <-t.Context().Done():
			t.Fatal("waited in vain")
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// When the server stops, an idle connection ends at once and a statement under way is told.
func TestShutdown(t *testing.T) {
	client, srv := net.Pipe()
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	auth := &server{}
	ended := make(chan error, 1)
	go func() { ended <- conn.Serve(ctx, srv, conn.Config{SPID: 51}, auth) }()
	p := &peer{t, client}
	p.login()
	p.send(tds.PacketBatch, 0, (&tds.Batch{Text: "wait"}).Append(nil))
	<-auth.all()[0].waiting
	cancel()
	if n := number(p.tokens()); n != 596 {
		t.Errorf("message %d, want 596", n)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if auth.all()[0].closed != 1 {
		t.Error("the session is not closed")
	}
}

// The server survives any bytes after login.
func FuzzServe(f *testing.F) {
	batch, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketBatch}, (&tds.Batch{Text: "select"}).Append(nil), 4096)
	f.Add(batch)
	f.Add(append(batch, 6, 1, 0, 8, 0, 0, 0, 0))
	f.Add([]byte{7, 0, 0, 9, 0, 0, 0, 0, 0x81, 6, 1, 0, 8, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Contains(bytes.ToLower(b), []byte("w\x00a")) || bytes.Contains(bytes.ToLower(b), []byte("f\x00o")) {
			return // statements that end by an attention alone
		}
		client, srv := net.Pipe()
		ended := make(chan error, 1)
		go func() { ended <- conn.Serve(t.Context(), srv, conn.Config{SPID: 51, MaxMessage: 1 << 16}, &server{}) }()
		p := &peer{t, client}
		p.login()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		_ = client.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = client.Write(b)
		_ = client.Close()
		<-ended
	})
}

// The packet size is what the client asks for, within the bounds; inside TLS at most 16,383.
func TestPacketSizes(t *testing.T) {
	s := start(t, nil)
	for _, params := range []string{
		"encrypt=disable&packet+size=512", "encrypt=disable&packet+size=32767", "encrypt=true&TrustServerCertificate=true&packet+size=32767",
	} {
		db := open(t, s, params)
		var got string
		if err := db.QueryRowContext(t.Context(), "echo @p1", strings.Repeat("x", 100000)).Scan(&got); err != nil || len(got) != 100000 {
			t.Errorf("%s: %d bytes, %v", params, len(got), err)
		}
	}
}
