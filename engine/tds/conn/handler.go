package conn

import (
	"context"
	"net"

	"latchkey/engine/tds"
	"latchkey/engine/tds/login"
)

// Authenticator decides on logins. It is called once for each connection, when the client's login packet has been read.
type Authenticator interface {
	// Login checks the credentials and opens a session. An error of type *[Refusal] is sent as it says; any other one as message
	// 18456, without its text. ctx ends at the login's deadline. The password is destroyed when Login returns.
	Login(ctx context.Context, r *LoginRequest) (*Accepted, error)
}

// LoginRequest is what the client asked for, and how.
type LoginRequest struct {
	*login.Login
	Remote    net.Addr
	Encrypted bool // the login packet came over TLS
	SPID      uint16
}

// Accepted is a login that succeeded.
type Accepted struct {
	Session Session
	// Database, Language and Collation are the session's, and are told to the client. "" means master and us_english, five zero
	// bytes SQL_Latin1_General_CP1_CI_AS.
	Database, Language string
	Collation          [5]byte
}

// Refusal is a login that failed: what to tell the client, in order. The connection is closed.
type Refusal struct{ Messages []tds.Message }

// Error is the last message's text.
func (r *Refusal) Error() string {
	if len(r.Messages) == 0 {
		return "login refused"
	}
	return r.Messages[len(r.Messages)-1].Text
}

// Session serves the requests of one connection, one at a time and from one goroutine. ctx ends when the client sends an
// attention, when the connection breaks or when the server stops: return soon, with whatever error. A request's strings and
// bytes are valid until the method returns.
//
// A method writes its tokens to the Reply; the last DONE has no tds.DoneMore. If it is missing, the connection adds it. A returned
// *sqltype.Error becomes an ERROR and a DONE with tds.DoneError; any other error is internal: the client gets a message
// without its text, and the connection ends.
type Session interface {
	Batch(ctx context.Context, m *tds.Batch, out *Reply) error
	RPC(ctx context.Context, m *tds.RPC, out *Reply) error
	// TransMgr gets all but the distributed requests, which the connection refuses.
	TransMgr(ctx context.Context, m *tds.TransMgr, out *Reply) error
	// Close is called once, when the connection is over.
	Close()
}

// BulkLoader is a Session that takes bulk loads, behind an INSERT BULK statement in a batch.
type BulkLoader interface {
	BulkLoad(ctx context.Context, rows *BulkStream, out *Reply) error
}

// Resetter is a Session that can be reset for the next user of a pooled connection (sp_reset_connection): its settings, temporary
// objects and database become as after login. Reset may write ENVCHANGE and INFO; the connection adds the acknowledgement.
type Resetter interface {
	Reset(ctx context.Context, keepTransaction bool, out *Reply) error
}
