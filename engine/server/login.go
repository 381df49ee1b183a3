package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"latchkey/engine/catalog/authn"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/sessions"
	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/internal/secret"
)

// Login is a login that was let in, about to get its session.
type Login struct {
	Login   *model.Login
	Session *sessions.Session
	// Database is what the client asked for, else the login's default database, else master.
	Database string
	Language string // likewise
	Request  *conn.LoginRequest
}

// Login lets a connection in: it implements conn.Authenticator.
func (c *client) Login(ctx context.Context, r *conn.LoginRequest) (*conn.Accepted, error) {
	login, err := c.authenticate(ctx, r)
	if err != nil {
		return nil, err
	}
	if !c.enter(perm.For(c.s.cfg.Catalog.State(), login.ID, model.Master).Sysadmin()) {
		full := msg.New(17809, c.s.cfg.Limits.Connections, "")
		c.s.notices.warn(c.from, "too many connections", full.Text, "msg", 17809, "severity", 20, "client", fmt.Sprint(r.Remote), "login", login.Name)
		return nil, refusal(full)
	}
	place := c.s.cfg.Sessions.Open(c.spid, sessions.Who{
		Login: login.ID, LoginName: login.Name, Host: r.HostName, Program: r.AppName, Library: r.Library, Process: int(r.ClientPID),
		Remote: fmt.Sprint(r.Remote), Encrypted: r.Encrypted,
	}, c.cancel)
	c.mu.Lock()
	c.place = place
	c.mu.Unlock()
	l := Login{Login: login, Session: place, Database: r.Database, Language: r.Language, Request: r}
	if l.Database == "" {
		l.Database = login.DefaultDatabase
	}
	if l.Database == "" {
		l.Database = "master"
	}
	if l.Language == "" {
		l.Language = login.DefaultLanguage
	}
	accepted, err := c.s.cfg.Open(ctx, l)
	if err != nil {
		place.Close()
		return nil, c.noDatabase(l, err)
	}
	c.mu.Lock()
	c.session = accepted.Session
	c.mu.Unlock()
	c.settled()
	return accepted, nil
}

// noDatabase is the refusal of a login whose database cannot be had: 4060, or 4064 for its default database, and 18456.
func (c *client) noDatabase(l Login, err error) error {
	first, state := msg.New(4060, l.Database), 38
	if l.Request.Database == "" {
		first, state = msg.New(4064), 40
	}
	// Who gets here is logged in, which the log tells in any case.
	c.s.cfg.Log.Warn(failure(l.Request), c.failure(l.Request, state, "Failed to open the database: "+err.Error())...)
	return refusal(first, msg.New(18456, l.Request.UserName, "", ""))
}

func refusal(list ...*msg.Error) *conn.Refusal {
	r := &conn.Refusal{}
	for _, m := range list {
		r.Messages = append(r.Messages, tds.Message{Number: int32(m.Number), State: uint8(m.State), Class: uint8(m.Severity), Text: m.Text})
	}
	return r
}

// log writes why a login failed, if not too many did.
func (c *client) log(r *conn.LoginRequest, state int, reason string) {
	c.s.notices.warn(c.from, "login failed", failure(r), c.failure(r, state, reason)...)
}

func failure(r *conn.LoginRequest) string {
	return strings.TrimRight(msg.New(18456, r.UserName, "", "").Text, " ")
}

// failure is what the log has of a login that failed. The state says the cause, as in SQL Server's own log.
func (c *client) failure(r *conn.LoginRequest, state int, reason string) []any {
	return []any{"msg", 18456, "severity", 14, "state", state, "reason", reason, "client", fmt.Sprint(r.Remote), "session", c.spid}
}

// authenticate checks name and password, no faster than the address may ask.
func (c *client) authenticate(ctx context.Context, r *conn.LoginRequest) (*model.Login, error) {
	ok, err := c.s.throttle.enter(ctx, c.from)
	if err != nil {
		return nil, err
	}
	if !ok {
		c.log(r, 1, "Too many failed logins from this address: not looked at.")
		return nil, refusal(msg.New(18456, r.UserName, "", ""))
	}
	became := abandoned
	defer func() { c.s.throttle.settle(c.from, became) }()
	attempt := authn.Attempt{Name: r.UserName, Password: text(r.Password)}
	defer attempt.Password.Destroy()
	if r.NewPassword != nil {
		attempt.NewPassword = text(r.NewPassword)
	}
	login, err := c.s.cfg.Gate.Login(ctx, attempt)
	if err == nil {
		became = succeeded
		return login, nil
	}
	if list := msg.Messages(err); len(list) > 0 {
		if list[0].Number == 18456 {
			became = failed
		}
		reason := authn.Reason(err)
		if reason == "" {
			reason = err.Error()
		}
		c.log(r, authn.State(err), reason)
		return nil, refusal(list...)
	}
	if !errors.Is(err, context.Canceled) {
		c.log(r, 1, err.Error())
	}
	return nil, err
}

// text is a password in UTF-8, which the catalogue wants; on the wire it is UTF-16LE. nil is the empty password.
func text(wide *secret.Bytes) *secret.Bytes {
	b := wide.Expose()
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = uint16(b[2*i]) | uint16(b[2*i+1])<<8
	}
	out := make([]byte, 0, 3*len(units))
	for i := 0; i < len(units); i++ {
		r := rune(units[i])
		if utf16.IsSurrogate(r) && i+1 < len(units) {
			if pair := utf16.DecodeRune(r, rune(units[i+1])); pair != utf8.RuneError {
				r = pair
				i++
			}
		}
		out = utf8.AppendRune(out, r)
	}
	clear(units)
	return secret.Take(out)
}
