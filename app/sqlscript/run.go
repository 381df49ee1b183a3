package sqlscript

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/golang-sql/sqlexp"
	mssql "github.com/microsoft/go-mssqldb"
)

// Options say how results look and what an error does. The zero value is sqlcmd's.
type Options struct {
	Separator   string            // between columns; " " by default
	NoHeader    bool              // leave out names and dashes
	Trim        bool              // no padding: each value as long as it is (sqlcmd -W)
	StopOnError bool              // the first failed batch ends the script (sqlcmd -b)
	Variables   map[string]string // for $(NAME); names without regard to case
	// Lookup is asked for variables that are not among them, as sqlcmd asks the environment; nil means nobody.
	Lookup func(string) (string, bool)
	// Echo gets each batch before it is sent. Variables are replaced in it, but not those of Lookup, which may be secrets. nil means nobody.
	Echo func(Batch)
}

// Runner runs scripts over one connection.
type Runner struct {
	conn *Conn
	out  *bufio.Writer
	o    Options
	vars map[string]string
	// Failed has the messages of class 11 and above, in order.
	failed []mssql.Error
}

// ErrFailed means that at least one batch had an error of severity 11 or more; the messages were printed.
var ErrFailed = errors.New("the script had errors")

// New makes a runner. The connection stays the caller's.
func New(conn *Conn, out io.Writer, o Options) *Runner {
	if o.Separator == "" {
		o.Separator = " "
	}
	vars := make(map[string]string, len(o.Variables))
	for k, v := range o.Variables {
		vars[strings.ToUpper(k)] = v
	}
	return &Runner{conn: conn, out: bufio.NewWriter(out), o: o, vars: vars}
}

// Failed is the errors of severity 11 and above so far.
func (r *Runner) Failed() []mssql.Error { return r.failed }

// Script runs a whole script. ErrFailed if the server reported an error; another error if the connection broke, the script itself is
// wrong (then nothing of the batch was sent) or writing failed.
func (r *Runner) Script(ctx context.Context, script io.Reader) error {
	in := bufio.NewReader(script)
	s := &Splitter{}
	for {
		line, readErr := in.ReadString('\n')
		if readErr != nil && readErr != io.EOF {
			return fmt.Errorf("reading the script: %w", readErr)
		}
		more, err := r.line(ctx, s, line)
		if err != nil || !more {
			return errors.Join(err, r.end())
		}
		if readErr == io.EOF {
			break
		}
	}
	if b := s.Rest(); b != nil {
		if _, err := r.Batch(ctx, *b); err != nil {
			return errors.Join(err, r.out.Flush())
		}
	}
	return r.end()
}

func (r *Runner) end() error {
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if len(r.failed) > 0 {
		return ErrFailed
	}
	return nil
}

// line takes a line of a script; more is false when the script is to end here.
func (r *Runner) line(ctx context.Context, s *Splitter, line string) (more bool, err error) {
	if trimmed := strings.TrimSpace(line); !s.Inside() && strings.HasPrefix(trimmed, ":") {
		s.lines++
		return r.command(trimmed, s.lines)
	}
	b, err := s.Add(line)
	if err != nil || b == nil {
		return true, err
	}
	ok, err := r.Batch(ctx, *b)
	if err != nil {
		return false, err
	}
	return ok || !r.o.StopOnError, nil
}

// command obeys a line that begins with a colon.
func (r *Runner) command(line string, number int) (more bool, err error) {
	words := strings.Fields(line)
	switch strings.ToLower(words[0]) {
	case ":setvar":
		if len(words) < 2 {
			break
		}
		value := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(strings.TrimPrefix(line, words[0])), words[1]))
		if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
			value = strings.ReplaceAll(value[1:len(value)-1], `""`, `"`)
		}
		r.vars[strings.ToUpper(words[1])] = value
		return true, nil
	case ":on":
		if len(words) == 3 && strings.EqualFold(words[1], "error") {
			switch strings.ToLower(words[2]) {
			case "exit":
				r.o.StopOnError = true
				return true, nil
			case "ignore":
				r.o.StopOnError = false
				return true, nil
			}
		}
	case ":exit", ":quit":
		if len(words) == 1 {
			return false, nil
		}
	}
	if r := []rune(line); len(r) > 40 { // a file that is no script has lines of any length
		line = string(r[:40]) + "..."
	}
	return false, fmt.Errorf("line %d: %q is not supported; known are :setvar NAME VALUE, :on error exit|ignore, :exit, :quit", number, line)
}

// Batch runs one batch and prints what comes back. ok is false if the server reported an error.
func (r *Runner) Batch(ctx context.Context, b Batch) (ok bool, err error) {
	text, err := r.expand(b, r.o.Lookup)
	if err != nil {
		return false, err
	}
	if r.o.Echo != nil {
		shown := b
		if shown.Text, err = r.expand(b, func(name string) (string, bool) { return "$(" + name + ")", true }); err != nil {
			return false, err
		}
		r.o.Echo(shown)
	}
	before := len(r.failed)
	for range b.Repeat {
		if err := r.send(ctx, text); err != nil {
			return false, err
		}
		if err := r.out.Flush(); err != nil {
			return false, fmt.Errorf("writing the result: %w", err)
		}
	}
	return len(r.failed) == before, nil
}

// expand replaces $(NAME). Inside comments and quoted texts too, as sqlcmd does.
func (r *Runner) expand(b Batch, lookup func(string) (string, bool)) (string, error) {
	text := b.Text
	var out strings.Builder
	for {
		i := strings.Index(text, "$(")
		if i < 0 {
			break
		}
		name, rest, closed := strings.Cut(text[i+2:], ")")
		if !closed || name == "" || strings.ContainsAny(name, " \t\r\n'\"") {
			out.WriteString(text[:i+2])
			text = text[i+2:]
			continue
		}
		value, known := r.vars[strings.ToUpper(name)]
		if !known && lookup != nil {
			value, known = lookup(name)
		}
		if !known {
			return "", fmt.Errorf("line %d: the variable %q has no value; give it with -v %s=VALUE, :setvar or the environment",
				b.Line+strings.Count(b.Text[:len(b.Text)-len(text)+i], "\n"), name, name)
		}
		out.WriteString(text[:i])
		out.WriteString(value)
		text = rest
	}
	if out.Len() == 0 {
		return text, nil
	}
	out.WriteString(text)
	return out.String(), nil
}

// send is one round trip. Messages and rows are printed in the server's order.
func (r *Runner) send(ctx context.Context, text string) error {
	messages := &sqlexp.ReturnMessage{}
	rows, err := r.conn.conn.QueryContext(ctx, text, messages)
	if err != nil {
		return r.broken(err)
	}
	defer rows.Close()
	waiting, stop := r.conn.line.wait(ctx)
	defer stop()
	for active := true; active; {
		switch m := messages.Message(waiting).(type) {
		case sqlexp.MsgNotice:
			r.notice(m)
		case sqlexp.MsgError:
			if err := r.failure(m.Error); err != nil {
				return err
			}
		case sqlexp.MsgRowsAffected:
			r.printf("\n(%d rows affected)\n", m.Count)
		case sqlexp.MsgNext:
			if err := r.rows(rows); err != nil {
				return err
			}
		case sqlexp.MsgNextResultSet:
			active = rows.NextResultSet()
		}
	}
	if err := rows.Err(); err != nil {
		if e, ok := errors.AsType[mssql.Error](err); ok && r.known(e) {
			return ctx.Err()
		}
		return r.broken(err)
	}
	if r.conn.line.ended() {
		return r.broken(errLost)
	}
	return ctx.Err()
}

// known reports whether an error was printed already.
func (r *Runner) known(e mssql.Error) bool {
	for _, f := range r.failed {
		if f.Number == e.Number && f.Message == e.Message {
			return true
		}
	}
	return false
}

// broken is an error that came instead of an answer: one of the server's, or of the connection.
func (r *Runner) broken(err error) error {
	if e, ok := errors.AsType[mssql.Error](err); ok {
		return r.failure(e)
	}
	return fmt.Errorf("running the batch: %w", err)
}

func (r *Runner) notice(m sqlexp.MsgNotice) {
	e, ok := m.Message.(mssql.Error)
	switch {
	case !ok:
		r.printf("%s\n", m.Message)
	case e.Number == 5703: // sqlcmd does not show the language
	default:
		r.printf("%s\n", e.Message)
	}
}

// failure prints an error of the server; any other one is returned.
func (r *Runner) failure(err error) error {
	e, ok := errors.AsType[mssql.Error](err)
	if !ok {
		return fmt.Errorf("running the batch: %w", err)
	}
	r.printf("Msg %d, Level %d, State %d", e.Number, e.Class, e.State)
	if e.ServerName != "" {
		r.printf(", Server %s", e.ServerName)
	}
	if e.ProcName != "" {
		r.printf(", Procedure %s", e.ProcName)
	}
	r.printf(", Line %d\n%s\n", e.LineNo, e.Message)
	if e.Class > 10 {
		r.failed = append(r.failed, e)
	}
	return nil
}

func (r *Runner) rows(rows *sql.Rows) error {
	types, err := rows.ColumnTypes()
	if err != nil {
		return fmt.Errorf("reading the columns: %w", err)
	}
	cols := columns(types)
	if !r.o.NoHeader {
		r.cells(cols, func(c column) string { return c.name }, false)
		r.cells(cols, func(c column) string {
			if r.o.Trim {
				return strings.Repeat("-", len([]rune(c.name)))
			}
			return strings.Repeat("-", c.width)
		}, false)
	}
	values, into := make([]any, len(cols)), make([]any, len(cols))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("reading a row: %w", err)
		}
		i := -1
		r.cells(cols, func(c column) string { i++; return text(c.kind, values[i]) }, true)
	}
	return nil
}

// cells writes one cell for each column; names and dashes stand left, values as their type asks.
func (r *Runner) cells(cols []column, cell func(column) string, value bool) {
	for i, c := range cols {
		if i > 0 {
			r.printf("%s", r.o.Separator)
		}
		s := cell(c)
		switch {
		case r.o.Trim:
		case value:
			s = c.pad(s)
		default:
			c.right = false
			s = c.pad(s)
		}
		r.printf("%s", s)
	}
	r.printf("\n")
}

// printf writes; a failed write shows at the next Flush.
func (r *Runner) printf(format string, args ...any) { fmt.Fprintf(r.out, format, args...) }

// Converse is Script for a person: prompt is called with the number of the line of the batch that comes next, errors of a batch do not
// end it, and a wrong line is told and forgotten.
func (r *Runner) Converse(ctx context.Context, in *bufio.Reader, prompt func(line int)) error {
	s, n := &Splitter{}, 1
	for {
		prompt(n)
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return r.end()
		}
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		if word := strings.ToLower(strings.TrimSpace(line)); s.Empty() && (word == "exit" || word == "quit") {
			return r.end()
		}
		more, err := r.line(ctx, s, line)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, sql.ErrConnDone):
			return err
		case err != nil:
			r.printf("%v\n", err)
			if err := r.out.Flush(); err != nil {
				return err
			}
		case !more:
			return r.end()
		}
		n++
		if s.Empty() {
			n = 1
		}
	}
}
