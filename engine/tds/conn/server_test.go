package conn_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/engine/sqltype"
	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/engine/tds/sqlval"
)

var capture = flag.Bool("capture", false, "write what clients send without TLS to ../testdata/captures")

const (
	testUser     = "dba"
	testPassword = "Päss{w0rd};"
)

// server is a TDS server whose session answers canned rows.
type server struct {
	addr     string
	port     int
	caFile   string
	pool     *x509.CertPool
	listener net.Listener

	mu       sync.Mutex
	sessions []*session
	logins   []conn.LoginRequest
	errs     []error
}

// start runs a server with a certificate for localhost until the test ends.
func start(t *testing.T, change func(*conn.Config)) *server {
	t.Helper()
	cert, caPEM := certificate(t)
	s := &server{pool: x509.NewCertPool(), caFile: filepath.Join(t.TempDir(), "ca.pem")}
	s.pool.AppendCertsFromPEM(caPEM)
	if err := os.WriteFile(s.caFile, caPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := conn.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, ServerName: "TESTSRV", SPID: 51, LoginTimeout: time.Hour}
	if change != nil {
		change(&cfg)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.listener, s.addr, s.port = l, l.Addr().String(), l.Addr().(*net.TCPAddr).Port
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				if *capture {
					c = &recorder{Conn: c, name: t.Name()}
				}
				err := conn.Serve(ctx, c, cfg, s)
				t.Log("served: ", err)
				s.mu.Lock()
				s.errs = append(s.errs, err)
				s.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		wg.Wait()
		for _, ses := range s.all() {
			if ses.closed != 1 {
				t.Errorf("a session was closed %d times", ses.closed)
			}
		}
	})
	return s
}

func (s *server) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*session(nil), s.sessions...)
}

func certificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (s *server) Login(_ context.Context, r *conn.LoginRequest) (*conn.Accepted, error) {
	if r.UserName != testUser || !r.Password.Equal(tds.AppendText(nil, testPassword)) {
		return nil, errors.New("wrong password")
	}
	if r.Database == "nope" {
		return nil, &conn.Refusal{Messages: []tds.Message{
			{Number: 4060, Class: 11, State: 1, Text: `Cannot open database "nope" requested by the login. The login failed.`},
			{Number: 18456, Class: 14, State: 1, Text: "Login failed for user 'dba'."},
		}}
	}
	ses := &session{version: r.Version, waiting: make(chan struct{}, 10), handles: map[int32][]tds.Param{}}
	s.mu.Lock()
	s.sessions = append(s.sessions, ses)
	s.logins = append(s.logins, *r)
	s.mu.Unlock()
	return &conn.Accepted{Session: ses, Database: r.Database}, nil
}

// session answers by the words of the statement.
type session struct {
	waiting chan struct{} // gets a value when a statement blocks
	handles map[int32][]tds.Param
	next    int32
	tran    uint64
	resets  int
	version tds.Version
	closed  int
	bulk    [][]sqltype.Value
	loads   int // bulk loads that came to their end
}

func (s *session) Close() { s.closed++ }

func (s *session) Reset(context.Context, bool, *conn.Reply) error {
	s.resets++
	s.tran = 0
	return nil
}

func (s *session) result(out *conn.Reply, names []string, types []sqltype.Type, rows ...[]sqltype.Value) (int, error) {
	e := sqlval.NewRows(types, out.Version())
	if err := out.Token(e.Metadata(names, out.Version())); err != nil {
		return 0, err
	}
	for _, r := range rows {
		if err := out.Row(e, r); err != nil {
			return 0, err
		}
	}
	return len(rows), nil
}

func intRow(n int64) []sqltype.Value { return []sqltype.Value{sqltype.NewInt(sqltype.Int, n)} }

func (s *session) Batch(ctx context.Context, m *tds.Batch, out *conn.Reply) error {
	return s.statement(ctx, m.Text, out, tds.DonePlain)
}

var intType = []sqltype.Type{sqltype.Of(sqltype.Int)}

func (s *session) statement(ctx context.Context, text string, out *conn.Reply, kind tds.DoneKind) error {
	status := tds.DoneCount
	if kind != tds.DonePlain {
		status |= tds.DoneMore
	}
	words := strings.Fields(strings.ToLower(text))
	var n int
	var err error
	switch {
	case len(words) == 0 || words[0] == "set" || words[0] == "use":
		return out.Token(&tds.Done{Kind: kind, Status: status &^ tds.DoneCount})
	case words[0] == "select" && strings.Contains(strings.ToLower(text), " from "): // a driver asks for the columns of a bulk load's target
		_, err = s.result(out, []string{"id", "name", "d", "x"}, []sqltype.Type{sqltype.Of(sqltype.Int), sqltype.Sized(sqltype.NVarChar, 50), sqltype.Scaled(sqltype.DateTime2, 7), sqltype.Sized(sqltype.VarBinary, sqltype.Max)})
	case words[0] == "insert" && words[1] == "bulk":
		return out.Token(&tds.Done{Kind: kind})
	case words[0] == "wait":
		s.waiting <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	case words[0] == "forever":
		e := sqlval.NewRows([]sqltype.Type{sqltype.Sized(sqltype.NVarChar, 4000)}, out.Version())
		if err := out.Token(e.Metadata([]string{"x"}, out.Version())); err != nil {
			return err
		}
		row := []sqltype.Value{sqltype.NewText(sqltype.NVarChar, strings.Repeat("x", 4000))}
		for err == nil {
			err = out.Row(e, row)
		}
		return err
	case words[0] == "error":
		if err := out.Token(&tds.Message{Number: 50001, Class: 16, State: 3, Text: "the fish is öff", Procedure: "p", Line: 7}); err != nil {
			return err
		}
		return out.Token(&tds.Done{Kind: kind, Status: tds.DoneError | status&tds.DoneMore})
	case words[0] == "typed":
		return sqltype.NewError(8134)
	case words[0] == "internal":
		return errors.New("the secret reason")
	case words[0] == "print":
		if err := out.Token(&tds.Message{Info: true, Number: 0, State: 1, Text: "hello", Line: 2}); err != nil {
			return err
		}
		return out.Token(&tds.Done{Kind: kind, Status: status &^ tds.DoneCount})
	case words[0] == "two":
		n, err = s.result(out, []string{"a"}, intType, intRow(1), intRow(2))
		if err == nil {
			err = out.Token(&tds.Done{Kind: kind, Status: tds.DoneMore | tds.DoneCount, Command: tds.CommandSelect, Rows: uint64(n)})
		}
		if err == nil {
			n, err = s.result(out, []string{"b"}, []sqltype.Type{sqltype.Sized(sqltype.VarChar, 5)}, []sqltype.Value{sqltype.NewText(sqltype.VarChar, "é")})
		}
	case words[0] == "bulked":
		n, err = s.result(out, []string{"n"}, intType, intRow(int64(len(s.bulk))))
	case words[0] == "types":
		var types []sqltype.Type
		var names []string
		var row, nulls []sqltype.Value
		for i, x := range everyType() {
			types, names, row, nulls = append(types, x.t), append(names, fmt.Sprintf("c%d", i)), append(row, x.v), append(nulls, sqltype.NullValue)
		}
		n, err = s.result(out, names, types, row, nulls)
	default:
		n, err = s.result(out, []string{""}, intType, intRow(1))
	}
	if err != nil {
		return err
	}
	return out.Token(&tds.Done{Kind: kind, Status: status, Command: tds.CommandSelect, Rows: uint64(n)})
}

// RPC echoes parameters as a row and output parameters as they came.
func (s *session) RPC(ctx context.Context, m *tds.RPC, out *conn.Reply) error {
	for i := range m.Calls {
		if err := s.call(ctx, &m.Calls[i], out); err != nil {
			return err
		}
		if err := out.Token(&tds.ReturnStatus{}); err != nil {
			return err
		}
		more := tds.DoneStatus(0)
		if i < len(m.Calls)-1 {
			more = tds.DoneMore
		}
		if err := out.Token(&tds.Done{Kind: tds.DoneProc, Status: more}); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) call(ctx context.Context, c *tds.Call, out *conn.Reply) error {
	handle := func(p tds.Param) int32 {
		v, _ := sqlval.Decode(sqltype.Of(sqltype.Int), p.Value)
		return int32(v.Int())
	}
	output := func(i int, n int32) error {
		return out.Output(c.Params[i].Name, i, sqltype.Of(sqltype.Int), sqltype.NewInt(sqltype.Int, int64(n)))
	}
	switch name := c.Name(); name {
	case "sp_executesql":
		text := tds.DecodeText(c.Params[0].Value)
		if !strings.HasPrefix(text, "echo") {
			return s.statement(ctx, text, out, tds.DoneInProc)
		}
		return s.echo(c.Params[min(2, len(c.Params)):], out)
	case "sp_prepare", "sp_prepexec":
		s.next++
		s.handles[s.next] = nil
		if name == "sp_prepexec" {
			if err := s.echo(c.Params[3:], out); err != nil {
				return err
			}
		}
		return output(0, s.next)
	case "sp_execute":
		if _, ok := s.handles[handle(c.Params[0])]; !ok {
			return &sqltype.Error{Number: 8179, Level: 16, State: 4, Message: "Could not find prepared statement."}
		}
		return s.echo(c.Params[1:], out)
	case "sp_unprepare":
		delete(s.handles, handle(c.Params[0]))
		return nil
	case "echo":
		return s.echo(c.Params, out)
	case "outs":
		for i, p := range c.Params {
			if !p.Output {
				continue
			}
			t, err := sqlval.TypeOf(p.Type, collation.Default)
			if err != nil {
				return err
			}
			v, err := sqlval.Decode(t, p.Value)
			if err != nil {
				return err
			}
			if err := out.Output(p.Name, i, t, v); err != nil {
				return err
			}
		}
		return nil
	default:
		return s.statement(ctx, name, out, tds.DoneInProc)
	}
}

func (s *session) echo(params []tds.Param, out *conn.Reply) error {
	var types []sqltype.Type
	var names []string
	var row []sqltype.Value
	for _, p := range params {
		if p.Table != nil {
			sum := int64(0)
			p.Table.Rows(func(cells [][]byte) bool {
				t, _ := sqlval.TypeOf(p.Table.Columns[0].Type, collation.Default)
				v, err := sqlval.Decode(t, cells[0])
				if err == nil {
					sum += v.Int()
				}
				return true
			})
			types, names, row = append(types, sqltype.Of(sqltype.Int), sqltype.Of(sqltype.BigInt)), append(names, "rows", "sum"),
				append(row, sqltype.NewInt(sqltype.Int, int64(p.Table.Count)), sqltype.NewInt(sqltype.BigInt, sum))
			continue
		}
		t, err := sqlval.TypeOf(p.Type, collation.Default)
		if err != nil {
			return err
		}
		v, err := sqlval.Decode(t, p.Value)
		if err != nil {
			return err
		}
		if t.Kind.IsText() && t.Length == 0 && !t.IsLarge() {
			t.Length = 1
		}
		types, names, row = append(types, t), append(names, strings.TrimPrefix(p.Name, "@")), append(row, v)
	}
	n := 0
	if len(types) > 0 {
		var err error
		if n, err = s.result(out, names, types, row); err != nil {
			return err
		}
	}
	return out.Token(&tds.Done{Kind: tds.DoneInProc, Status: tds.DoneMore | tds.DoneCount, Command: tds.CommandSelect, Rows: uint64(n)})
}

func (s *session) TransMgr(_ context.Context, m *tds.TransMgr, out *conn.Reply) error {
	change := &tds.EnvChange{}
	switch m.Request {
	case tds.TransBegin:
		s.tran = 0x1234567800000001
		change.Type, change.NewBytes = tds.EnvBegin, tds.Descriptor(s.tran)
	case tds.TransCommit:
		change.Type, change.OldBytes = tds.EnvCommit, tds.Descriptor(s.tran)
	case tds.TransRollback:
		change.Type, change.OldBytes = tds.EnvRollback, tds.Descriptor(s.tran)
	default:
		return out.Token(&tds.Done{})
	}
	if m.Request != tds.TransBegin && m.Headers.Transaction != s.tran {
		return &sqltype.Error{Number: 3902, Level: 16, State: 1, Message: "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION."}
	}
	if err := out.Token(change); err != nil {
		return err
	}
	return out.Token(&tds.Done{})
}

func (s *session) BulkLoad(ctx context.Context, rows *conn.BulkStream, out *conn.Reply) error {
	columns, err := rows.Columns(ctx)
	if err != nil {
		return err
	}
	var types []sqltype.Type
	for _, c := range columns {
		t, err := sqlval.TypeOf(c.Type, collation.Default)
		if err != nil {
			return err
		}
		types = append(types, t)
	}
	n := 0
	for {
		cells, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		row := make([]sqltype.Value, len(cells))
		for i, c := range cells {
			if row[i], err = sqlval.Decode(types[i], c); err != nil {
				return err
			}
		}
		s.bulk = append(s.bulk, row)
		n++
	}
	s.loads++
	return out.Token(&tds.Done{Status: tds.DoneCount, Command: 0xF0, Rows: uint64(n)})
}

type typed struct {
	t sqltype.Type
	v sqltype.Value
}

// everyType is one value of each type that a result can have.
func everyType() []typed {
	dec, _ := sqltype.NewDecimal(38, 10, big.NewInt(-12345678901234))
	guid, _ := sqltype.ParseGUID("6F9619FF-8B86-D011-B42D-00C04FC964FF")
	day, _ := sqltype.DaysFromDate(2024, 2, 29)
	of, noon := sqltype.Of, int64(12*sqltype.TicksPerHour)
	return []typed{
		{of(sqltype.Bit), sqltype.NewBit(true)},
		{of(sqltype.TinyInt), sqltype.NewInt(sqltype.TinyInt, 255)},
		{of(sqltype.SmallInt), sqltype.NewInt(sqltype.SmallInt, -32768)},
		{of(sqltype.Int), sqltype.NewInt(sqltype.Int, -2147483648)},
		{of(sqltype.BigInt), sqltype.NewInt(sqltype.BigInt, 1<<60)},
		{sqltype.DecimalType(38, 10), dec},
		{of(sqltype.Money), sqltype.NewMoney(sqltype.Money, -15000)},
		{of(sqltype.SmallMoney), sqltype.NewMoney(sqltype.SmallMoney, 12345)},
		{of(sqltype.Real), sqltype.NewFloat(sqltype.Real, 1.5)},
		{of(sqltype.Float), sqltype.NewFloat(sqltype.Float, 0.1)},
		{of(sqltype.Date), sqltype.NewDate(day)},
		{sqltype.Scaled(sqltype.Time, 7), sqltype.NewTime(7, noon+1234567)},
		{of(sqltype.SmallDateTime), sqltype.NewSmallDateTime(day, 720)},
		{of(sqltype.DateTime), sqltype.NewDateTime(day, 12*3600*300+1)},
		{sqltype.Scaled(sqltype.DateTime2, 3), sqltype.NewDateTime2(3, day, noon+1230000)},
		{sqltype.Scaled(sqltype.DateTimeOffset, 7), sqltype.NewDateTimeOffset(7, day, noon, 120)},
		{sqltype.Sized(sqltype.Char, 5), sqltype.NewText(sqltype.Char, "é€   ")},
		{sqltype.Sized(sqltype.VarChar, 8000), sqltype.NewText(sqltype.VarChar, strings.Repeat("v", 8000))},
		{sqltype.Sized(sqltype.VarChar, sqltype.Max), sqltype.NewText(sqltype.VarChar, strings.Repeat("m", 70000))},
		{sqltype.Sized(sqltype.NChar, 3), sqltype.NewText(sqltype.NChar, "日本 ")},
		{sqltype.Sized(sqltype.NVarChar, 4000), sqltype.NewText(sqltype.NVarChar, "\U0001F600")},
		{sqltype.Sized(sqltype.NVarChar, sqltype.Max), sqltype.NewText(sqltype.NVarChar, strings.Repeat("ñ", 70000))},
		{sqltype.Sized(sqltype.Binary, 4), sqltype.NewBytes(sqltype.Binary, "\x00\x01\x02\x03")},
		{sqltype.Sized(sqltype.VarBinary, 10), sqltype.NewBytes(sqltype.VarBinary, "")},
		{sqltype.Sized(sqltype.VarBinary, sqltype.Max), sqltype.NewBytes(sqltype.VarBinary, strings.Repeat("\xff", 70000))},
		{of(sqltype.Text), sqltype.NewText(sqltype.Text, "old text")},
		{of(sqltype.NText), sqltype.NewText(sqltype.NText, "öld")},
		{of(sqltype.Image), sqltype.NewBytes(sqltype.Image, "img")},
		{guidType, guid},
		{of(sqltype.XML), sqltype.NewText(sqltype.XML, "<a/>")},
		{of(sqltype.Variant), sqltype.NewInt(sqltype.BigInt, 7)},
		{of(sqltype.Variant), sqltype.NewText(sqltype.NVarChar, "variant")},
	}
}

var guidType = sqltype.Of(sqltype.UniqueIdentifier)

// recorder writes each message of a client that speaks in clear to a file.
type recorder struct {
	net.Conn
	name string
	buf  []byte
	n    int
}

func (r *recorder) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.buf = append(r.buf, b[:n]...)
	if err != nil {
		r.save()
	}
	return n, err
}

func (r *recorder) save() {
	dir := filepath.Join("..", "testdata", "captures")
	_ = os.MkdirAll(dir, 0o755)
	var body []byte
	for b := r.buf; len(b) >= tds.HeaderSize; {
		h, err := tds.DecodeHeader(b, tds.MaxPacketSize)
		if err != nil || h.Length > len(b) {
			return
		}
		body = append(body, b[tds.HeaderSize:h.Length]...)
		b = b[h.Length:]
		if h.Status&tds.StatusEnd == 0 {
			continue
		}
		name := fmt.Sprintf("%s-%02d-%02x", r.name, r.n, uint8(h.Type))
		if len(body) <= 4<<10 && r.n < 25 {
			_ = os.WriteFile(filepath.Join(dir, name), body, 0o644)
		}
		r.n++
		body = nil
	}
	r.buf = nil
}
