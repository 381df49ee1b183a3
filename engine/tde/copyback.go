package tde

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/sealvfs"
)

// copier copies the log back beside writers. SQLite does it within the commit that finds the log long; here a goroutine does, on
// another processor, and a commit waits only when the log has become twice as long as that, so that it can start over.
type copier struct {
	every int64         // frames that are worth a pass
	limit int64         // frames at which a commit waits
	wake  chan struct{} // of one place
	quit  chan struct{} // closed by stopCopier
	done  chan struct{} // closed when the goroutine ended
	idle  chan struct{} // of one place, which is taken while no pass runs

	asked atomic.Int64 // length of the log at the commit that asked for a pass last; 0 if none did since it started over
	next  atomic.Int64 // length at which a commit waits next
}

// minLogPages is what SQLite has.
const minLogPages = 1000

// logPages is, by default, what the cache keeps of the log, less what writers add during a pass.
func logPages(cfg Config) int64 {
	if cfg.LogPages > 0 {
		return int64(cfg.LogPages)
	}
	return max(minLogPages, int64(sealvfs.LogCache(cachePages(cfg)))*3/4)
}

func cachePages(cfg Config) int { return int(max(0, cfg.CacheBytes) / pagecipher.PageSize) }

func (db *DB) startCopier() {
	p := &db.copier
	p.every = logPages(db.cfg)
	p.limit = 2 * p.every
	p.next.Store(p.limit)
	p.wake, p.quit, p.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	p.idle = make(chan struct{}, 1)
	p.idle <- struct{}{}
	go func() {
		defer close(p.done)
		for {
			select {
			case <-p.quit:
				return
			case <-p.wake:
				<-p.idle
				db.pass()
				p.idle <- struct{}{}
			}
		}
	}()
}

// stopCopier waits for a pass that is under way.
func (db *DB) stopCopier() {
	if p := &db.copier; p.done != nil {
		close(p.quit)
		<-p.done
		p.done = nil
	}
}

// committed is called after each commit with the length of the log, by the connection that made it, when it holds no lock of
// SQLite's any more.
func (db *DB) committed(frames int64) {
	p := &db.copier
	asked := p.asked.Load()
	if frames < asked/2 { // the log started over; a little less is a commit that came before another and is told after it
		p.asked.Store(0)
		p.next.Store(p.limit)
		asked = 0
	}
	next := p.next.Load()
	if frames >= next {
		db.catchUp(frames)
		return
	}
	// The last pass before a commit waits comes so late that it leaves that one little to copy.
	if n, few := frames-asked, p.every/8; n >= p.every || n >= few && frames >= next-few {
		p.asked.Store(frames)
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// pass copies back what no reader needs in the log, while writers go on. Its errors are nobody's: what it did not copy stays in
// the log, and who depends on the log being empty, as a scan's end and Close do, copies it. After a failed sync all writing is refused.
func (db *DB) pass() {
	db.keeper.Lock()
	defer db.keeper.Unlock()
	if db.keeper.c == nil {
		return
	}
	_, _, _ = db.keeper.c.WALCheckpoint("main", checkpointPassive)
	if db.chain.Load() != nil {
		_ = db.store.KeepNow() // else the commit that starts the log over would copy all of it
	}
}

// giveWayMost is how long a round of a scan waits for a pass: a scan comes to its end also beside writers that never pause.
const giveWayMost = 50 * time.Millisecond

// giveWay keeps a scan that has a bound from working beside a pass: each of them takes a processor, and the readers and writers want one.
func (db *DB) giveWay(ctx context.Context) {
	p := &db.copier
	select {
	case <-p.idle: // the usual case makes no timer
		p.idle <- struct{}{}
		return
	default:
	}
	t := db.cfg.Clock.NewTimer(giveWayMost)
	defer t.Stop()
	select {
	case <-p.idle:
		p.idle <- struct{}{}
	case <-t.C():
	case <-ctx.Done():
	}
}

// catchUp copies the log's end back within a commit, so that the next transaction starts the log over. Where readers or other
// writers prevent that, it keeps them out for a moment. If they stay the log grows, and the next try comes when it is half as long again.
func (db *DB) catchUp(frames int64) {
	p := &db.copier
	db.keeper.Lock()
	defer db.keeper.Unlock()
	next := p.next.Load()
	if db.keeper.c == nil || frames < next {
		return // another commit did it
	}
	p.asked.Store(frames)
	c := db.keeper.c
	n, copied, err := c.WALCheckpoint("main", checkpointPassive)
	if err == nil && (n != copied || next != p.limit) {
		n, copied, err = c.WALCheckpoint("main", checkpointRestart)
	}
	switch {
	case n < 0 && errors.Is(err, sqlite3.BUSY): // a checkpoint by SQL is under way
	case err != nil || n != copied:
		p.next.Store(frames + frames/2)
	case int64(n) < frames: // another commit started it over
		p.asked.Store(0)
		p.next.Store(p.limit)
	default:
		p.next.Store(frames + p.every/8) // unless it starts over
	}
}
