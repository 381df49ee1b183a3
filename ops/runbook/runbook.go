// Package runbook carries out plans of statements on a SQL Server, ours or a real one, as a careful person would: look first, show what will be done, do it in order, look
// again, and take back what was done if it goes wrong.
//
// A plan is made anew from what is found on the server each time, so that one that was cut short, by an error or by the machine, is gone on with by making it again: what is
// done already is seen and left. A journal of what was begun and done can be kept beside.
package runbook

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Placeholder stands for the secret in a statement as it is shown and journaled.
const Placeholder = "$(LATCHKEY_EKM_SECRET)"

// Step is one statement and what belongs to it.
type Step struct {
	Title    string
	Database string // where it is run; "" is master
	// Statement is T-SQL; Placeholder in a literal of it is replaced by the secret when it is run.
	Statement string
	// Done says that the server has it already: it is shown and not run.
	Done bool
	// Undo takes it back; "" if nothing is to be taken back.
	Undo string
}

// Runner runs plans over one server.
type Runner struct {
	DB      *sql.DB
	Secret  *secret.Bytes // for Placeholder; may be nil if no step needs it
	Out     io.Writer     // progress, one line a step
	Clock   clock.Clock
	Journal *Journal // nil keeps none
}

// Show writes a plan as a script that could be run by hand.
func Show(w io.Writer, steps []Step) error {
	database := ""
	for _, s := range steps {
		mark := ""
		if s.Done {
			mark = " (done already)"
		}
		if _, err := fmt.Fprintf(w, "-- %s%s\n", s.Title, mark); err != nil {
			return err
		}
		if s.Done {
			continue
		}
		if at := s.where(); at != database {
			database = at
			if _, err := fmt.Fprintf(w, "USE %s;\nGO\n", Quote(at)); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w, "%s\nGO\n", s.Statement); err != nil {
			return err
		}
	}
	return nil
}

func (s Step) where() string {
	if s.Database == "" {
		return "master"
	}
	return s.Database
}

// Apply runs the steps that are not done. If one fails, those that this call has run are taken back, last first, and the error says so.
func (r *Runner) Apply(ctx context.Context, steps []Step) error {
	conn, err := r.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var ran []Step
	for i, s := range steps {
		if s.Done {
			r.say(i, len(steps), s.Title, "already there")
			continue
		}
		if err := r.run(ctx, conn, s); err != nil {
			r.say(i, len(steps), s.Title, "failed")
			err = fmt.Errorf("%s: %w", s.Title, err)
			return errors.Join(err, r.undo(context.WithoutCancel(ctx), conn, ran))
		}
		ran = append(ran, s)
		r.say(i, len(steps), s.Title, "done")
	}
	return nil
}

func (r *Runner) say(i, n int, title, what string) {
	if r.Out != nil {
		fmt.Fprintf(r.Out, "%3d/%d  %-60s %s\n", i+1, n, title, what)
	}
}

// Run runs one step over a connection of its own.
func (r *Runner) Run(ctx context.Context, s Step) error {
	conn, err := r.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return r.run(ctx, conn, s)
}

func (r *Runner) run(ctx context.Context, conn *sql.Conn, s Step) error {
	if err := r.Journal.Note(r.Clock.Now(), "begin", s); err != nil {
		return err
	}
	statement := s.Statement
	if strings.Contains(statement, Placeholder) {
		if r.Secret.Len() == 0 {
			return errors.New("a secret is needed and none was given")
		}
		statement = strings.ReplaceAll(statement, Placeholder, strings.ReplaceAll(string(r.Secret.Expose()), "'", "''"))
	}
	if _, err := conn.ExecContext(ctx, "USE "+Quote(s.where())); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, statement); err != nil {
		return err
	}
	return r.Journal.Note(r.Clock.Now(), "done", s)
}

// undo takes steps back, last first, and goes on where one cannot be taken back.
func (r *Runner) undo(ctx context.Context, conn *sql.Conn, ran []Step) error {
	var errs []error
	for i := len(ran) - 1; i >= 0; i-- {
		s := ran[i]
		if s.Undo == "" {
			continue
		}
		back := Step{Title: "take back: " + s.Title, Database: s.Database, Statement: s.Undo}
		if err := r.run(ctx, conn, back); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w; by hand: %s", back.Title, err, s.Undo))
			continue
		}
		if r.Out != nil {
			fmt.Fprintf(r.Out, "         %-60s taken back\n", s.Title)
		}
	}
	return errors.Join(errs...)
}

// Quote makes an identifier.
func Quote(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" }

// Literal makes a literal.
func Literal(s string) string { return "N'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Plain makes a literal without the N, which some statements do not take.
func Plain(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Journal is a file with one line of JSON for each thing that was begun or done, each durable before the next is begun. Secrets are not in it.
type Journal struct {
	f  fsys.File
	mu sync.Mutex
	at int64
}

// OpenJournal opens a journal, or begins one, and goes on at its end.
func OpenJournal(fs fsys.FS, path string, flag int) (*Journal, error) {
	f, err := fs.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Journal{f: f, at: size}, nil
}

// entry is a line.
type entry struct {
	Time      time.Time `json:"time"`
	What      string    `json:"what"`
	Title     string    `json:"title"`
	Database  string    `json:"database,omitempty"`
	Statement string    `json:"statement"`
}

// Note writes a line. A nil Journal writes none.
func (j *Journal) Note(now time.Time, what string, s Step) error {
	if j == nil {
		return nil
	}
	b, err := json.Marshal(entry{now.UTC(), what, s.Title, s.Database, s.Statement})
	if err != nil {
		return err
	}
	b = append(b, '\n')
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.f.WriteAt(b, j.at); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	j.at += int64(len(b))
	if err := j.f.Sync(); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// Close closes it. A nil Journal is closed already.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	return j.f.Close()
}
