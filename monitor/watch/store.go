package watch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"latchkey/internal/fsys"
	"latchkey/monitor"
)

const (
	formatVersion = 1
	maxFile       = 64 << 20
)

// file is the file of states: JSON. A higher version is refused.
type file struct {
	Version  int     `json:"version"`
	Subjects []entry `json:"subjects"`
}

type entry struct {
	ID       string        `json:"id"`
	Name     string        `json:"name"`
	State    monitor.State `json:"state"`
	Since    time.Time     `json:"since"`
	Outage   time.Time     `json:"outage,omitzero"`
	Refusals int           `json:"refusals,omitempty"`
	FirstAt  time.Time     `json:"firstAt,omitzero"`
	LastAt   time.Time     `json:"lastAt,omitzero"`
	Last     result        `json:"last,omitzero"`
	Closed   result        `json:"closed,omitzero"`
	ClosedAt time.Time     `json:"closedAt,omitzero"`
}

type result struct {
	Cause monitor.Cause `json:"cause"`
	Code  int32         `json:"code,omitempty"`
	Text  string        `json:"text,omitempty"`
}

// load reads the states of before.
func (w *Watch) load() error {
	b, err := fsys.ReadFile(w.cfg.FS, w.cfg.Path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var states []entry
	if err == nil {
		states, err = decode(b)
	}
	if err != nil {
		return fmt.Errorf("reading the states of keys %q: %w; moving it away forgets which databases must be re-validated", w.cfg.Path, err)
	}
	for _, e := range states {
		s := monitor.Status{
			State: e.State, Since: e.Since, Last: monitor.Result(e.Last), LastAt: e.LastAt, Outage: e.Outage, Refusals: e.Refusals, FirstAt: e.FirstAt,
			Closed: monitor.Result(e.Closed), ClosedAt: e.ClosedAt,
		}
		switch s.State { // nobody waits for what was asked before
		case monitor.Revalidating:
			s.State = monitor.NeedsRevalidation
		case monitor.Suspect: // it takes as many refusals anew
			s.State, s.Refusals, s.FirstAt = monitor.Online, 0, time.Time{}
		}
		w.machines[e.ID] = &machine{Machine: monitor.Resume(w.cfg.Profile, s), subject: Subject{ID: e.ID, Name: e.Name}}
	}
	return nil
}

// decode reads what store wrote.
func decode(b []byte) ([]entry, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	if f.Version != formatVersion {
		return nil, fmt.Errorf("it has version %d, this program reads %d", f.Version, formatVersion)
	}
	for _, e := range f.Subjects {
		if e.ID == "" || e.State > monitor.Revalidating || e.Last.Cause > monitor.MissingPermissions || e.Closed.Cause > monitor.MissingPermissions {
			return nil, fmt.Errorf("the state of %q is none", e.Name)
		}
	}
	return f.Subjects, nil
}

// store writes the states of now.
func (w *Watch) store() error {
	w.storing.Lock()
	defer w.storing.Unlock()
	w.mu.Lock()
	f := file{Version: formatVersion}
	for id, m := range w.machines {
		s := m.Status()
		f.Subjects = append(f.Subjects, entry{
			ID: id, Name: m.subject.Name, State: s.State, Since: s.Since, Outage: s.Outage, Refusals: s.Refusals, FirstAt: s.FirstAt, LastAt: s.LastAt,
			Last: result(s.Last), Closed: result(s.Closed), ClosedAt: s.ClosedAt,
		})
	}
	w.mu.Unlock()
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("storing the states of keys: %w", err)
	}
	if err := fsys.WriteFile(w.cfg.FS, w.cfg.Path, b, 0o600); err != nil {
		return fmt.Errorf("storing the states of keys: %w", err)
	}
	return nil
}
