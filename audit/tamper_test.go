package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"latchkey/audit"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// writtenLog makes a log of some files and returns it.
func writtenLog(t *testing.T, key *secret.Bytes) (f *fsys.Mem, head audit.Head) {
	t.Helper()
	f = fsys.NewMem()
	l := mustOpen(t, f, audit.Options{Key: key, MaxFileBytes: 4000})
	mustAppend(t, l, 0, 20)
	head = l.Head()
	mustClose(t, l)
	return f, head
}

func logFile(n int) string { return filepath.Join(dir, fmt.Sprintf("audit-%08d.log", n)) }

func linesOf(t *testing.T, f fsys.FS, name string) [][]byte {
	t.Helper()
	return bytes.SplitAfter(bytes.TrimSuffix(read(t, f, name), []byte("\n")), []byte("\n"))
}

func join(lines ...[]byte) []byte {
	var out []byte
	for _, l := range lines {
		out = append(append(out, bytes.TrimSuffix(l, []byte("\n"))...), '\n')
	}
	return out
}

// TestVerifyFindsWhatWasDone does what somebody with an editor would do, and looks for the fault, the file and the line.
func TestVerifyFindsWhatWasDone(t *testing.T) {
	change := func(n int, edit func(lines [][]byte) [][]byte) func(*testing.T, *fsys.Mem) {
		return func(t *testing.T, f *fsys.Mem) { write(t, f, logFile(n), join(edit(linesOf(t, f, logFile(n)))...)) }
	}
	remove := func(names ...string) func(*testing.T, *fsys.Mem) {
		return func(t *testing.T, f *fsys.Mem) {
			for _, name := range names {
				if err := f.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for _, tc := range []struct {
		name   string
		tamper func(*testing.T, *fsys.Mem)
		fault  audit.Fault
		file   string
		line   int
	}{
		{"a word changed", change(1, func(l [][]byte) [][]byte {
			l[3] = bytes.Replace(l[3], []byte("KeyUnwrap"), []byte("KeyVerify"), 1)
			return l
		}), audit.Changed, logFile(1), 4},
		{"a number changed", change(2, func(l [][]byte) [][]byte {
			l[2] = bytes.Replace(l[2], []byte(`"seq":`), []byte(`"seq":1`), 1)
			return l
		}), audit.Changed, logFile(2), 3},
		{"a header changed", change(2, func(l [][]byte) [][]byte {
			l[0] = bytes.Replace(l[0], []byte("2026"), []byte("2025"), 1)
			return l
		}), audit.Changed, logFile(2), 1},
		{"a record removed", change(1, func(l [][]byte) [][]byte { return slices.Delete(l, 3, 4) }), audit.Removed, logFile(1), 4},
		{"the first record removed", change(1, func(l [][]byte) [][]byte { return slices.Delete(l, 1, 2) }), audit.Removed, logFile(1), 2},
		{"a record repeated", change(1, func(l [][]byte) [][]byte { return slices.Insert(l, 4, l[2]) }), audit.Inserted, logFile(1), 5},
		{"two records swapped", change(1, func(l [][]byte) [][]byte { l[2], l[3] = l[3], l[2]; return l }), audit.Removed, logFile(1), 3},
		{"a header in the middle", change(1, func(l [][]byte) [][]byte { return slices.Insert(l, 3, l[0]) }), audit.Inserted, logFile(1), 4},
		{"a blank line", change(1, func(l [][]byte) [][]byte { return slices.Insert(l, 3, nil) }), audit.Unreadable, logFile(1), 4},
		{"the header removed", change(2, func(l [][]byte) [][]byte { return l[1:] }), audit.Unlinked, logFile(2), 1},
		{"a long line", change(1, func(l [][]byte) [][]byte {
			return slices.Insert(l, 3, bytes.Repeat([]byte{'x'}, 3*audit.MaxRecordBytes))
		}), audit.Unreadable, logFile(1), 4},
		{"the end of a file cut", change(1, func(l [][]byte) [][]byte { return l[:len(l)-1] }), audit.Removed, logFile(2), 1},
		{"a file emptied", func(t *testing.T, f *fsys.Mem) { write(t, f, logFile(2), nil) }, audit.Unreadable, logFile(2), 1},
		{"a file removed", remove(logFile(2)), audit.Removed, logFile(3), 0},
		{"the first file removed", remove(logFile(1)), audit.Removed, logFile(2), 0},
		{"files swapped", func(t *testing.T, f *fsys.Mem) {
			a, b := read(t, f, logFile(1)), read(t, f, logFile(2))
			write(t, f, logFile(1), b)
			write(t, f, logFile(2), a)
		}, audit.Inserted, logFile(1), 1},
		{"the head removed", remove(filepath.Join(dir, "head")), audit.Headless, "", 0},
		{"the head changed", func(t *testing.T, f *fsys.Mem) {
			name := filepath.Join(dir, "head")
			write(t, f, name, bytes.Replace(read(t, f, name), []byte(`"seq":2`), []byte(`"seq":1`), 1))
		}, audit.Headless, "", 0},
		{"the end cut", func(t *testing.T, f *fsys.Mem) { cutRecords(t, f, 1) }, audit.Truncated, "", -1},
		{"the end cut within a line", func(t *testing.T, f *fsys.Mem) {
			name := lastFile(t, f)
			b := read(t, f, name)
			write(t, f, name, b[:len(b)-10])
		}, audit.Truncated, "", -1},
		{"the last file removed", func(t *testing.T, f *fsys.Mem) { remove(lastFile(t, f))(t, f) }, audit.Truncated, "", -1},
	} {
		for _, key := range []*secret.Bytes{nil, testKey()} {
			t.Run(fmt.Sprintf("%s/keyed=%v", tc.name, key != nil), func(t *testing.T) {
				f, _ := writtenLog(t, key)
				tc.tamper(t, f)
				rep, err := audit.Verify(t.Context(), f, dir, audit.VerifyOptions{Key: key})
				if !errors.Is(err, code.AuditDamaged) {
					t.Fatalf("verify: %v %+v", err, rep)
				}
				if !slices.ContainsFunc(rep.Problems, func(p audit.Problem) bool {
					return p.Fault == tc.fault && (tc.line < 0 || p.File == tc.file && p.Line == tc.line)
				}) {
					t.Errorf("want %s at %s:%d in\n%v", tc.fault, tc.file, tc.line, rep.Problems)
				}
				if rep.Faults > 4 {
					t.Errorf("one deed, %d faults:\n%v", rep.Faults, rep.Problems)
				}
			})
		}
	}
}

func lastFile(t *testing.T, f fsys.FS) string {
	t.Helper()
	for n := 1; ; n++ {
		if _, err := f.Stat(logFile(n + 1)); err != nil {
			return logFile(n)
		}
	}
}

// cutRecords removes the last n records of the last file.
func cutRecords(t *testing.T, f fsys.FS, n int) {
	t.Helper()
	name := lastFile(t, f)
	l := linesOf(t, f, name)
	write(t, f, name, join(l[:len(l)-n]...))
}

// TestEveryByteCounts changes each byte of a log, in turn.
func TestEveryByteCounts(t *testing.T) {
	f, _ := writtenLog(t, testKey())
	for _, name := range []string{logFile(1), lastFile(t, f), filepath.Join(dir, "head")} {
		good := read(t, f, name)
		for i := 0; i < len(good); i += 5 {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			write(t, f, name, bad)
			if _, err := audit.Verify(t.Context(), f, dir, audit.VerifyOptions{Key: testKey()}); code.Of(err) == 0 {
				t.Fatalf("byte %d of %q: %v", i, name, err)
			}
		}
		write(t, f, name, good)
	}
	if _, err := audit.Verify(t.Context(), f, dir, audit.VerifyOptions{Key: testKey()}); err != nil {
		t.Error(err)
	}
}

// TestAForgedChainNeedsTheKey: a whole log written anew passes without a key, and not with one.
func TestAForgedChainNeedsTheKey(t *testing.T) {
	forged, _ := writtenLog(t, nil)
	if _, err := audit.Verify(t.Context(), forged, dir, audit.VerifyOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Verify(t.Context(), forged, dir, audit.VerifyOptions{Key: testKey()}); !errors.Is(err, code.AuditKey) {
		t.Errorf("a plain chain in place of a keyed one: %v", err)
	}
	real, _ := writtenLog(t, testKey())
	write(t, real, logFile(2), read(t, forged, logFile(2)))
	if _, err := audit.Verify(t.Context(), real, dir, audit.VerifyOptions{Key: testKey()}); !errors.Is(err, code.AuditDamaged) {
		t.Errorf("one plain file: %v", err)
	}
}

// TestAnAnchorFindsAnOlderCopy: the directory put back as a whole is only found by what was kept elsewhere.
func TestAnAnchorFindsAnOlderCopy(t *testing.T) {
	f := fsys.NewMem()
	l := mustOpen(t, f, audit.Options{})
	mustAppend(t, l, 0, 3)
	early := l.Head()
	mustClose(t, l)
	old := f.CrashClone(fsys.Crash{})
	l = mustOpen(t, f, audit.Options{})
	mustAppend(t, l, 3, 5)
	late := l.Head()
	mustClose(t, l)
	verify := func(f fsys.FS, anchor audit.Head) error {
		_, err := audit.Verify(t.Context(), f, dir, audit.VerifyOptions{Anchor: anchor})
		return err
	}
	if err := errors.Join(verify(f, early), verify(f, late), verify(old, early), verify(old, audit.Head{})); err != nil {
		t.Error(err)
	}
	if err := verify(old, late); !errors.Is(err, code.AuditDamaged) {
		t.Errorf("an older copy: %v", err)
	}
	if h, err := audit.ParseHash(late.Hash.String()); err != nil || h != late.Hash {
		t.Errorf("an anchor does not survive being written down: %v", err)
	}
}

func TestArchivedFilesMayBeGone(t *testing.T) {
	f, _ := writtenLog(t, nil)
	if err := f.Remove(logFile(1)); err != nil {
		t.Fatal(err)
	}
	rep, err := audit.Verify(t.Context(), f, dir, audit.VerifyOptions{Archived: true})
	if err != nil || rep.First < 2 {
		t.Errorf("%v %+v", err, rep)
	}
	l := mustOpen(t, f, audit.Options{})
	mustAppend(t, l, 20, 22)
	mustClose(t, l)
}

// TestOpenRefusesDamage: a log that lost what it acknowledged takes no records, and is not changed.
func TestOpenRefusesDamage(t *testing.T) {
	for _, tc := range []struct {
		name   string
		tamper func(f *fsys.Mem)
	}{
		{"end cut", func(f *fsys.Mem) { cutRecords(t, f, 1) }},
		{"last record changed", func(f *fsys.Mem) {
			name := lastFile(t, f)
			b := read(t, f, name)
			b[len(b)-200] ^= 1
			write(t, f, name, b)
		}},
		{"last file removed", func(f *fsys.Mem) { _ = f.Remove(lastFile(t, f)) }},
		{"head removed", func(f *fsys.Mem) { _ = f.Remove(filepath.Join(dir, "head")) }},
		{"head too large", func(f *fsys.Mem) { write(t, f, filepath.Join(dir, "head"), make([]byte, 5000)) }},
		{"head damaged", func(f *fsys.Mem) { write(t, f, filepath.Join(dir, "head"), []byte("{}")) }},
	} {
		f, _ := writtenLog(t, nil)
		tc.tamper(f)
		before := read(t, f, logFile(1))
		if _, err := audit.Open(f, dir, audit.Options{}); !errors.Is(err, code.AuditDamaged) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if !bytes.Equal(before, read(t, f, logFile(1))) {
			t.Errorf("%s: the refused log was changed", tc.name)
		}
	}
}

func TestNewerFormatsAreRefused(t *testing.T) {
	f, _ := writtenLog(t, nil)
	name := filepath.Join(dir, "head")
	write(t, f, name, bytes.Replace(read(t, f, name), []byte(`audit-head":1`), []byte(`audit-head":2`), 1))
	if _, err := audit.Open(f, dir, audit.Options{}); !errors.Is(err, code.AuditVersion) {
		t.Errorf("open: %v", err)
	}
	if _, err := audit.Verify(t.Context(), f, dir, audit.VerifyOptions{}); !errors.Is(err, code.AuditVersion) {
		t.Errorf("verify: %v", err)
	}
}

// A problem of the log as a whole names no place.
func TestProblemText(t *testing.T) {
	for want, p := range map[string]audit.Problem{
		"record 3: truncated: x":       {Seq: 3, Fault: audit.Truncated, Detail: "x"},
		"/a/f: record 3: removed: x":   {File: "/a/f", Seq: 3, Fault: audit.Removed, Detail: "x"},
		"/a/f:7: record 3: changed: x": {File: "/a/f", Line: 7, Seq: 3, Fault: audit.Changed, Detail: "x"},
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// An entry in JSON has the file's own names, and hashes as people compare them.
func TestEntryJSON(t *testing.T) {
	f, _ := writtenLog(t, nil)
	for e, err := range audit.Read(t.Context(), f, dir, audit.ReadOptions{From: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"seq":2`, `"prev":"` + e.Prev.String() + `"`, `"hash":"` + e.Hash.String() + `"`, `"operationName":`, `"line":`} {
			if !strings.Contains(string(b), want) {
				t.Errorf("no %s in %s", want, b)
			}
		}
		var back audit.Entry
		if err := json.Unmarshal(b, &back); err != nil || back.Hash != e.Hash {
			t.Errorf("read back: %v, %v", back.Hash, err)
		}
		return
	}
	t.Error("no record 2")
}

func TestReadGoesOnBehindDamage(t *testing.T) {
	f, _ := writtenLog(t, nil)
	l := linesOf(t, f, logFile(1))
	l[2] = []byte("nonsense\n")
	write(t, f, logFile(1), join(l...))
	good, bad := 0, 0
	for _, err := range audit.Read(t.Context(), f, dir, audit.ReadOptions{}) {
		switch {
		case errors.Is(err, code.AuditDamaged):
			bad++
		case err != nil:
			t.Fatal(err)
		default:
			good++
		}
	}
	if good != 19 || bad != 1 {
		t.Errorf("%d records, %d damaged lines", good, bad)
	}
}

// FuzzFiles gives arbitrary files to everything that reads: nothing may panic, and what Open accepts must verify.
func FuzzFiles(f *testing.F) {
	m := fsys.NewMem()
	l, err := audit.Open(m, dir, audit.Options{MaxFileBytes: 1000})
	if err != nil {
		f.Fatal(err)
	}
	for i := range 3 {
		if err := l.Append(f.Context(), record(i)); err != nil {
			f.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	get := func(name string) []byte {
		b, err := fsys.ReadFile(m, name, 0)
		if err != nil {
			f.Fatal(err)
		}
		return b
	}
	head, one, two := get(filepath.Join(dir, "head")), get(logFile(1)), get(logFile(2))
	f.Add(head, one, two)
	f.Add(head, one[:len(one)-5], []byte{})
	f.Add([]byte{}, one[:bytes.IndexByte(one, '\n')+1], []byte{})
	f.Add([]byte("{}"), []byte("\n\n"), []byte(`{"seq":1,"prev":"`))
	f.Fuzz(func(t *testing.T, head, one, two []byte) {
		m := fsys.NewMem()
		if err := m.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{filepath.Join(dir, "head"): head, logFile(1): one, logFile(2): two} {
			if len(b) > 0 {
				write(t, m, name, b)
			}
		}
		_, verr := audit.Verify(t.Context(), m, dir, audit.VerifyOptions{})
		for _, err := range audit.Read(t.Context(), m, dir, audit.ReadOptions{From: 2}) {
			if err != nil && code.Of(err) == 0 {
				t.Errorf("an error without a code: %v", err)
			}
		}
		l, err := audit.Open(m, dir, audit.Options{})
		if verr == nil && err != nil {
			t.Errorf("verified, but does not open: %v", err)
		}
		if err != nil {
			if code.Of(err) == 0 {
				t.Errorf("an error without a code: %v", err)
			}
			return
		}
		if err := errors.Join(l.Append(t.Context(), record(9)), l.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := audit.Verify(t.Context(), m, dir, audit.VerifyOptions{}); verr == nil && err != nil {
			t.Errorf("opened and appended, but does not verify: %v", err)
		}
	})
}
