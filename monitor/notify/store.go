package notify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"latchkey/internal/fsys"
	"latchkey/monitor/activity"
)

const (
	formatVersion = 1
	maxCursor     = 4 << 10
	maxDead       = 4 << 20 // of a dead-letter file; one older is kept
)

// cursor is a sink's file: JSON. A higher version is refused.
type cursor struct {
	Version int    `json:"version"`
	Sink    string `json:"sink"`
	Seq     uint64 `json:"seq"` // of the last record that it took, or that was given up
}

// letter is one line of a dead-letter file.
type letter struct {
	Version int             `json:"v"`
	ID      string          `json:"id"`
	At      time.Time       `json:"at"`
	Reason  string          `json:"reason"`
	Record  activity.Record `json:"record"`
}

func decodeCursor(b []byte) (c cursor, err error) {
	if err := json.Unmarshal(b, &c); err != nil {
		return cursor{}, err
	}
	if c.Version != formatVersion {
		return cursor{}, fmt.Errorf("it has version %d, this program reads %d", c.Version, formatVersion)
	}
	return c, nil
}

// load reads the sink's cursor. Without one it begins with what comes from the opening of the log on.
func (l *line) load() error {
	log := l.h.cfg.Log
	b, err := fsys.ReadFile(l.h.cfg.FS, l.path, maxCursor)
	if errors.Is(err, fs.ErrNotExist) {
		l.cursor = cursor{Version: formatVersion, Sink: l.end.Name, Seq: log.Opened()}
		return l.store()
	}
	if err == nil {
		l.cursor, err = decodeCursor(b)
	}
	if err != nil {
		return fmt.Errorf("reading how far the sink %q is, %q: %w; without the file it begins with what happens from now on", l.end.Name, l.path, err)
	}
	if l.cursor.Seq > log.Last() { // the log is another one: it was moved away
		l.cursor.Seq = 0
	}
	return nil
}

// advance notes that a record is done with. If that cannot be stored, a restart sends it again.
func (l *line) advance(seq uint64) {
	l.mu.Lock()
	l.cursor.Seq = seq
	l.mu.Unlock()
	if err := l.store(); err != nil {
		l.h.cfg.Logger.Error("how far a sink is could not be stored; after a restart it may get records again", "sink", l.end.Name, "err", err)
	}
}

func (l *line) store() error {
	b, err := json.Marshal(l.cursor)
	if err != nil {
		return err
	}
	if err := fsys.WriteFile(l.h.cfg.FS, l.path, b, 0o600); err != nil {
		return fmt.Errorf("storing how far the sink %q is: %w", l.end.Name, err)
	}
	return nil
}

func (h *Hub) deadPath(name string) string { return filepath.Join(h.cfg.Dir, name+".dead.jsonl") }

// writeDead appends a dead letter, durably.
func (h *Hub) writeDead(path string, d letter) (err error) {
	b, err := json.Marshal(d)
	if err != nil {
		return err
	}
	f, err := h.cfg.FS.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil && size+int64(len(b)) > maxDead {
		if err = errors.Join(f.Close(), h.cfg.FS.Rename(path, path+".1")); err != nil {
			return err
		}
		if f, err = h.cfg.FS.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return err
		}
		size = 0
	}
	if err == nil {
		_, err = f.WriteAt(append(b, '\n'), size)
	}
	return errors.Join(err, f.Sync(), f.Close(), h.cfg.FS.SyncDir(h.cfg.Dir))
}

// Letter is a dead letter.
type Letter struct {
	ID     string
	At     time.Time
	Reason string
	Record activity.Record
}

// DecodeLetters reads a dead-letter file; a line that a crash cut off is left out.
func DecodeLetters(b []byte) (out []Letter, err error) {
	for line := range bytes.Lines(b) {
		if len(line) == 0 || line[len(line)-1] != '\n' {
			continue
		}
		var d letter
		if err := json.Unmarshal(line, &d); err != nil {
			return out, fmt.Errorf("reading a dead letter: %w", err)
		}
		if d.Version != formatVersion {
			return out, fmt.Errorf("reading a dead letter: it has version %d, this program reads %d", d.Version, formatVersion)
		}
		out = append(out, Letter{ID: d.ID, At: d.At, Reason: d.Reason, Record: d.Record})
	}
	return out, nil
}
