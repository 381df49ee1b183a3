package keymap_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"latchkey/connector/keymap"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

const writerVariable = "LATCHKEY_TEST_KEYMAP_WRITER" // "FILE FIRST": be a process that writes entries from FIRST on

// TestWriter is the other process of TestProcessesThatAreKilledLoseNothing.
func TestWriter(t *testing.T) {
	file, from, ok := strings.Cut(os.Getenv(writerVariable), " ")
	if !ok {
		t.Skip("only as a process of its own")
	}
	first, err := strconv.Atoi(from)
	if err != nil {
		t.Fatal(err)
	}
	m := keymap.OpenFile(fsys.OS{}, file, nil, func(err error) { fmt.Println("damaged", err) })
	for i := first; i < first+100_000; i++ {
		if err := m.Put(t.Context(), entry(i)); err != nil {
			fmt.Println("failed", err)
			return
		}
		fmt.Println("wrote", i) // acknowledged: it must be there whatever comes
	}
}

func TestProcessesThatAreKilledLoseNothing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "map")
	wrote := make(chan int, 1_000_000)
	rounds := 4
	if os.Getenv("LATCHKEY_LONG") != "" {
		rounds = 40
	}
	for round := range rounds {
		done := make(chan error, 2)
		said := make(chan struct{}, 20)
		var writers [2]*exec.Cmd
		for p := range writers {
			c := exec.Command(os.Args[0], "-test.run=^TestWriter$", "-test.v")
			c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", writerVariable, file, (2*round+p)*100_000))
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			writers[p] = c
			go func() {
				lines := bufio.NewScanner(out)
				for lines.Scan() {
					what, rest, _ := strings.Cut(lines.Text(), " ")
					switch what {
					case "wrote":
						n, _ := strconv.Atoi(rest)
						wrote <- n
						select {
						case said <- struct{}{}:
						default:
						}
					case "damaged", "failed":
						t.Error(lines.Text())
					}
				}
				done <- lines.Err()
			}()
		}
		for range cap(said) { // they have begun, however long that took
			select {
			case <-said:
			case err := <-done:
				t.Fatalf("a writer ended: %v", err)
			}
		}
		enough := time.NewTimer(time.Duration(50+rand.IntN(50)) * time.Millisecond)
		<-enough.C
		for _, c := range writers {
			_ = c.Process.Kill()
		}
		for range writers {
			<-done
		}
		for _, c := range writers {
			_ = c.Wait()
		}
	}
	close(wrote)
	m := keymap.OpenFile(fsys.OS{}, file, nil, func(err error) { t.Error(err) })
	all, err := m.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range wrote {
		n++
		if uri, err := m.Get(t.Context(), vault, entry(i).Thumbprint); err != nil || uri != entry(i).URI {
			t.Errorf("entry %d was acknowledged and is %q, %v", i, uri, err)
		}
	}
	if n < 2*rounds || len(all) < n {
		t.Errorf("%d acknowledged, %d in the map", n, len(all))
	}
	if err := m.Put(t.Context(), entry(1_000_000)); err != nil { // no lock is left behind
		t.Error(err)
	}
}

// What the map says already needs no right to write, and a vault may write a name in other letters.
func TestEntryThatIsThereNeedsNoWriting(t *testing.T) {
	files := fsys.NewMem()
	if err := keymap.OpenFile(files, name, nil, nil).Put(t.Context(), entry(1)); err != nil {
		t.Fatal(err)
	}
	for _, errno := range []error{syscall.EROFS, syscall.ESTALE, syscall.EACCES, syscall.EIO} {
		m := keymap.OpenFile(readOnly{files, errno}, name, nil, nil)
		e := entry(1)
		e.URI = strings.Replace(e.URI, "/k1/", "/K1/", 1)
		if err := m.Put(t.Context(), e); err != nil {
			t.Errorf("%v: %v", errno, err)
		}
		if err := m.Put(t.Context(), entry(2)); code.Of(err) != code.FailureInRegistry || !errors.Is(err, errno) {
			t.Errorf("%v: a new entry: %v", errno, err)
		}
		if uri, err := m.Get(t.Context(), vault, entry(1).Thumbprint); err != nil || uri != entry(1).URI {
			t.Errorf("%v: Get = %q, %v", errno, uri, err)
		}
	}
}

// readOnly is a file system that takes no writes.
type readOnly struct {
	fsys.FS
	err error
}

func (r readOnly) Lock(string) (io.Closer, error) { return nil, r.err }

func (r readOnly) MkdirAll(string, fs.FileMode) error { return nil }

// Check is for diagnosis: it tells of damage and leaves the file for whoever mends it.
func TestCheckTellsOfDamageAndLeavesItAlone(t *testing.T) {
	files := fsys.NewMem()
	junk := []byte("latchkey-keymap 1\njunk")
	if err := files.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := fsys.WriteFile(files, name, junk, 0o600); err != nil {
		t.Fatal(err)
	}
	m := keymap.OpenFile(files, name, nil, func(err error) { t.Errorf("set aside: %v", err) })
	if err := m.Check(t.Context()); !errors.Is(err, code.MapDamaged) || !errors.Is(err, keymap.ErrDamaged) {
		t.Errorf("Check = %v", err)
	}
	if b, err := fsys.ReadFile(files, name, 1000); err != nil || string(b) != string(junk) {
		t.Errorf("the file is %q, %v", b, err)
	}
}
