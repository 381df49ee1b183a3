package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Bounds of the log.
const (
	// MaxRecordBytes bounds one record as JSON.
	MaxRecordBytes = 64 << 10
	// DefaultMaxFileBytes is the size at which a file is full unless Options say otherwise.
	DefaultMaxFileBytes = 64 << 20
	// DefaultHeadEvery is how far the head file lags behind at most unless Options say otherwise.
	DefaultHeadEvery = time.Second

	maxLine = MaxRecordBytes + 1024
)

// OpRecovered is the operation of the record that the log itself writes after it cut an unfinished end.
const OpRecovered = "AuditLogRecovered"

// Options of a log. The zero value is usable.
type Options struct {
	// Clock gives the time of records that have none, and of head writes. Nil means the system's.
	Clock clock.Clock
	// Key makes the chain an HMAC-SHA-256; at least 32 bytes, uniformly random. Nil means a plain chain that anybody who may
	// write the files can recompute. A log keeps the choice, and the key, that it was made with. Open copies what it needs.
	Key *secret.Bytes
	// MaxFileBytes is the size in bytes at which the next file begins; 0 means DefaultMaxFileBytes.
	MaxFileBytes int64
	// HeadEvery is how often at most the head file is written: the end of the log is guarded against cutting up to here.
	// 0 means DefaultHeadEvery. Acknowledging does not wait for it.
	HeadEvery time.Duration
}

// Log is an open log. It is safe for concurrent use. Close it.
type Log struct {
	wake   chan struct{} // capacity 1: something is pending, or closing is set
	done   chan struct{} // closed when the writer has ended
	clock  clock.Clock
	closer error // of the writer's end; read after done

	mu      sync.Mutex
	pending *batch
	closing bool
	durable Head
	failure error // of the last attempt to write; nil while all is well
	cut     int64
}

// batch is what one write and one sync make durable.
type batch struct {
	records [][]byte
	done    chan struct{}
	err     error // read after done
}

// Open opens the log in dir, which it creates (mode 0700) when it is missing, and takes its lock. An unfinished end that a
// crash left is cut; [Log.Cut] tells. Errors carry a code: AuditLocked, AuditDamaged (what was acknowledged is missing or
// changed), AuditKey (another key, none, or one too many), AuditVersion, AuditUnavailable or AuditFull.
func Open(f fsys.FS, dir string, o Options) (*Log, error) {
	w := &writer{fs: f, dir: dir, max: o.MaxFileBytes, headEvery: o.HeadEvery, clock: o.Clock}
	if w.max <= 0 {
		w.max = DefaultMaxFileBytes
	}
	if w.headEvery <= 0 {
		w.headEvery = DefaultHeadEvery
	}
	if w.clock == nil {
		w.clock = clock.System{}
	}
	var err error
	if w.hash, err = newHasher(o.Key); err != nil {
		return nil, code.Wrap(code.AuditKey, "opening the audit log", dir, err)
	}
	if err := f.MkdirAll(dir, 0o700); err != nil {
		return nil, unavailable("making the audit directory", dir, err)
	}
	lockName := filepath.Join(dir, "lock")
	lock, err := f.Lock(lockName)
	if errors.Is(err, fsys.ErrLocked) {
		return nil, code.Wrap(code.AuditLocked, "opening the audit log", dir, err)
	}
	if err != nil {
		return nil, unavailable("locking the audit log", lockName, err)
	}
	cut, err := w.open()
	if err != nil {
		_ = w.closeFile()
		_ = lock.Close()
		return nil, err
	}
	l := &Log{
		wake: make(chan struct{}, 1), done: make(chan struct{}), clock: w.clock,
		durable: w.at.Head, cut: cut,
	}
	go l.run(w, lock)
	if cut > 0 {
		reason := fmt.Sprintf("cut %d bytes of an unfinished write after record %d", cut, w.at.Seq)
		if err := l.Append(context.Background(), Record{Operation: OpRecovered, Result: Success, Reason: reason}); err != nil {
			return nil, errors.Join(err, l.Close())
		}
	}
	return l, nil
}

// Append adds a record and returns when it is durable. A zero Time becomes the current one. When it returns an error the
// caller refuses the operation; the record may be in the log nevertheless if ctx ended while it was being written. Errors
// carry a code: AuditRecordInvalid, AuditUnavailable, AuditFull; or are ctx's.
func (l *Log) Append(ctx context.Context, r Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("writing an audit record: %w", err)
	}
	if r.Time.IsZero() {
		r.Time = l.clock.Now()
	}
	r.Time = r.Time.UTC()
	rec, err := json.Marshal(&r)
	if err != nil {
		return code.Wrap(code.AuditRecordInvalid, "writing an audit record", r.Operation, err)
	}
	if len(rec) > MaxRecordBytes {
		return code.Wrap(code.AuditRecordInvalid, "writing an audit record", r.Operation,
			fmt.Errorf("%d bytes exceed the bound of %d", len(rec), MaxRecordBytes))
	}
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return code.Wrap(code.AuditUnavailable, "writing an audit record", "", errClosed)
	}
	b := l.pending
	if b == nil {
		b = &batch{done: make(chan struct{})}
		l.pending = b
	}
	b.records = append(b.records, rec)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default: // the writer is about to look anyway
	}
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return fmt.Errorf("writing an audit record: %w", ctx.Err())
	}
}

var errClosed = fmt.Errorf("the audit log is closed: %w", fs.ErrClosed)

// Head is the durable end of the chain.
func (l *Log) Head() Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.durable
}

// Err is nil while the log takes records; else why it does not. The next Append tries to heal it.
func (l *Log) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}

// Cut is the number of bytes of unfinished writes that Open removed.
func (l *Log) Cut() int64 { return l.cut }

// Close writes what is pending and the head file, then releases the directory. It may be called more than once.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	<-l.done
	return l.closer
}

// run is the writer goroutine: it alone touches w.
func (l *Log) run(w *writer, lock io.Closer) {
	defer close(l.done)
	var timer clock.Timer
	var due <-chan time.Time // set while the head file lags behind
	for closing := false; !closing; {
		select {
		case <-l.wake:
			// Whatever can run goes first, so that on a busy machine the records of many operations share one sync. Where
			// nothing else can run this costs nothing.
			runtime.Gosched()
			var b *batch
			l.mu.Lock()
			b, l.pending, closing = l.pending, nil, l.closing
			l.mu.Unlock()
			if b != nil {
				l.finish(b, w.write(b.records), w.at.Head)
			}
			if due == nil && w.headLags() {
				if timer == nil {
					timer = w.clock.NewTimer(w.headEvery)
				} else {
					timer.Reset(w.headEvery)
				}
				due = timer.C()
			}
		case <-due:
			due = nil
			if err := w.syncHead(); err != nil {
				l.note(err)
				timer.Reset(w.headEvery)
				due = timer.C()
			}
		}
	}
	if timer != nil {
		timer.Stop()
	}
	err := w.syncHead()
	l.closer = errors.Join(err, w.closeFile(), lock.Close())
}

func (l *Log) finish(b *batch, err error, end Head) {
	l.mu.Lock()
	l.failure = err
	if err == nil {
		l.durable = end
	}
	l.mu.Unlock()
	b.err = err
	close(b.done)
}

func (l *Log) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failure = err
}

// unavailable gives an I/O error its code.
func unavailable(op, on string, err error) error {
	if isFull(err) {
		return code.Wrap(code.AuditFull, op, on, err)
	}
	return code.Wrap(code.AuditUnavailable, op, on, err)
}
