package sealvfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/sealvfs"
	"latchkey/internal/fsys"
)

// frameAt is where SQLite writes the frame of this number, from 1.
func frameAt(n int64) int64 { return pagecipher.WALHeader + (n-1)*pagecipher.Frame }

// A log is read in the same shapes as it is written: header, a frame's header, its body, its page number, whole frames.
func TestLogShapes(t *testing.T) {
	b := newBed(t, 1000)
	c := b.loaded(t)
	must(t, c.Exec("UPDATE t SET v=v||'x' WHERE id<20"))
	_, log := files(t, c)
	size, err := log.Size()
	must(t, err)
	frames := (size - pagecipher.WALHeader) / pagecipher.Frame
	if frames < 2 || size != frameAt(frames+1) {
		t.Fatalf("%d bytes", size)
	}
	whole := make([]byte, size)
	if n, err := log.ReadAt(whole, 0); n != len(whole) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for n := int64(1); n <= frames; n++ {
		for _, part := range []struct{ off, n int64 }{{0, 24}, {24, 4096}, {16, 8}, {0, 4}, {0, 4120}} {
			p, at := make([]byte, part.n), frameAt(n)+part.off
			if k, err := log.ReadAt(p, at); k != len(p) || err != nil || !bytes.Equal(p, whole[at:at+part.n]) {
				t.Errorf("frame %d, %d bytes at %d: %d, %v", n, part.n, part.off, k, err)
			}
		}
		if r := whole[frameAt(n+1)-pagecipher.Reserved : frameAt(n+1)]; !bytes.Equal(r, make([]byte, pagecipher.Reserved)) {
			t.Errorf("frame %d shows reserved bytes", n)
		}
	}
	raw, err := fsys.ReadFile(b.disk, path+"-wal", 0)
	must(t, err)
	if int64(len(raw)) != pagecipher.DiskWALHeader+frames*pagecipher.DiskFrame || bytes.Contains(raw, []byte("canary-")) {
		t.Errorf("%d bytes on disk, or in clear", len(raw))
	}
}

// Recovery reads whole frames and must come over a torn end; who needs a frame's body must hear that it is damaged.
func TestTornLog(t *testing.T) {
	b := newBed(t, 0)
	c := b.loaded(t)
	_, log := files(t, c)
	must(t, c.Exec("PRAGMA synchronous=NORMAL; UPDATE t SET v='1' WHERE id=1; UPDATE t SET v='2' WHERE id=1"))
	size, err := log.Size()
	must(t, err)
	last := (size - pagecipher.WALHeader) / pagecipher.Frame
	b.flip(t, path+"-wal", pagecipher.DiskWALHeader+(last-1)*pagecipher.DiskFrame+500)
	p := make([]byte, pagecipher.Frame)
	if n, err := log.ReadAt(p, frameAt(last)); n != len(p) || err != nil || !bytes.Equal(p, make([]byte, len(p))) {
		t.Errorf("a whole frame: %d, %v", n, err)
	}
	if n, err := log.ReadAt(p[:24], frameAt(last)); n != 0 || err == nil {
		t.Errorf("a frame's header: %d, %v", n, err)
	}
	var e *sealvfs.Error
	if below := sealvfs.LastError(c); !errors.As(below, &e) || !e.Corrupt() || e.Number != uint64(last) {
		t.Errorf("told %v", below)
	}
}

// The end of a log in clear is overwritten before it goes, once the database seals.
func TestPlainLogIsWiped(t *testing.T) {
	b := newBed(t, 0)
	c := b.loaded(t)
	b.Change(func() {
		b.ring.SealWith(0, true)
		b.SetPolicy(sealvfs.Policy{Plain: true, Sealed: [2]bool{false, true}})
	})
	must(t, c.Exec("UPDATE t SET v='canary-'||v"))
	raw, err := fsys.ReadFile(b.disk, path+"-wal", 0)
	must(t, err)
	if !bytes.Contains(raw, []byte("canary-")) {
		t.Fatal("the log is not in clear")
	}
	b.Change(func() { b.ring.SealWith(1, false) })
	var steps []string
	b.setHook(func(op fsys.Op) error {
		if op.Name == path+"-wal" && op.Kind&(fsys.OpTruncate|fsys.OpSync) != 0 {
			now, err := fsys.ReadFile(b.disk, path+"-wal", 0)
			steps = append(steps, fmt.Sprintf("%v: in clear %v, %v", op.Kind, bytes.Contains(now, []byte("canary-")), err))
		}
		return nil
	})
	checkpoint(t, c)
	b.setHook(nil)
	n := len(steps)
	if n < 3 || steps[n-1] != fmt.Sprintf("%v: in clear false, <nil>", fsys.OpTruncate) || steps[n-2] != fmt.Sprintf("%v: in clear false, <nil>", fsys.OpSync) {
		t.Errorf("%q", steps)
	}
	if got := one(t, c, "PRAGMA integrity_check"); got != "ok" {
		t.Error(got)
	}
}

// amid stops a connection amid a frame that it writes to the log.
func amid(t *testing.T, c *sqlite3.Conn, page uint32) (finish func()) {
	t.Helper()
	_, log := files(t, c)
	size, err := log.Size()
	must(t, err)
	head := make([]byte, pagecipher.FrameHeader)
	head[3], head[7] = byte(page), byte(page) // it ends a transaction
	last := make([]byte, pagecipher.FrameHeader)
	_, err = log.ReadAt(last, size-pagecipher.Frame)
	must(t, err)
	copy(head[8:16], last[8:16])
	_, err = log.WriteAt(head, size)
	must(t, err)
	return func() {
		t.Helper()
		body := bytes.Repeat([]byte{5}, pagecipher.PageSize)
		_, err := log.WriteAt(body, size+pagecipher.FrameHeader)
		must(t, err)
		got := make([]byte, pagecipher.PageSize)
		if n, err := log.ReadAt(got, size+pagecipher.FrameHeader); n != len(got) || err != nil || !bytes.Equal(got[:pagecipher.Payload], body[:pagecipher.Payload]) {
			t.Errorf("the frame that was being written: %d, %v", n, err)
		}
	}
}

// Others make the log durable, end transactions or copy it back while a connection has written half of a frame.
func TestOthersAmidAFrame(t *testing.T) {
	for name, do := range map[string]func(b *bed, c *sqlite3.Conn) error{
		"sync": func(_ *bed, c *sqlite3.Conn) error { _, log := files(t, c); return log.Sync(vfs.SYNC_NORMAL) },
		"commit": func(_ *bed, c *sqlite3.Conn) error {
			main, _ := files(t, c)
			return main.(vfs.FileCommitPhaseTwo).CommitPhaseTwo()
		},
		"scan":   func(b *bed, _ *sqlite3.Conn) error { return b.SyncLog() },
		"keeper": func(b *bed, _ *sqlite3.Conn) error { return b.KeepNow() },
		"checkpoint": func(_ *bed, c *sqlite3.Conn) error {
			_, _, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, 1000)
			writer, other := b.loaded(t), b.conn(t)
			must(t, writer.Exec("UPDATE t SET v='x' WHERE id=3"))
			finish := amid(t, writer, 3)
			must(t, do(b, other))
			finish()
			if err := b.Failed(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What a checkpoint could not write is not written later, when another connection has copied back something newer.
func TestFailedCheckpointLeavesNothing(t *testing.T) {
	b := newBed(t, 0)
	c := b.loaded(t)
	must(t, c.Exec("WITH RECURSIVE g(i) AS (SELECT 1000 UNION ALL SELECT i+1 FROM g WHERE i<3000) INSERT INTO t SELECT i, printf('%0500d', i) FROM g"))
	checkpoint(t, c)
	first, _ := files(t, c)
	other := b.conn(t)
	second, _ := files(t, other)
	put := func(f vfs.File, page int, with byte) error {
		_, err := f.WriteAt(bytes.Repeat([]byte{with}, pagecipher.PageSize), int64(page-1)*pagecipher.PageSize)
		return err
	}
	boom := errors.New("boom")
	b.fail(fsys.OpWrite, path, boom)
	ck := func(f vfs.File) vfs.FileCheckpoint { return f.(vfs.FileCheckpoint) }
	ck(first).CheckpointStart()
	var err error
	for page := 2; page <= 100 && err == nil; page++ {
		err = put(first, page, 1)
	}
	ck(first).CheckpointDone()
	err = errors.Join(err, first.Sync(vfs.SYNC_NORMAL))
	b.setHook(nil)
	if err == nil {
		t.Fatal("the checkpoint did not fail")
	}
	ck(second).CheckpointStart()
	for page := 2; page <= 100; page++ {
		must(t, put(second, page, 2))
	}
	ck(second).CheckpointDone()
	must(t, second.Sync(vfs.SYNC_NORMAL))
	p := make([]byte, pagecipher.PageSize)
	_, err = first.ReadAt(p, 4096) // once wrote what it still had
	must(t, err)
	must(t, first.Sync(vfs.SYNC_NORMAL))
	for page := int64(2); page <= 100; page++ {
		if _, err := second.ReadAt(p, (page-1)*pagecipher.PageSize); err != nil || p[0] != 2 {
			t.Fatalf("page %d holds %d, %v", page, p[0], err)
		}
	}
}
