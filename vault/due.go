package vault

import (
	"context"
	"errors"
	"slices"
	"time"

	"latchkey/akv"
	"latchkey/internal/clock"
	"latchkey/vault/door"
	"latchkey/vault/keydb"
	"latchkey/vault/rotation"
)

// errNotDue means that another server, or a caller, did what was due.
var errNotDue = errors.New("no longer due")

const (
	// lookEvery bounds how late a due time is seen that another server, or this one's API, brought forward.
	lookEvery = time.Minute
	lookSoon  = time.Second
	duePage   = 64
)

// Run lets policies act until ctx ends, whose error it returns: rotation, expiry events, purges, sweeping. One is enough
// for an installation; several, also of other servers, do no harm.
func (s *Service) Run(ctx context.Context) error {
	for {
		s.RunDue(ctx)
		now := s.clock.Now()
		wait := lookEvery
		if next, err := s.db.NextDue(ctx, now); err == nil && !next.IsZero() {
			wait = min(wait, max(lookSoon, next.Sub(now)))
		}
		if err := clock.Sleep(ctx, s.clock, wait); err != nil {
			return err
		}
	}
}

// RunDue does everything that is due now and returns how many keys it changed. What fails is logged and tried again at
// the next call.
func (s *Service) RunDue(ctx context.Context) (done int) {
	now := s.clock.Now()
	var after keydb.Due
	for ctx.Err() == nil {
		list, err := s.db.DueBefore(ctx, now, after, duePage)
		if err != nil {
			s.logDue(ctx, "listing due keys", err)
		}
		for _, d := range list {
			changed, err := s.dueKey(ctx, d, now)
			if err != nil && !errors.Is(err, errNotDue) {
				s.logDue(ctx, "acting on a due key", err, "vault", d.Vault, "key", d.Name)
			}
			if changed {
				done++
			}
			after = d
		}
		if len(list) < duePage {
			break
		}
	}
	if _, err := s.db.Sweep(ctx, now); err != nil {
		s.logDue(ctx, "sweeping purged keys", err)
	}
	s.purgeVaults(ctx, now)
	return done
}

// logDue logs what failed in the background, unless it failed because the server stops.
func (s *Service) logDue(ctx context.Context, what string, err error, args ...any) {
	if ctx.Err() == nil {
		s.log.Error(what, append(args, "error", err)...)
	}
}

// purgeVaults removes deleted vaults whose retention is over.
func (s *Service) purgeVaults(ctx context.Context, now time.Time) {
	all, err := s.db.Vaults(ctx)
	if err != nil {
		s.logDue(ctx, "listing vaults", err)
		return
	}
	for _, v := range all {
		if v.Val.Deleted != nil && now.Unix() >= v.Val.Deleted.Purge {
			a := Operator()
			a.Client, a.RequestID = "retention", newID()
			err := s.PurgeVault(ctx, a, v.Val.ID)
			if needed := new(akv.Error); errors.As(err, &needed) && needed.Inner == akv.InnerKeyStillNeeded {
				// Its keys would be lost for good under a server that says that it needs them: the purge waits, a day at a time.
				s.log.Warn("a deleted vault is not purged: a server needs it", "vault", v.Val.ID, "why", needed.Message)
				err = s.PostponePurge(ctx, a, v.Val.ID, now.Add(day))
			}
			if err != nil {
				s.logDue(ctx, "purging a vault", err, "vault", v.Val.ID)
			}
		}
	}
}

func (s *Service) dueKey(ctx context.Context, d keydb.Due, now time.Time) (changed bool, err error) {
	v, err := s.db.Vault(ctx, d.Vault)
	if err != nil {
		return false, err
	}
	if v.Val != nil && v.Val.Deleted != nil {
		return false, nil // a deleted vault rests; its keys wake up with it
	}
	for _, deleted := range []bool{false, true} {
		h, err := s.db.Head(ctx, d.Vault, d.Name, deleted)
		if err != nil {
			return false, err
		}
		if h.Val == nil || h.Val.Due != d.At || v.Val == nil {
			continue
		}
		if deleted {
			return true, s.purgeDue(ctx, v, h)
		}
		return s.liveDue(ctx, v, h, now)
	}
	// An entry that no head claims changes nothing; it is taken out without a record.
	b := s.db.Batch()
	b.DropDue(d)
	_, err = b.Commit(ctx)
	return false, err
}

// system opens the door for what happens by the clock.
func (s *Service) system(ctx context.Context, op door.Op, v keydb.Entry[keydb.Vault], h *keydb.Head, act func(*Tx) error) error {
	c := &door.Call{Vault: v.Val.ID, Key: h.Name, HSM: v.Val.HSM, RequestID: newID(), Client: "schedule"}
	return s.System(ctx, op, v, c, func(tx *door.Tx) error { return act(&Tx{tx, s}) })
}

func (s *Service) purgeDue(ctx context.Context, v keydb.Entry[keydb.Vault], h keydb.Entry[keydb.Head]) error {
	return s.system(ctx, door.OpKeyPurgeIfDue, v, h.Val, func(tx *Tx) error {
		b := s.db.Batch()
		if needed := new(akv.Error); errors.As(tx.Needed(b, of(h.Val.Name, "")), &needed) {
			// It would be lost for good under a server that says that it needs it: the purge waits, a day at a time.
			tx.Name = "KeyPurgePostponed"
			head, gone := *h.Val, *h.Val.Deleted
			gone.Purge = tx.Now.Unix() + int64(day.Seconds())
			head.Deleted = &gone
			head.Due = rotation.Next(&head, nil)
			b.PutHead(v.Val.ID, &head, h.Rev, h.Val.Due)
			s.log.Warn("a deleted key is not purged: a server needs it", "vault", v.Val.ID, "key", h.Val.Name, "why", needed.Message)
			return tx.Commit(b)
		}
		b.DeleteHead(v.Val.ID, h.Val, h.Rev)
		b.Garbage(v.Val.ID, h.Val.Key, tx.Now)
		return tx.Commit(b)
	})
}

func (s *Service) liveDue(ctx context.Context, v keydb.Entry[keydb.Vault], h keydb.Entry[keydb.Head], now time.Time) (bool, error) {
	cur, err := s.db.Version(ctx, v.Val.ID, h.Val.Key, h.Val.Current)
	if err != nil {
		return false, err
	}
	if cur.Val == nil {
		return false, keydb.ErrCorrupt
	}
	due := rotation.Due(h.Val, cur.Val, now)
	if due.Rotate {
		err := s.system(ctx, door.OpKeyRotateIfDue, v, h.Val, func(tx *Tx) error {
			_, err := tx.rotate(loaded{h, cur})
			return err
		})
		return err == nil, err
	}
	if len(due.Events) == 0 {
		return false, s.rearm(ctx, v.Val.ID, h, cur)
	}
	for _, e := range due.Events {
		err := s.system(ctx, door.OpKeyExpiryEvent, v, h.Val, func(tx *Tx) error {
			tx.Name = e
			head := *h.Val
			head.Notified = append(slices.Clone(head.Notified), e)
			head.Due = rotation.Next(&head, cur.Val)
			tx.Object = tx.view().KID(head.Name, head.Current)
			b := s.db.Batch()
			b.CheckVersion(v.Val.ID, head.Key, cur.Val.ID, cur.Rev)
			b.PutHead(v.Val.ID, &head, h.Rev, h.Val.Due)
			if err := tx.Commit(b); err != nil {
				return err
			}
			tx.event(e, head.Name, cur.Val)
			return nil
		})
		if err != nil {
			return false, err
		}
		if h, err = s.db.Head(ctx, v.Val.ID, h.Val.Name, false); err != nil || h.Val == nil {
			return true, err
		}
	}
	return true, nil
}

// rearm puts right an index entry that names a time at which nothing is to be done.
func (s *Service) rearm(ctx context.Context, vault string, h keydb.Entry[keydb.Head], cur keydb.Entry[keydb.Version]) error {
	head := *h.Val
	if head.Due = rotation.Next(&head, cur.Val); head.Due == h.Val.Due {
		return nil
	}
	b := s.db.Batch()
	b.CheckVersion(vault, head.Key, cur.Val.ID, cur.Rev)
	b.PutHead(vault, &head, h.Rev, h.Val.Due)
	_, err := b.Commit(ctx)
	return err
}
