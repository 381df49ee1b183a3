// Package activity keeps what happened with databases and their keys: the activity log, JSON lines on disk.
//
// [Open] a directory, [Log.Add] a [Record], read the newest with [Log.Recent]. A record that Add has returned is durable. The file
// activity.jsonl is moved on to activity.jsonl.1 and so on when it reaches Config.MaxBytes; Config.Files of the old ones are kept. A line that a
// crash cut off is taken away at the next Open; other lines that do not read are left where they are and not shown. The format is
// one JSON object in a line, its members those of Record with "v": 1.
//
// A record holds names of databases, causes and messages for people, and never a secret: who adds one sees to that.
package activity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"latchkey/internal/fsys"
	"latchkey/monitor"
)

// Version is that of the lines.
const Version = 1

// Record is one line.
type Record struct {
	Version     int       `json:"v"`
	Seq         uint64    `json:"seq"` // grows by one; a gap shows lost lines
	Time        time.Time `json:"time"`
	Server      string    `json:"server,omitempty"`
	Resource    string    `json:"resource,omitempty"` // the database's name; "" for the server
	Event       string    `json:"eventName"`
	Status      string    `json:"status"`
	Description string    `json:"description"`
	State       string    `json:"state,omitempty"`
	Cause       string    `json:"cause,omitempty"` // monitor.Cause.Name
	Code        int32     `json:"code,omitempty"`  // of the provider
	Key         string    `json:"key,omitempty"`   // thumbprint
	// Object is what a record is about that is no database: what ends ("key https://..."), or a sink's name.
	Object string    `json:"object,omitempty"`
	Ends   time.Time `json:"ends,omitzero"` // when Object ends
}

// Of is an event as a record.
func Of(server, resource, key string, e monitor.Event) Record {
	return Record{
		Time: e.Time, Server: server, Resource: resource, Event: e.Name, Status: e.Status, Description: e.Description, State: e.State.String(),
		Cause: e.Cause.Cause.Name(), Code: e.Cause.Code, Key: key,
	}
}

// Config says where the log is.
type Config struct {
	FS       fsys.FS // nil means the machine's
	Dir      string  // made if it is not there
	MaxBytes int64   // of a file; 0 means 4 MiB
	Files    int     // old ones that are kept; 0 means 8
	Recent   int     // records in memory; 0 means 2,000
}

// Log is an open activity log. It is safe for concurrent use.
type Log struct {
	cfg    Config
	mu     sync.Mutex
	f      fsys.File
	size   int64
	seq    uint64
	opened uint64 // seq at Open
	recent []Record
}

const (
	fileName = "activity.jsonl"
	maxLine  = 64 << 10
)

// Open opens the log, or makes it.
func Open(cfg Config) (*Log, error) {
	if cfg.FS == nil {
		cfg.FS = fsys.OS{}
	}
	if cfg.MaxBytes <= 0 {
		cfg.MaxBytes = 4 << 20
	}
	if cfg.Files <= 0 {
		cfg.Files = 8
	}
	if cfg.Recent <= 0 {
		cfg.Recent = 2000
	}
	l := &Log{cfg: cfg}
	if err := cfg.FS.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of the activity log: %w", err)
	}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("opening the activity log: %w", err)
	}
	return l, nil
}

func (l *Log) path(n int) string {
	p := filepath.Join(l.cfg.Dir, fileName)
	if n > 0 {
		p = fmt.Sprintf("%s.%d", p, n)
	}
	return p
}

func (l *Log) open() error {
	limit := l.cfg.MaxBytes + 2*maxLine
	for n := l.cfg.Files; n >= 0; n-- {
		b, err := fsys.ReadFile(l.cfg.FS, l.path(n), limit)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		l.read(b)
		if n == 0 {
			l.size = int64(bytes.LastIndexByte(b, '\n') + 1)
		}
	}
	f, err := l.cfg.FS.OpenFile(l.path(0), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(l.size), f.Sync(), l.cfg.FS.SyncDir(l.cfg.Dir)); err != nil {
		return errors.Join(err, f.Close())
	}
	l.f, l.opened = f, l.seq
	return nil
}

// read takes over the records of a file.
func (l *Log) read(b []byte) {
	for line := range bytes.Lines(b) {
		if r, err := Decode(line); err == nil {
			l.keep(r)
			l.seq = max(l.seq, r.Seq)
		}
	}
}

// Decode reads a line, with its end or without.
func Decode(line []byte) (r Record, err error) {
	if err := json.Unmarshal(line, &r); err != nil {
		return Record{}, fmt.Errorf("reading a line of the activity log: %w", err)
	}
	if r.Version != Version {
		return Record{}, fmt.Errorf("reading a line of the activity log: it has version %d, this program reads %d", r.Version, Version)
	}
	return r, nil
}

func (l *Log) keep(r Record) {
	if len(l.recent) >= l.cfg.Recent {
		l.recent = append(l.recent[:0], l.recent[1:]...)
	}
	l.recent = append(l.recent, r)
}

// Add writes a record, whose Seq and Version it sets, and gives it back. It is shown by Recent also if it could not be written.
func (l *Log) Add(r Record) (Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seq++
	r.Version, r.Seq, r.Time = Version, l.seq, r.Time.UTC()
	l.keep(r)
	if err := l.write(r); err != nil {
		return r, fmt.Errorf("writing the activity log: %w", err)
	}
	return r, nil
}

func (l *Log) write(r Record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if l.f == nil {
		return fs.ErrClosed
	}
	if l.size > 0 && l.size+int64(len(b)) > l.cfg.MaxBytes {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	if _, err := l.f.WriteAt(b, l.size); err != nil {
		return err
	}
	if err := l.f.Sync(); err != nil {
		return err
	}
	l.size += int64(len(b))
	return nil
}

// rotate moves the files on. After a failure the present one is used further.
func (l *Log) rotate() error {
	for n := l.cfg.Files; n > 0; n-- {
		if err := l.cfg.FS.Rename(l.path(n-1), l.path(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := l.cfg.FS.OpenFile(l.path(0), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return errors.Join(err, l.cfg.FS.Rename(l.path(1), l.path(0)))
	}
	err = errors.Join(l.cfg.FS.SyncDir(l.cfg.Dir), l.f.Close())
	l.f, l.size = f, 0
	return err
}

// Recent lists the newest records, the oldest of them first.
func (l *Log) Recent() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Record(nil), l.recent...)
}

// Last is the number of the newest record, 0 without one.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seq
}

// Opened is what Last was when the log was opened.
func (l *Log) Opened() uint64 { return l.opened }

// After lists at most limit records with numbers above seq, the oldest first: from memory, or where that begins later, from the files.
// What is in neither is gone: the first record then has a number above seq+1.
func (l *Log) After(seq uint64, limit int) ([]Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if out, ok := after(l.recent, seq, limit); ok || l.seq <= seq {
		return out, nil
	}
	var all []Record
	for n := l.cfg.Files; n >= 0 && len(all) < limit; n-- {
		b, err := fsys.ReadFile(l.cfg.FS, l.path(n), l.cfg.MaxBytes+2*maxLine)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the activity log: %w", err)
		}
		for line := range bytes.Lines(b) {
			if r, err := Decode(line); err == nil && r.Seq > seq && len(all) < limit {
				all = append(all, r)
			}
		}
	}
	if len(all) == 0 { // written to memory alone
		all, _ = after(l.recent, l.recent[0].Seq-1, limit)
	}
	return all, nil
}

// after is what follows seq in records; ok says that nothing is missing between the two.
func after(records []Record, seq uint64, limit int) (out []Record, ok bool) {
	if len(records) == 0 || records[0].Seq > seq+1 {
		return nil, false
	}
	for i := range records {
		if records[i].Seq > seq {
			end := min(len(records), i+limit)
			return append(out, records[i:end]...), true
		}
	}
	return nil, true
}

// Close closes the file.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	f := l.f
	l.f = nil
	return f.Close()
}
