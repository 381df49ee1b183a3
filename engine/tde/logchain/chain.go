package logchain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"latchkey/engine/tde/pagecipher"
	"latchkey/internal/fsys"
)

const (
	stateFile = "chain.json"
	suffix    = ".seg"
	maxState  = 1 << 16
)

// Chain is a chain on disk. It is safe for concurrent use.
type Chain struct {
	fs  fsys.FS
	dir string

	// files is held shared while a segment is being copied, exclusively to replace or remove segments; before mu.
	files sync.RWMutex

	mu   sync.Mutex
	next uint64 // LSN of the next frame
	segs []seg  // ascending
}

// seg is a segment's place; its head and marks stay on disk.
type seg struct {
	first, frames uint64
	salts, number uint64
	plain         bool
}

func (s seg) last() uint64 { return s.first + s.frames - 1 }

// state is chain.json.
type state struct {
	Format int
	Base   uint64 // no segment begins below; the next LSN if there is none
}

// Create begins a chain whose first frame has the number base, from 1. A chain that was there before is removed.
func Create(f fsys.FS, dir string, base uint64) (*Chain, error) {
	if err := Remove(f, dir); err != nil {
		return nil, err
	}
	if err := f.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &Chain{fs: f, dir: dir, next: max(1, base)}
	if err := c.save(c.next); err != nil {
		return nil, err
	}
	return c, f.SyncDir(filepath.Dir(dir))
}

// Remove removes a chain, if there is one. The file that makes it one goes first.
func Remove(f fsys.FS, dir string) error {
	entries, err := f.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := f.Remove(filepath.Join(dir, stateFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := f.SyncDir(dir); err != nil {
		return err
	}
	for _, e := range entries {
		if err := f.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := f.Remove(dir); err != nil {
		return err
	}
	return f.SyncDir(filepath.Dir(dir))
}

// Open opens a chain; fs.ErrNotExist if there is none. Files of appends that a crash cut short are removed.
func Open(f fsys.FS, dir string) (*Chain, error) {
	b, err := fsys.ReadFile(f, filepath.Join(dir, stateFile), maxState)
	if err != nil {
		return nil, err
	}
	var st state
	if err := json.Unmarshal(b, &st); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, stateFile, err)
	}
	if st.Format != Format {
		return nil, fmt.Errorf("a log chain of format %d; this program reads format %d", st.Format, Format)
	}
	c := &Chain{fs: f, dir: dir, next: st.Base}
	entries, err := f.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		first, ok := parse(name)
		if !ok {
			if strings.HasSuffix(name, ".tmp") {
				if err := f.Remove(filepath.Join(dir, name)); err != nil {
					return nil, err
				}
			}
			continue
		}
		if first < st.Base { // Trim was cut short
			if err := f.Remove(filepath.Join(dir, name)); err != nil {
				return nil, err
			}
			continue
		}
		i, err := c.info(first)
		if err != nil {
			return nil, err
		}
		if i.First != c.next {
			return nil, fmt.Errorf("%w: frame %d should follow, segment %s begins with %d", ErrCorrupt, c.next, name, i.First)
		}
		c.add(i)
	}
	return c, nil
}

func parse(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil
}

func (c *Chain) name(first uint64) string {
	return filepath.Join(c.dir, fmt.Sprintf("%020d%s", first, suffix))
}

func (c *Chain) add(i Info) {
	c.segs = append(c.segs, seg{i.First, i.Frames, i.Salts, i.Number, i.Plain})
	c.next = i.Last() + 1
}

func (c *Chain) save(base uint64) error {
	b, err := json.Marshal(state{Format, base})
	if err != nil {
		return err
	}
	return fsys.WriteFile(c.fs, filepath.Join(c.dir, stateFile), b, 0o600)
}

// info reads a segment's beginning.
func (c *Chain) info(first uint64) (Info, error) {
	f, err := c.fs.OpenFile(c.name(first), os.O_RDONLY, 0)
	if err != nil {
		return Info{}, err
	}
	defer f.Close()
	i, begin, err := decode(io.NewSectionReader(f, 0, 1<<62))
	if err != nil {
		return i, fmt.Errorf("%s: %w", c.name(first), err)
	}
	if size, err := f.Size(); err != nil || size != begin+int64(i.Frames)*pagecipher.DiskFrame {
		return i, errors.Join(fmt.Errorf("%s: %w: its size is wrong", c.name(first), ErrCorrupt), err)
	}
	return i, nil
}

// Next is the LSN that the next frame will have.
func (c *Chain) Next() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.next
}

// Has is the number, in the log of these salts, of the last frame that the chain holds of that log; 0 if it holds none.
func (c *Chain) Has(salts uint64) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.segs); n > 0 && c.segs[n-1].salts == salts {
		s := c.segs[n-1]
		return s.number + s.frames - 1
	}
	return 0
}

// Append adds a segment of frames; i.First is set by it, and i.Marks count from 1 for the first frame. frame gives the n-th frame, from 0, as it lies on disk. When
// it returns nil the segment is durable.
func (c *Chain) Append(i Info, frame func(n uint64) ([]byte, error)) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i.First = c.next
	marks := make([]Mark, len(i.Marks))
	for n, m := range i.Marks {
		marks[n] = Mark{m.Frame + i.First - 1, m.Time}
	}
	i.Marks = marks
	if err := c.write(i, frame); err != nil {
		return fmt.Errorf("adding to the log chain: %w", err)
	}
	c.add(i)
	return nil
}

func (c *Chain) write(i Info, frame func(n uint64) ([]byte, error)) (err error) {
	name := c.name(i.First)
	f, err := c.fs.OpenFile(name+".tmp", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = c.fs.Remove(name + ".tmp")
		}
	}()
	head := i.encode()
	out, at := append(make([]byte, 0, 1<<20), head...), int64(0)
	flush := func() error {
		_, err := f.WriteAt(out, at)
		at, out = at+int64(len(out)), out[:0]
		return err
	}
	for n := range i.Frames {
		var b []byte
		if b, err = frame(n); err != nil {
			break
		}
		if out = append(out, b[:pagecipher.DiskFrame]...); len(out)+pagecipher.DiskFrame > cap(out) {
			if err = flush(); err != nil {
				break
			}
		}
	}
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := c.fs.Rename(name+".tmp", name); err != nil {
		return err
	}
	return c.fs.SyncDir(c.dir)
}

// Range is what Copy has written.
type Range struct {
	First, Last uint64 // LSNs; First is Last+1 if there was nothing
	Times       [2]Mark
}

// Copy writes the segments from the one that holds from to the end of the chain, whole.
func (c *Chain) Copy(ctx context.Context, w io.Writer, from uint64) (Range, error) {
	c.mu.Lock()
	segs := append([]seg(nil), c.segs...)
	r := Range{First: c.next, Last: c.next - 1}
	c.mu.Unlock()
	for _, s := range segs {
		if s.last() < from {
			continue
		}
		if err := ctx.Err(); err != nil {
			return r, err
		}
		i, err := c.send(w, s.first)
		if err != nil {
			return r, err
		}
		if r.First > i.First {
			r.First, r.Times[0] = i.First, i.Marks[0]
		}
		r.Times[1] = i.Marks[len(i.Marks)-1]
	}
	return r, nil
}

func (c *Chain) send(w io.Writer, first uint64) (Info, error) {
	c.files.RLock()
	defer c.files.RUnlock()
	i, err := c.info(first)
	if err != nil {
		return i, err
	}
	f, err := c.fs.OpenFile(c.name(first), os.O_RDONLY, 0)
	if err != nil {
		return i, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return i, err
	}
	_, err = io.Copy(w, io.NewSectionReader(f, 0, size))
	return i, err
}

// Heads are the different heads of the segments, oldest first.
func (c *Chain) Heads() ([][]byte, error) {
	c.files.RLock()
	defer c.files.RUnlock()
	c.mu.Lock()
	segs := append([]seg(nil), c.segs...)
	c.mu.Unlock()
	var out [][]byte
	for _, s := range segs {
		i, err := c.info(s.first)
		if err != nil {
			return nil, err
		}
		if n := len(out); n == 0 || !bytes.Equal(out[n-1], i.Head) {
			out = append(out, i.Head)
		}
	}
	return out, nil
}

// ReadHeads are the different heads of the segments of a chain that is not open, oldest first; fs.ErrNotExist if there is none. Nothing is changed.
func ReadHeads(f fsys.FS, dir string) ([][]byte, error) {
	b, err := fsys.ReadFile(f, filepath.Join(dir, stateFile), maxState)
	if err != nil {
		return nil, err
	}
	var st state
	if err := json.Unmarshal(b, &st); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, stateFile, err)
	}
	if st.Format != Format {
		return nil, fmt.Errorf("a log chain of format %d; this program reads format %d", st.Format, Format)
	}
	entries, err := f.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	c := &Chain{fs: f, dir: dir}
	var out [][]byte
	for _, e := range entries {
		first, ok := parse(e.Name())
		if !ok || first < st.Base {
			continue
		}
		i, err := c.info(first)
		if err != nil {
			return nil, err
		}
		if n := len(out); n == 0 || !bytes.Equal(out[n-1], i.Head) {
			out = append(out, i.Head)
		}
	}
	return out, nil
}

// Trim removes the segments whose frames are all at or below last: a backup holds them.
func (c *Chain) Trim(last uint64) error {
	c.files.Lock()
	defer c.files.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(c.segs) && c.segs[n].last() <= last {
		n++
	}
	if n == 0 {
		return nil
	}
	base := c.next
	if n < len(c.segs) {
		base = c.segs[n].first
	}
	if err := c.save(base); err != nil {
		return err
	}
	gone := c.segs[:n]
	c.segs = append([]seg(nil), c.segs[n:]...)
	for _, s := range gone { // what cannot be removed now is at the next Open
		_ = c.fs.Remove(c.name(s.first))
	}
	return c.fs.SyncDir(c.dir)
}

// Plain reports whether a segment may hold frames in clear.
func (c *Chain) Plain() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.segs {
		if s.plain {
			return true
		}
	}
	return false
}

// errHeadChanged: the header that a segment was written with does not open all of it.
var errHeadChanged = errors.New("the header changed meanwhile")

// Seal rewrites the segments that may hold frames in clear: seal replaces a frame, in place, and head is the header that opens it. What was in clear is overwritten before it goes.
func (c *Chain) Seal(head func() ([]byte, error), seal func(frame []byte, number uint64) error) error {
	c.files.Lock()
	defer c.files.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	for n := range c.segs {
		if !c.segs[n].plain {
			continue
		}
		err := errHeadChanged
		for errors.Is(err, errHeadChanged) {
			err = c.reseal(c.segs[n].first, head, seal)
		}
		if err != nil {
			return fmt.Errorf("sealing the log chain: %w", err)
		}
		c.segs[n].plain = false
	}
	return nil
}

func (c *Chain) reseal(first uint64, head func() ([]byte, error), seal func(frame []byte, number uint64) error) error {
	i, err := c.info(first)
	if err != nil {
		return err
	}
	old, err := c.fs.OpenFile(c.name(first), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer old.Close()
	begin := int64(len(i.encode()))
	i.Plain = false
	if i.Head, err = head(); err != nil {
		return err
	}
	buf := make([]byte, pagecipher.DiskFrame)
	err = c.write(i, func(n uint64) ([]byte, error) {
		if k, err := old.ReadAt(buf, begin+int64(n)*pagecipher.DiskFrame); k < len(buf) {
			return nil, err
		}
		err := seal(buf, i.Number+n)
		if n == i.Frames-1 && err == nil { // sealing may have begun a new key epoch, which the header tells of
			var now []byte
			if now, err = head(); err == nil && !bytes.Equal(now, i.Head) {
				err = errHeadChanged
			}
		}
		return buf, err
	})
	if err != nil {
		return err
	}
	size, err := old.Size()
	zeros := make([]byte, 1<<20)
	for at := int64(0); err == nil && at < size; at += int64(len(zeros)) {
		_, err = old.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
	}
	if err == nil {
		err = old.Sync()
	}
	return err
}
