// Package errorlog is a server's error log: text files that people and sp_readerrorlog read.
//
// [Open] begins a new file, "errorlog", and moves the six before it to errorlog.1 to errorlog.6, as a real server does at each start;
// a file that grows over [MaxBytes] is followed by another. [Log.Handler] writes what package log/slog is given; a record's
// attribute "session" says whose it is, else it is the server's own. Each record is one line: line breaks and other control characters
// within it are escaped, so that no client writes lines of its own. [Log.Entries] reads a file back.
//
// Nothing here redacts: secrets do not reach a log because they are of a type that prints as [redacted]. The files are readable by
// their owner. They are not synced: a crash of the machine may take the last lines.
package errorlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// FileName is the name of the present file.
const FileName = "errorlog"

const (
	// Kept is how many older files there are.
	Kept = 6
	// MaxBytes is when a file is followed by another, in bytes.
	MaxBytes = 16 << 20
	maxLine  = 32 << 10
)

const timeLayout = "2006-01-02 15:04:05.00"

// Log is an open error log. It is safe for concurrent use.
type Log struct {
	fs    fsys.FS
	dir   string
	clock clock.Clock

	mu   sync.Mutex
	file fsys.File
	at   int64
}

// Open begins a new file in dir, which is made if it is not there.
func Open(f fsys.FS, dir string, c clock.Clock) (*Log, error) {
	if f == nil {
		f = fsys.OS{}
	}
	if c == nil {
		c = clock.System{}
	}
	l := &Log{fs: f, dir: dir, clock: c}
	if err := f.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the error log: %w", err)
	}
	if err := l.turn(); err != nil {
		return nil, fmt.Errorf("opening the error log: %w", err)
	}
	return l, nil
}

func (l *Log) name(archive int) string {
	if archive == 0 {
		return filepath.Join(l.dir, FileName)
	}
	return filepath.Join(l.dir, FileName+"."+strconv.Itoa(archive))
}

// turn moves the files on by one and begins a new one. If that fails, what was written to goes on being written to.
func (l *Log) turn() error {
	if l.file == nil {
		return l.begin()
	}
	_ = l.file.Close() // Windows renames no open file
	err := l.begin()
	if err == nil {
		return nil
	}
	file, again := l.fs.OpenFile(l.name(0), os.O_RDWR|os.O_CREATE, 0o600)
	if again != nil {
		l.file = nil
		return errors.Join(err, again)
	}
	l.file = file
	if l.at, again = file.Size(); again != nil {
		l.at = 0
	}
	return err
}

func (l *Log) begin() error {
	for n := Kept - 1; n >= 0; n-- {
		if err := l.fs.Rename(l.name(n), l.name(n+1)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	file, err := l.fs.OpenFile(l.name(0), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	l.file, l.at = file, 0
	return nil
}

// Cycle begins a new file, as sp_cycle_errorlog does.
func (l *Log) Cycle() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return fs.ErrClosed
	}
	if err := l.turn(); err != nil {
		return fmt.Errorf("beginning a new error log: %w", err)
	}
	return nil
}

// Close ends the log.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := errors.Join(l.file.Sync(), l.file.Close())
	l.file = nil
	return err
}

// Path is the name of the present file: SERVERPROPERTY('ErrorLogFileName').
func (l *Log) Path() string { return l.name(0) }

func (l *Log) write(line string) error {
	if len(line) > maxLine {
		line = strings.ToValidUTF8(line[:maxLine], "") + " ..."
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return fs.ErrClosed
	}
	var turned error
	if l.at > MaxBytes {
		if turned = l.turn(); turned != nil {
			if l.at > 2*MaxBytes {
				return turned // better no line than a full disk
			}
		}
	}
	n, err := l.file.WriteAt([]byte(line+"\n"), l.at)
	l.at += int64(n)
	return errors.Join(turned, err)
}

// Entry is a line of the log.
type Entry struct {
	Time    time.Time
	Process string // "server" or "spid51"
	Text    string
}

// ErrArchive means that there is no such older file.
var ErrArchive = errors.New("no such error log")

// Entries reads a file: 0 the present one, 1 to Kept older ones.
func (l *Log) Entries(archive int) ([]Entry, error) {
	if archive < 0 || archive > Kept {
		return nil, fmt.Errorf("reading error log %d: %w", archive, ErrArchive)
	}
	b, err := fsys.ReadFile(l.fs, l.name(archive), 2*MaxBytes+maxLine+1024)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading error log %d: %w", archive, ErrArchive)
	}
	if err != nil {
		return nil, fmt.Errorf("reading error log %d: %w", archive, err)
	}
	var out []Entry
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) < len(timeLayout)+1 {
			continue
		}
		at, err := time.Parse(timeLayout, line[:len(timeLayout)])
		if err != nil {
			continue
		}
		who, text, ok := strings.Cut(line[len(timeLayout)+1:], " ")
		if ok {
			out = append(out, Entry{Time: at, Process: who, Text: strings.TrimLeft(text, " ")})
		}
	}
	return out, nil
}

// Handler writes records to the log, and to others too: they may be nil.
func (l *Log) Handler(others ...slog.Handler) slog.Handler {
	h := &handler{log: l}
	for _, o := range others {
		if o != nil {
			h.others = append(h.others, o)
		}
	}
	return h
}

type handler struct {
	log    *Log
	others []slog.Handler
	attrs  []slog.Attr
	group  string
}

// Enabled is for everything from information on.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	if level >= slog.LevelInfo {
		return true
	}
	for _, o := range h.others {
		if o.Enabled(ctx, level) {
			return true
		}
	}
	return false
}

// Handle writes a record.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var errs []error
	for _, o := range h.others {
		if o.Enabled(ctx, r.Level) {
			errs = append(errs, o.Handle(ctx, r.Clone()))
		}
	}
	if r.Level >= slog.LevelInfo {
		errs = append(errs, h.log.write(h.line(r)))
	}
	return errors.Join(errs...)
}

func (h *handler) line(r slog.Record) string {
	who := "server"
	var rest strings.Builder
	number, severity, state := "", "", ""
	add := func(a slog.Attr) bool {
		v := a.Value.Resolve().String()
		switch a.Key {
		case "session":
			who = "spid" + escape(v)
		case "msg":
			number = v
		case "severity":
			severity = v
		case "state":
			state = v
		default:
			fmt.Fprintf(&rest, " %s%s=%s", h.group, a.Key, quoted(v))
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	text := escape(r.Message)
	if number != "" {
		text = fmt.Sprintf("%s [Error: %s, Severity: %s, State: %s]", text, number, orZero(severity), orZero(state))
	}
	return fmt.Sprintf("%s %-11s %s%s", h.log.clock.Now().UTC().Format(timeLayout), who, text, rest.String())
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

// escape keeps a text on its line.
func escape(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) && strings.ToValidUTF8(s, "") == s {
		return s
	}
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

func quoted(v string) string {
	if v == "" || strings.ContainsAny(v, " \"=") || escape(v) != v {
		return strconv.Quote(v)
	}
	return v
}

// WithAttrs is of slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.attrs = append(append([]slog.Attr(nil), h.attrs...), attrs...)
	n.others = make([]slog.Handler, len(h.others))
	for i, o := range h.others {
		n.others[i] = o.WithAttrs(attrs)
	}
	return &n
}

// WithGroup is of slog.Handler.
func (h *handler) WithGroup(name string) slog.Handler {
	n := *h
	n.group = h.group + name + "."
	n.others = make([]slog.Handler, len(h.others))
	for i, o := range h.others {
		n.others[i] = o.WithGroup(name)
	}
	return &n
}
