package expiry

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"latchkey/internal/fsys"
)

const (
	formatVersion = 1
	maxFile       = 32 << 20
)

// file is the file of what was told: JSON. A higher version is refused.
type file struct {
	Version int     `json:"version"`
	Items   []entry `json:"items"`
}

type entry struct {
	Kind      string    `json:"kind"`
	Object    string    `json:"object"`
	Owner     string    `json:"owner,omitempty"`
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter,omitzero"`
	Seen      time.Time `json:"seen"`
	// Told is the stage in seconds that was told last, 0 the end. The others: -1 none, -2 that it is not valid yet, -3 nothing since it was renewed.
	Told int64 `json:"told"`
}

const (
	toldNone    = -1
	toldEarly   = -2
	toldRenewed = -3
)

// Decode reads the file.
func Decode(b []byte) ([]Info, error) {
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, err
	}
	if f.Version != formatVersion {
		return nil, fmt.Errorf("it has version %d, this program reads %d", f.Version, formatVersion)
	}
	if len(f.Items) > maxItems {
		return nil, fmt.Errorf("it has %d items, at most %d are kept", len(f.Items), maxItems)
	}
	out := make([]Info, 0, len(f.Items))
	for _, e := range f.Items {
		i := Info{Item: Item{Kind: e.Kind, Object: e.Object, Owner: e.Owner, NotBefore: e.NotBefore, NotAfter: e.NotAfter}, Seen: e.Seen}
		switch {
		case e.Kind == "" || e.Object == "":
			return nil, errors.New("an item has no kind or no object")
		case e.Told == toldNone:
			i.Told = Never
		case e.Told == toldEarly:
			i.Told = early
		case e.Told == toldRenewed:
			i.Told = renewed
		case e.Told < 0 || e.Told > int64(Never/time.Second)-1:
			return nil, fmt.Errorf("what was told of %q is none: %d", e.Object, e.Told)
		default:
			i.Told = time.Duration(e.Told) * time.Second
		}
		out = append(out, i)
	}
	return out, nil
}

// store writes what was told.
func (t *Tracker) store() error {
	t.mu.Lock()
	f := file{Version: formatVersion, Items: []entry{}}
	for _, i := range t.items {
		e := entry{Kind: i.Kind, Object: i.Object, Owner: i.Owner, NotBefore: i.NotBefore, NotAfter: i.NotAfter, Seen: i.Seen, Told: int64(i.Told / time.Second)}
		switch i.Told {
		case Never:
			e.Told = toldNone
		case early:
			e.Told = toldEarly
		case renewed:
			e.Told = toldRenewed
		}
		f.Items = append(f.Items, e)
	}
	t.dirty = false
	t.mu.Unlock()
	b, err := json.Marshal(f)
	if err == nil {
		err = fsys.WriteFile(t.cfg.FS, t.cfg.Path, b, 0o600)
	}
	if err != nil {
		t.mu.Lock()
		t.dirty = true
		t.mu.Unlock()
	}
	return err
}
