package sqlscript

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"sync"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
)

// Conn is the connection of a [Runner]. It notices when nothing comes any more: go-mssqldb (1.11) tells nobody who waits for messages that a
// connection ended before an answer began, and a script would wait for ever when the server is killed amid a statement.
type Conn struct {
	db   *sql.DB
	conn *sql.Conn
	line *line
}

// Connect connects and logs in. The errors are the driver's.
func Connect(ctx context.Context, cfg msdsn.Config) (*Conn, error) {
	connector := mssql.NewConnectorConfig(cfg)
	l := &line{dialer: net.Dialer{KeepAlive: cfg.KeepAlive}, lost: make(chan struct{})}
	connector.Dialer = l
	db := sql.OpenDB(connector)
	conn, err := db.Conn(ctx)
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	return &Conn{db, conn, l}, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return errors.Join(c.conn.Close(), c.db.Close()) }

// line makes the connection to the server, and knows its end.
type line struct {
	dialer net.Dialer
	once   sync.Once
	lost   chan struct{}
}

// DialContext is for the driver.
func (l *line) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := l.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &watched{Conn: c, line: l}, nil
}

// watched is a connection that says when nothing comes any more.
type watched struct {
	net.Conn
	line *line
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if err != nil {
		w.line.once.Do(func() { close(w.line.lost) })
	}
	return n, err
}

// errLost is for an answer that seemed to be whole although the line was lost.
var errLost = errors.New("the connection to the server was lost")

// wait gives a context for waiting for messages: it ends with ctx, or when the line is lost.
func (l *line) wait(ctx context.Context) (context.Context, context.CancelFunc) {
	waiting, stop := context.WithCancel(ctx)
	go func() {
		select {
		case <-l.lost:
			stop()
		case <-waiting.Done():
		}
	}()
	return waiting, stop
}

// ended reports whether the line was lost.
func (l *line) ended() bool {
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}
