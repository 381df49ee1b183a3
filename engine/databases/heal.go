package databases

import (
	"context"
	"math/rand/v2"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/databases/pool"
)

// Retry says that something changed that may bring databases back, such as a credential or a provider: those that are
// RECOVERY_PENDING are tried now.
func (m *Manager) Retry() {
	select {
	case m.retry <- struct{}{}:
	default:
	}
}

// pending lists what waits for its key or its files.
func (m *Manager) pending() []*entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*entry
	for _, e := range m.entries.all() {
		if e.info().State == model.RecoveryPending && !e.isBarred() {
			out = append(out, e)
		}
	}
	return out
}

// heal opens what is RECOVERY_PENDING when it can be opened again. The waits double while nothing comes up, so that a vault that is
// down is not stormed when it comes back.
func (m *Manager) heal(ctx context.Context) {
	wait := m.cfg.RetryFirst
	for {
		var due <-chan time.Time
		if len(m.pending()) > 0 {
			t := m.cfg.Clock.NewTimer(jitter(wait))
			due = t.C()
			select {
			case <-ctx.Done():
				t.Stop()
				return
			case <-m.retry:
				t.Stop()
				wait = m.cfg.RetryFirst
			case <-due:
			}
		} else {
			select {
			case <-ctx.Done():
				return
			case <-m.retry:
				wait = m.cfg.RetryFirst
			}
		}
		list := m.pending()
		if len(list) == 0 {
			continue
		}
		opened := m.openAll(ctx, list)
		switch {
		case opened > 0:
			wait = m.cfg.RetryFirst
			m.cfg.Log.Info("databases came back", "opened", opened, "waiting", len(list)-opened)
		default:
			wait = min(2*wait, m.cfg.RetryMost)
		}
	}
}

// jitter spreads d by a fifth to either side.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1)
}

// restartBound is how long the users of a database with a broken disk may take to leave.
const restartBound = time.Minute

// restart closes a database that cannot go on, so that it can be opened anew, and reports whether it is closed.
func (m *Manager) restart(ctx context.Context, e *entry, reason error) bool {
	ctx, cancel := context.WithTimeout(ctx, restartBound)
	defer cancel()
	err := e.close(ctx, model.RecoveryPending, reason)
	if e.info().State != model.RecoveryPending {
		m.cfg.Log.Error("a database with an error of its disk is still in use", "database", m.name(e.id), "err", err)
		return false
	}
	return true
}

// trimEvery is how often connections that nobody needs are closed.
const trimEvery = 30 * time.Second

func (m *Manager) trim(ctx context.Context) {
	for {
		t := m.cfg.Clock.NewTimer(trimEvery)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C():
		}
		m.mu.Lock()
		var pools []*pool.Pool
		for _, e := range m.entries.all() {
			e.mu.Lock()
			if e.pool != nil {
				pools = append(pools, e.pool)
			}
			e.mu.Unlock()
		}
		m.mu.Unlock()
		for _, p := range pools {
			p.Trim()
		}
	}
}
