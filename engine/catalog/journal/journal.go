// Package journal keeps a server's metadata in two files of a directory: a snapshot that is replaced as a whole, and a journal to
// which each change is appended. [Open] one; it is the store of engine/catalog.
//
// [Journal.Load] gives the records as of the last change that was acknowledged. [Journal.Commit] returns after its change is on disk;
// a change is there whole or not at all, also after a power cut. When the journal has outgrown the snapshot ([Journal.Grown]),
// [Journal.Compact] writes a new snapshot and an empty journal.
//
// Everything is sealed under the service master key, frame by frame, bound to the file's generation and the frame's number: nothing
// is in clear, and a frame that was changed, moved, repeated or taken from an older file is refused. Another key is [ErrKey],
// damage is [ErrCorrupt] with file and offset. The exceptions: an end of the journal that was torn off by a crash is cut, and so
// would be a last frame that somebody else damaged; and both files together replaced by older copies of themselves are taken
// for true. The directory is locked while it is open.
//
// After a failed sync nothing more is written until the journal is opened anew ([ErrBroken]): whether the change is on disk cannot be
// known. The format is in DESIGN.md of engine/catalog.
package journal

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/protect"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

var (
	// ErrKey means that the files were sealed under another service master key.
	ErrKey = errors.New("sealed under another service master key")
	// ErrCorrupt means that a file is damaged or none of this journal's.
	ErrCorrupt = errors.New("damaged")
	// ErrVersion means that a newer program wrote the files.
	ErrVersion = errors.New("written by a newer program")
	// ErrBroken means that an earlier write failed and the journal must be opened anew.
	ErrBroken = errors.New("not usable after a failed write: open it again")
	// ErrSize means that a change or a file is too large.
	ErrSize = errors.New("too large")
)

// The names of the files.
const (
	SnapshotName = "catalog.snapshot"
	JournalName  = "catalog.journal"
	lockName     = "catalog.lock"
)

const (
	version    = 1
	headerSize = 16 // "LKCAT", kind, version u16, generation u64, all little-endian
	frameHead  = 12 // length u32 of what follows the head, number u64
	maxFrame   = 64 << 20
	maxFile    = 1 << 30
	chunk      = 1 << 20 // of records in one frame of a snapshot, about
	// growAt is the size at which a journal is worth compacting.
	growAt = 1 << 20

	kindSnapshot = 'S'
	kindJournal  = 'J'
)

// Config says where a journal is.
type Config struct {
	FS  fsys.FS // nil means the machine's
	Dir string  // made if it is not there
	Key *protect.Key
}

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	cfg  Config
	lock io.Closer

	mu         sync.Mutex
	file       fsys.File
	generation uint64
	next       uint64 // number of the next frame of the journal
	size       int64
	base       int64 // size of the snapshot
	records    []model.Record
	broken     error
}

// Open locks the directory and reads the files; a directory without them is an empty journal.
func Open(ctx context.Context, cfg Config) (*Journal, error) {
	if cfg.FS == nil {
		cfg.FS = fsys.OS{}
	}
	if cfg.Key == nil {
		return nil, errors.New("opening the catalogue: no service master key")
	}
	j := &Journal{cfg: cfg}
	err := j.open(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("opening the catalogue in %q: %w", cfg.Dir, err), j.Close())
		return nil, err
	}
	return j, nil
}

func (j *Journal) path(name string) string { return filepath.Join(j.cfg.Dir, name) }

func (j *Journal) open(ctx context.Context) error {
	if err := j.cfg.FS.MkdirAll(j.cfg.Dir, 0o700); err != nil {
		return err
	}
	var err error
	if j.lock, err = j.cfg.FS.Lock(j.path(lockName)); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := j.readSnapshot(); err != nil {
		return err
	}
	return j.readJournal()
}

func (j *Journal) readSnapshot() error {
	data, err := fsys.ReadFile(j.cfg.FS, j.path(SnapshotName), maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		// A journal without its snapshot is damage: the snapshot is always written first.
		if _, err := j.cfg.FS.Stat(j.path(JournalName)); err == nil {
			return fmt.Errorf("%q is missing beside %q: %w", SnapshotName, JournalName, ErrCorrupt)
		}
		return j.writeSnapshot(nil)
	}
	if err != nil {
		return err
	}
	g, err := header(data, kindSnapshot)
	if err != nil {
		return fmt.Errorf("%q: %w", SnapshotName, err)
	}
	j.generation, j.base = g, int64(len(data))
	at, n, last := headerSize, uint64(0), false
	for at < len(data) && !last {
		payload, end, err := j.frame(kindSnapshot, data, at, n)
		if err != nil {
			if n == 0 && errors.Is(err, protect.ErrOpen) {
				return fmt.Errorf("%q: %w", SnapshotName, ErrKey)
			}
			return fmt.Errorf("%q at offset %d: %w: %w", SnapshotName, at, ErrCorrupt, err)
		}
		var b batch
		if err := json.Unmarshal(payload, &b); err != nil {
			return fmt.Errorf("%q at offset %d: %w: %w", SnapshotName, at, ErrCorrupt, err)
		}
		j.records = append(j.records, b.Records...)
		at, n, last = end, n+1, b.Last
	}
	if !last || at != len(data) {
		return fmt.Errorf("%q ends wrongly at offset %d: %w", SnapshotName, at, ErrCorrupt)
	}
	return nil
}

// batch is what a frame holds.
type batch struct {
	Records []model.Record
	Last    bool `json:",omitempty"` // the last frame of a snapshot
}

func header(data []byte, kind byte) (generation uint64, err error) {
	if len(data) < headerSize || string(data[:5]) != "LKCAT" || data[5] != kind {
		return 0, fmt.Errorf("no header of a catalogue: %w", ErrCorrupt)
	}
	if v := binary.LittleEndian.Uint16(data[6:]); v != version {
		return 0, fmt.Errorf("format %d, this program knows %d: %w", v, version, ErrVersion)
	}
	return binary.LittleEndian.Uint64(data[8:]), nil
}

func makeHeader(kind byte, generation uint64) []byte {
	h := append([]byte("LKCAT"), kind)
	h = binary.LittleEndian.AppendUint16(h, version)
	return binary.LittleEndian.AppendUint64(h, generation)
}

func place(kind byte, generation, number uint64) string {
	return fmt.Sprintf("%c/%d/%d", kind, generation, number)
}

// errTorn means that a frame does not end where the file does.
var errTorn = errors.New("frame is cut off")

// frame opens the frame at an offset, which must have the number given.
func (j *Journal) frame(kind byte, data []byte, at int, number uint64) (payload []byte, end int, err error) {
	if len(data)-at < frameHead {
		return nil, 0, errTorn
	}
	n := int64(binary.LittleEndian.Uint32(data[at:]))
	if n > maxFrame || int64(len(data)-at-frameHead) < n {
		return nil, 0, errTorn
	}
	if got := binary.LittleEndian.Uint64(data[at+4:]); got != number {
		return nil, 0, fmt.Errorf("frame %d where %d should be", got, number)
	}
	end = at + frameHead + int(n)
	plain, err := j.cfg.Key.Open("journal", place(kind, j.generation, number), data[at+frameHead:end])
	if err != nil {
		return nil, 0, err
	}
	defer plain.Destroy()
	return append([]byte(nil), plain.Expose()...), end, nil
}

func (j *Journal) makeFrame(kind byte, generation, number uint64, b batch) ([]byte, error) {
	payload, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	sealed, err := j.cfg.Key.Seal("journal", place(kind, generation, number), secret.Take(payload))
	if err != nil {
		return nil, err
	}
	if len(sealed) > maxFrame {
		return nil, fmt.Errorf("change of %d bytes: %w", len(sealed), ErrSize)
	}
	f := binary.LittleEndian.AppendUint32(make([]byte, 0, frameHead+len(sealed)), uint32(len(sealed)))
	f = binary.LittleEndian.AppendUint64(f, number)
	return append(f, sealed...), nil
}

func (j *Journal) readJournal() error {
	name := j.path(JournalName)
	data, err := fsys.ReadFile(j.cfg.FS, name, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return j.startJournal()
	}
	if err != nil {
		return err
	}
	g, err := header(data, kindJournal)
	switch {
	case err != nil:
		return fmt.Errorf("%q: %w", JournalName, err)
	case g < j.generation:
		return j.startJournal() // the power failed between the new snapshot and the new journal
	case g > j.generation:
		return fmt.Errorf("%q is of generation %d, %q of %d: %w", JournalName, g, SnapshotName, j.generation, ErrCorrupt)
	}
	at := headerSize
	for at < len(data) {
		payload, end, err := j.frame(kindJournal, data, at, j.next)
		if err != nil {
			if off, found := j.later(data, at+1); found {
				return fmt.Errorf("%q at offset %d, with a good frame at %d behind: %w: %w", JournalName, at, off, ErrCorrupt, err)
			}
			break
		}
		var b batch
		if err := json.Unmarshal(payload, &b); err != nil {
			return fmt.Errorf("%q at offset %d: %w: %w", JournalName, at, ErrCorrupt, err)
		}
		j.records = append(j.records, b.Records...)
		at, j.next = end, j.next+1
	}
	if j.file, err = j.cfg.FS.OpenFile(name, os.O_RDWR, 0o600); err != nil {
		return err
	}
	j.size = int64(at)
	if at == len(data) {
		return nil
	}
	if err := j.file.Truncate(j.size); err != nil {
		return fmt.Errorf("cutting a torn end: %w", err)
	}
	return j.file.Sync()
}

// later looks for a frame behind a bad one that is authentic: then the bad one is damage, not the torn end of the journal.
func (j *Journal) later(data []byte, from int) (offset int, found bool) {
	for at := from; at+frameHead < len(data); at++ {
		n := binary.LittleEndian.Uint64(data[at+4:])
		if n <= j.next || n > j.next+1<<20 {
			continue
		}
		if _, _, err := j.frame(kindJournal, data, at, n); err == nil {
			return at, true
		}
	}
	return 0, false
}

// startJournal makes an empty journal of the present generation.
func (j *Journal) startJournal() error {
	name := j.path(JournalName)
	if err := fsys.WriteFile(j.cfg.FS, name, makeHeader(kindJournal, j.generation), 0o600); err != nil {
		return err
	}
	f, err := j.cfg.FS.OpenFile(name, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	j.file, j.next, j.size = f, 0, headerSize
	return nil
}

// writeSnapshot writes a snapshot of the next generation.
func (j *Journal) writeSnapshot(records []model.Record) error {
	g := j.generation + 1
	data := makeHeader(kindSnapshot, g)
	number := uint64(0)
	for last := false; !last; number++ {
		n, size := 0, 0
		for n < len(records) && size < chunk {
			size += len(records[n].Value) + 64
			n++
		}
		last = n == len(records)
		f, err := j.makeFrame(kindSnapshot, g, number, batch{Records: records[:n], Last: last})
		if err != nil {
			return err
		}
		data, records = append(data, f...), records[n:]
	}
	if len(data) > maxFile {
		return fmt.Errorf("snapshot of %d bytes: %w", len(data), ErrSize)
	}
	if err := fsys.WriteFile(j.cfg.FS, j.path(SnapshotName), data, 0o600); err != nil {
		return err
	}
	j.generation, j.base = g, int64(len(data))
	return nil
}

// Load gives what was stored, in order: a later record of a row replaces an earlier one.
func (j *Journal) Load(context.Context) ([]model.Record, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.records
	j.records = nil
	return r, j.broken
}

// Commit appends a change. When it returns nil the change is durable; on an error it is not there, unless the error is ErrBroken.
func (j *Journal) Commit(_ context.Context, changes []model.Change) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return fmt.Errorf("storing a change: %w", j.broken)
	}
	b := batch{Records: make([]model.Record, len(changes))}
	for i, c := range changes {
		b.Records[i] = c.Record
	}
	f, err := j.makeFrame(kindJournal, j.generation, j.next, b)
	if err != nil {
		return fmt.Errorf("storing a change: %w", err)
	}
	if j.size+int64(len(f)) > maxFile {
		return fmt.Errorf("storing a change: the journal: %w", ErrSize)
	}
	if _, err := j.file.WriteAt(f, j.size); err != nil {
		// What was written of it is taken back, so that a full disk does not end the server.
		if t := errors.Join(j.file.Truncate(j.size)); t != nil {
			j.broken = ErrBroken
		} else if t := j.file.Sync(); t != nil {
			j.broken = ErrBroken
		}
		return fmt.Errorf("storing a change: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		j.broken = ErrBroken
		return fmt.Errorf("storing a change: %w: %w", ErrBroken, err)
	}
	j.size += int64(len(f))
	j.next++
	return nil
}

// Grown reports whether the journal has become so long that Compact is worth it.
func (j *Journal) Grown() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size > growAt && j.size > 2*j.base
}

// Compact replaces everything stored by records, which must be the state as of the last Commit.
func (j *Journal) Compact(_ context.Context, records []model.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return fmt.Errorf("compacting the catalogue: %w", j.broken)
	}
	if err := j.writeSnapshot(records); err != nil {
		// The new snapshot may have been put in place although its directory could not be synced. Which one a crash leaves is
		// unknown, so nothing may follow in the journal of the old one.
		j.broken = ErrBroken
		return fmt.Errorf("compacting the catalogue: %w", err)
	}
	old := j.file
	if err := j.startJournal(); err != nil {
		j.broken = ErrBroken
		return fmt.Errorf("compacting the catalogue: %w", err)
	}
	return old.Close()
}

// Close releases the files. Everything acknowledged is durable already.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.broken = ErrBroken
	var errs []error
	if j.file != nil {
		errs = append(errs, j.file.Close())
		j.file = nil
	}
	if j.lock != nil {
		errs = append(errs, j.lock.Close())
		j.lock = nil
	}
	return errors.Join(errs...)
}
