package audit_test

import (
	"fmt"
	"io/fs"
	"testing"

	"latchkey/audit"
	"latchkey/internal/fsys"
)

// BenchmarkAppend measures durable records on the machine's file system, by number of appenders.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{2, 64, 512} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchAppend(b, fsys.OS{}, b.TempDir(), n) })
	}
}

// BenchmarkAppendCPU measures the work alone: a file system in memory, whose sync costs nothing.
func BenchmarkAppendCPU(b *testing.B) {
	benchAppend(b, nullFS{fsys.NewMem()}, dir, 64)
}

func benchAppend(b *testing.B, f fsys.FS, dir string, n int) {
	l, err := audit.Open(f, dir, audit.Options{Key: testKey()})
	if err != nil {
		b.Fatal(err)
	}
	b.SetParallelism(n / 2)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		r := record(1)
		for pb.Next() {
			if err := l.Append(b.Context(), r); err != nil {
				b.Error(err)
				return
			}
		}
	})
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
}

// nullFS drops what is written to log files, so that a benchmark measures the log and not a growing memory file.
type nullFS struct{ *fsys.Mem }

func (n nullFS) OpenFile(name string, flag int, perm fs.FileMode) (fsys.File, error) {
	f, err := n.Mem.OpenFile(name, flag, perm)
	return nullFile{f}, err
}

type nullFile struct{ fsys.File }

func (nullFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
