package seal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"latchkey/ekm/code"
	"latchkey/vault/store"
)

// Walk gives the new value of a record with everything in it renewed ([Sealer.Renew]), and whether anything changed. Reseal
// calls it for every record of the store but this package's own.
type Walk func(key string, value []byte) (out []byte, changed bool, err error)

// page is how many records are read at a time.
const page = 64

// progress is how far a walk came, so that an interrupted one goes on where it stopped.
type progress struct {
	Target uint32 `json:"target"` // data key
	After  string `json:"after"`  // last record that is done
}

// Reseal moves all values to the active data key and returns how many records it changed. It works beside normal operation:
// each record is replaced only as it was read. An interrupted one, also by the end of the process, goes on where it stopped
// when it is called again.
func (s *Sealer) Reseal(ctx context.Context, walk Walk) (changed int, err error) {
	p := progress{Target: s.ring.Load().wire.Active}
	item, err := s.store.Get(ctx, progressKey)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return 0, fmt.Errorf("resealing: %w", err)
	default:
		var old progress
		if json.Unmarshal(item.Value, &old) == nil && old.Target == p.Target {
			p.After = old.After
		}
	}
	walk = s.withOwn(walk)
	for {
		items, _, err := s.store.List(ctx, "", p.After, page)
		if err != nil {
			return changed, fmt.Errorf("resealing after %q: %w", p.After, err)
		}
		if len(items) == 0 {
			break
		}
		for _, it := range items {
			done, err := s.resealOne(ctx, it, walk)
			if err != nil {
				return changed, fmt.Errorf("resealing %q: %w", it.Key, err)
			}
			if done {
				changed++
			}
		}
		p.After = items[len(items)-1].Key
		b, err := json.Marshal(p)
		if err != nil {
			return changed, err
		}
		if _, err := s.store.Commit(ctx, nil, []store.Op{{Key: progressKey, Value: b}}); err != nil {
			return changed, fmt.Errorf("resealing: %w", err)
		}
	}
	if _, err := s.store.Commit(ctx, nil, []store.Op{{Key: progressKey, Delete: true}}); err != nil {
		return changed, fmt.Errorf("resealing: %w", err)
	}
	return changed, nil
}

// resealOne replaces one record, reading it again as long as others change it.
func (s *Sealer) resealOne(ctx context.Context, it store.Item, walk Walk) (bool, error) {
	for {
		out, changed, err := walk(it.Key, it.Value)
		if err != nil || !changed {
			return false, err
		}
		_, err = s.store.Commit(ctx, []store.Cond{{Key: it.Key, Rev: it.Rev}}, []store.Op{{Key: it.Key, Value: out}})
		if !errors.Is(err, store.ErrConflict) {
			return err == nil, err
		}
		if it, err = s.store.Get(ctx, it.Key); err != nil {
			if errors.Is(err, store.ErrNotFound) {
				return false, nil
			}
			return false, err
		}
	}
}

// withOwn adds this package's own records to a walk.
func (s *Sealer) withOwn(walk Walk) Walk {
	return func(key string, value []byte) ([]byte, bool, error) {
		switch {
		case key == backupKey:
			return s.renewBackupKeys(value)
		case strings.HasPrefix(key, Prefix):
			return value, false, nil
		}
		return walk(key, value)
	}
}

// errInUse means that a value is still under an old data key.
var errInUse = errors.New("still sealed under an old data key: reseal first")

// DropOldKeys removes all data keys but the active one from the ring, after reading the whole store to see that no value
// needs them. Values that were sealed under an old key and not yet committed are not seen: call it when nothing has been
// sealed since before [Sealer.NewDataKey], most simply after a restart.
func (s *Sealer) DropOldKeys(ctx context.Context, walk Walk) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	walk = s.withOwn(walk)
	for after := ""; ; {
		items, _, err := s.store.List(ctx, "", after, page)
		if err != nil {
			return fmt.Errorf("dropping old data keys: %w", err)
		}
		if len(items) == 0 {
			break
		}
		for _, it := range items {
			_, changed, err := walk(it.Key, it.Value)
			if err == nil && changed {
				err = errInUse
			}
			if err != nil {
				return fmt.Errorf("dropping old data keys: %q: %w", it.Key, err)
			}
		}
		after = items[len(items)-1].Key
	}
	old := s.ring.Load()
	if len(old.wire.Keys) == 1 {
		return nil
	}
	if err := s.commit(ctx, old.withoutOld()); err != nil {
		return err
	}
	for id, k := range old.keys {
		if id != old.wire.Active {
			s.retired = append(s.retired, k)
		}
	}
	return nil
}

// damaged is an error about this package's own records.
func damaged(what string, err error) error { return code.Wrap(code.SealDamaged, "reading", what, err) }
