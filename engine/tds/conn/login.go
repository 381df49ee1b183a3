package conn

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"

	"latchkey/engine/sqltype/collation"
	"latchkey/engine/tds"
	"latchkey/engine/tds/login"
	"latchkey/internal/secret"
)

// The bounds before login: a prelogin fits one packet, a login 128 KiB.
const (
	maxPrelogin = tds.DefaultPacketSize
	maxLogin    = 128 << 10
	alpn        = "tds/8.0"
)

// login takes the connection up to its session.
func (c *conn) login(ctx context.Context, auth Authenticator) error {
	in := &peeked{Conn: c.socket, r: bufio.NewReaderSize(c.socket, tds.DefaultPacketSize)}
	first, err := in.r.Peek(1)
	if err != nil {
		return err
	}
	c.stream = in
	switch {
	case first[0] == tds.TLSHandshake:
		if err := c.strictTLS(ctx, in); err != nil {
			return fmt.Errorf("tls before TDS 8.0: %w", err)
		}
	case tds.PacketType(first[0]) == tds.PacketLogin: // 7.1 and older begin with their login
		return c.refuseOld()
	case tds.PacketType(first[0]) != tds.PacketPrelogin:
		return fmt.Errorf("the first byte is %#02x: no TDS client", first[0])
	}
	loginOnly, err := c.prelogin(ctx, in)
	if err != nil {
		return err
	}
	body, err := c.message(tds.PacketLogin, maxLogin)
	if err != nil {
		return fmt.Errorf("reading the login: %w", err)
	}
	encrypted := c.stream != in
	if loginOnly {
		c.stream = in // the rest goes in clear text
	}
	return c.answerLogin(ctx, auth, body, encrypted)
}

func (c *conn) strictTLS(ctx context.Context, in *peeked) error {
	if c.cfg.TLS == nil {
		return errors.New("this server has no certificate")
	}
	cfg := c.cfg.TLS.Clone()
	cfg.MinVersion, cfg.MaxVersion, cfg.NextProtos = tls.VersionTLS12, tls.VersionTLS13, []string{alpn}
	t := tls.Server(in, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return err
	}
	if t.ConnectionState().NegotiatedProtocol != alpn {
		return errors.New("the client did not ask for " + alpn)
	}
	c.stream, c.strict, c.whole = t, true, true
	return nil
}

// prelogin answers the client's and makes the TLS connection that they agree on.
func (c *conn) prelogin(ctx context.Context, in *peeked) (loginOnly bool, err error) {
	body, err := c.message(tds.PacketPrelogin, maxPrelogin)
	if err != nil {
		return false, fmt.Errorf("reading the prelogin: %w", err)
	}
	var asked login.Prelogin
	if err := asked.Decode(body); err != nil {
		return false, err
	}
	zero := uint8(0)
	answer := login.Prelogin{
		Version:    [6]byte{c.cfg.Version[0], c.cfg.Version[1], c.cfg.Version[2], c.cfg.Version[3]},
		HasEncrypt: true, Instance: []byte{0}, HasThreadID: true, MARS: &zero, // without MARS FreeTDS falls back to 7.1
	}
	if asked.FedAuth != nil {
		answer.FedAuth = &zero
	}
	answer.Encrypt = c.encryption(asked)
	out, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketReply, SPID: c.cfg.SPID}, answer.Append(nil), tds.DefaultPacketSize)
	if _, err := c.stream.Write(out); err != nil {
		return false, err
	}
	switch {
	case c.strict:
		return false, nil
	case answer.Encrypt == login.EncryptNotSup && c.cfg.ForceEncryption:
		return false, errors.New("this server wants encryption and has no certificate")
	case answer.Encrypt == login.EncryptNotSup:
		return false, nil
	case asked.Encrypt == login.EncryptNotSup || !asked.HasEncrypt:
		return false, errors.New("the client does not encrypt, and this server wants it")
	}
	cfg := c.cfg.TLS.Clone()
	// 1.3 sends tickets behind the handshake, which would not be in packets any more.
	cfg.MinVersion, cfg.MaxVersion, cfg.NextProtos, cfg.SessionTicketsDisabled = tls.VersionTLS12, tls.VersionTLS12, nil, true
	w := &wrapped{Conn: in}
	t := tls.Server(w, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		return false, fmt.Errorf("tls: %w", err)
	}
	if w.left != 0 {
		return false, errors.New("tls: bytes behind the handshake in its last packet")
	}
	w.done = true
	c.stream = t
	c.whole = answer.Encrypt != login.EncryptOff
	return answer.Encrypt == login.EncryptOff, nil
}

// encryption is the table of answers. OFF is never an answer to a client that cannot: some would begin TLS.
func (c *conn) encryption(asked login.Prelogin) login.Encryption {
	if c.strict || c.cfg.TLS == nil {
		return login.EncryptNotSup
	}
	switch {
	case asked.HasEncrypt && (asked.Encrypt == login.EncryptOn || asked.Encrypt == login.EncryptReq):
		return login.EncryptOn
	case c.cfg.ForceEncryption:
		return login.EncryptReq
	case asked.HasEncrypt && asked.Encrypt == login.EncryptOff:
		return login.EncryptOff
	}
	return login.EncryptNotSup
}

// message reads a whole message before login. Its memory grows with what arrives; where it moves, the old place is overwritten,
// since a login holds a password.
func (c *conn) message(want tds.PacketType, limit int) ([]byte, error) {
	buf := make([]byte, 0, 1024)
	for {
		var head [tds.HeaderSize]byte
		if _, err := io.ReadFull(c.stream, head[:]); err != nil {
			return nil, err
		}
		h, err := tds.DecodeHeader(head[:], tds.MaxPacketSize)
		if err != nil {
			return nil, err
		}
		n := h.Length - tds.HeaderSize
		if h.Type != want {
			return nil, fmt.Errorf("packet type %#02x where %#02x should come", uint8(h.Type), uint8(want))
		}
		if len(buf)+n > limit {
			return nil, fmt.Errorf("a message of over %d bytes before login", limit)
		}
		if len(buf)+n > cap(buf) {
			grown := append(make([]byte, 0, 2*(len(buf)+n)), buf...)
			secret.Wipe(buf)
			buf = grown
		}
		start := len(buf)
		buf = buf[:start+n]
		if _, err := io.ReadFull(c.stream, buf[start:]); err != nil {
			return nil, err
		}
		if h.Status&tds.StatusEnd != 0 {
			return buf, nil
		}
		if n == 0 {
			return nil, errors.New("an empty packet before login")
		}
	}
}

// refuseOld answers a client that sends its login first, in the form of its version.
func (c *conn) refuseOld() error {
	body, err := c.message(tds.PacketLogin, maxLogin)
	if err != nil {
		return err
	}
	c.version = login.Version(body)
	secret.Wipe(body)
	return c.refuse(tooOld(c.version))
}

func tooOld(v tds.Version) tds.Message {
	return tds.Message{
		Number: 18456, State: 1, Class: 14,
		Text: fmt.Sprintf("Login failed. The client speaks TDS %s; this server needs TDS 7.2 or later.", v),
	}
}

// refuse sends messages and ends the connection.
func (c *conn) refuse(ms ...tds.Message) error {
	var b []byte
	for _, m := range ms {
		m.Server = c.cfg.ServerName
		m.Line = max(m.Line, 1)
		b = m.Append(b, c.version)
	}
	b = (&tds.Done{Status: tds.DoneError}).Append(b, c.version)
	out, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketReply, SPID: c.cfg.SPID}, b, c.size)
	if _, err := c.stream.Write(out); err != nil {
		return err
	}
	return &Refusal{Messages: ms}
}

func (c *conn) answerLogin(ctx context.Context, auth Authenticator, body []byte, encrypted bool) error {
	var l login.Login
	err := l.Decode(body)
	defer l.Password.Destroy()
	defer l.NewPassword.Destroy()
	defer secret.Wipe(body)
	if v := login.Version(body); v.Old() {
		c.version = v
		return c.refuse(tooOld(v))
	}
	if err != nil {
		_ = c.refuse(tds.Message{Number: 17828, State: 1, Class: 20, Text: "The login packet used to open the connection is structurally invalid; the connection has been closed."})
		return err
	}
	version, ok := tds.Negotiate(l.Version)
	if !ok {
		return c.refuse(tooOld(l.Version))
	}
	c.version = version
	if l.Option2&login.Option2SSPI != 0 || len(l.SSPI) > 0 {
		return c.refuse(tds.Message{Number: 18452, State: 1, Class: 14, Text: "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication."})
	}
	var ack tds.FeatureAck
	for _, f := range l.Features {
		switch f.ID {
		case tds.FeatureFedAuth:
			return c.refuse(tds.Message{Number: 18456, State: 1, Class: 14, Text: "Login failed for user '<token-identified principal>'."})
		case tds.FeatureUTF8:
			ack.Features = []tds.Feature{{ID: tds.FeatureUTF8, Data: []byte{1}}}
		}
	}
	accepted, err := auth.Login(ctx, &LoginRequest{Login: &l, Remote: c.socket.RemoteAddr(), Encrypted: encrypted, SPID: c.cfg.SPID})
	if err != nil {
		var r *Refusal
		if errors.As(err, &r) && len(r.Messages) > 0 {
			return c.refuse(r.Messages...)
		}
		_ = c.refuse(tds.Message{Number: 18456, State: 1, Class: 14, Text: "Login failed for user '" + l.UserName + "'."})
		return err
	}
	c.session = accepted.Session
	if err := c.welcome(accepted, &l, ack); err != nil {
		c.session.Close()
		return err
	}
	return nil
}

// welcome writes the tokens of a login that succeeded, and takes the packet size that they name.
func (c *conn) welcome(a *Accepted, l *login.Login, ack tds.FeatureAck) error {
	database, language, coll := a.Database, a.Language, a.Collation
	if database == "" {
		database = "master"
	}
	if language == "" {
		language = "us_english"
	}
	if coll == [5]byte{} {
		coll = collation.Default.Wire()
	}
	limit := c.cfg.PacketSize
	if c.stream != c.socket && c.whole {
		limit = min(limit, tds.MaxPacketSizeTLS)
	}
	size := tds.DefaultPacketSize
	if l.PacketSize > 0 {
		size = int(min(max(l.PacketSize, tds.MinPacketSize), tds.MaxPacketSize))
	}
	size = min(size, limit)
	info := func(number int32, state uint8, text string) *tds.Message {
		return &tds.Message{Info: true, Number: number, State: state, Text: text, Server: c.cfg.ServerName, Line: 1}
	}
	tokens := []tds.ServerToken{
		&tds.EnvChange{Type: tds.EnvDatabase, New: database, Old: "master"},
		info(5701, 2, "Changed database context to '"+database+"'."),
		&tds.EnvChange{Type: tds.EnvCollation, NewBytes: coll[:]},
		&tds.EnvChange{Type: tds.EnvLanguage, New: language},
		info(5703, 1, "Changed language setting to "+language+"."),
		&tds.LoginAck{Interface: 1, Version: c.version, Program: "Microsoft SQL Server", Server: c.cfg.Version},
		&tds.EnvChange{Type: tds.EnvPacketSize, New: fmt.Sprint(size), Old: fmt.Sprint(tds.DefaultPacketSize)},
	}
	if len(ack.Features) > 0 && c.version.HasFeatures() {
		tokens = append(tokens, &ack)
	}
	tokens = append(tokens, &tds.Done{})
	var b []byte
	for _, t := range tokens {
		b = t.Append(b, c.version)
	}
	out, _ := tds.AppendPackets(nil, tds.Header{Type: tds.PacketReply, SPID: c.cfg.SPID}, b, c.size)
	c.size = size
	_, err := c.stream.Write(out)
	return err
}
