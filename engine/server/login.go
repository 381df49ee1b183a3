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
	"latchkey/engine/sessions"
	"latchkey/engine/tds"
	"latchkey/engine/tds/conn"
	"latchkey/internal/clock"
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
	first := msg.New(4060, l.Database)
	if l.Request.Database == "" {
		first = msg.New(4064)
	}
	c.log(l.Request, "Failed to open the database: "+err.Error())
	return refusal(first, msg.New(18456, l.Request.UserName, "", ""))
}

func refusal(list ...*msg.Error) *conn.Refusal {
	r := &conn.Refusal{}
	for _, m := range list {
		r.Messages = append(r.Messages, tds.Message{Number: int32(m.Number), State: uint8(m.State), Class: uint8(m.Severity), Text: m.Text})
	}
	return r
}

// log writes why a login failed.
func (c *client) log(r *conn.LoginRequest, reason string) {
	c.s.cfg.Log.Warn(strings.TrimRight(msg.New(18456, r.UserName, "", "").Text, " "), "msg", 18456, "severity", 14, "reason", reason, "client", fmt.Sprint(r.Remote), "session", c.spid)
}

// authenticate checks name and password, no faster than the address may ask.
func (c *client) authenticate(ctx context.Context, r *conn.LoginRequest) (*model.Login, error) {
	wait, ok := c.s.throttle.reserve(c.from)
	if !ok {
		c.log(r, "Too many failed logins from this address: not looked at.")
		return nil, refusal(msg.New(18456, r.UserName, "", ""))
	}
	if wait > 0 {
		if err := clock.Sleep(ctx, c.s.cfg.Clock, wait); err != nil {
			return nil, err
		}
	}
	attempt := authn.Attempt{Name: r.UserName, Password: text(r.Password)}
	defer attempt.Password.Destroy()
	if r.NewPassword != nil {
		attempt.NewPassword = text(r.NewPassword)
	}
	login, err := c.s.cfg.Gate.Login(ctx, attempt)
	if err == nil {
		c.s.throttle.succeed(c.from)
		return login, nil
	}
	if list := msg.Messages(err); len(list) > 0 {
		if list[0].Number == 18456 {
			c.s.throttle.fail(c.from)
		}
		reason := authn.Reason(err)
		if reason == "" {
			reason = err.Error()
		}
		c.log(r, reason)
		return nil, refusal(list...)
	}
	if !errors.Is(err, context.Canceled) {
		c.log(r, err.Error())
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
