package tde_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"latchkey/engine/tde"
	"latchkey/internal/fsys"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("LATCHKEY_KILL_CHILD"); path != "" {
		err := child(path)
		fmt.Fprintln(os.Stderr, "child:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// killKeys wraps the same way in every process.
func killKeys() *fakeKeys { return &fakeKeys{} }

func killConfig(path string) tde.Config {
	return tde.Config{FS: fsys.OS{}, Path: path, ScanRate: 64 << 20, NormalSync: true, LogPages: 40}
}

// child writes and changes the encryption until it is killed. It prints the number of each commit after it was acknowledged.
func child(path string) error {
	ctx := context.Background()
	keys := killKeys()
	db, err := tde.Open(ctx, killConfig(path), keys)
	if err != nil {
		return err
	}
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	s := newStory()
	last, err := queryErr(c, "SELECT coalesce(max(n),0) FROM log")
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(last[:len(last)-1], 10, 64)
	if err != nil {
		return err
	}
	s.tried.Store(n)
	for {
		for range 4 {
			if err := s.commit(c); err != nil {
				return err
			}
			fmt.Println(s.acked.Load())
		}
		switch st := db.Status().State; {
		case st.Scanning():
			if rand.IntN(8) == 0 {
				err = db.Cancel(ctx)
			}
		case st == tde.Unencrypted:
			err = db.SetEncryption(ctx, true)
		case rand.IntN(3) == 0:
			err = db.SetEncryption(ctx, false)
		case rand.IntN(2) == 0:
			err = db.ReKey(ctx, tde.AES256, protector1, keys)
		default:
			err = db.ReWrap(ctx, protector2, keys)
		}
		if err != nil && !errors.Is(err, tde.ErrState) {
			return err
		}
		err = nil
	}
}

// killLook is after how many kills this process looks at everything; with the race detector that takes long.
const killLook = 5 + raced/2

// killProgram is the program that is killed: this one, or, with the race detector, under which a process hardly gets anywhere
// before it is killed, one without it. Races are looked for by the other tests.
func killProgram(t *testing.T) string {
	exe, err := os.Executable()
	must(t, err)
	if raced == 1 {
		return exe
	}
	quick := filepath.Join(t.TempDir(), "quick.test")
	if out, err := osexec.CommandContext(t.Context(), "go", "test", "-c", "-race=false", "-o", quick, ".").CombinedOutput(); err != nil {
		t.Logf("building without the race detector, so the slow one is used: %v\n%s", err, out)
		return exe
	}
	return quick
}

// A process that writes while its database is encrypted, given new keys and decrypted is killed again and again.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts 100 processes")
	}
	rounds := 100
	if long() {
		rounds = 1000
	}
	ctx := t.Context()
	exe := killProgram(t)
	path := filepath.Join(t.TempDir(), "k.db")
	db, err := tde.Create(ctx, killConfig(path))
	must(t, err)
	c, err := db.Conn(ctx)
	must(t, err)
	s := newStory()
	must(t, s.load(c))
	must(t, db.CreateKey(ctx, tde.AES256, protector1, killKeys()))
	must(t, errors.Join(c.Close(), db.Close()))
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	states := map[tde.State]int{}
	var acked int64
	for round := range rounds {
		cmd := osexec.CommandContext(ctx, exe)
		cmd.Env = append(os.Environ(), "LATCHKEY_KILL_CHILD="+path)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		after := rnd.IntN(16)
		for i := 0; lines.Scan(); i++ { // kill after some commits and then at a random moment; read what it printed till then
			if i == after {
				time.AfterFunc(time.Duration(rnd.IntN(4000))*time.Microsecond, func() { _ = cmd.Process.Kill() })
			}
			if acked, err = strconv.ParseInt(lines.Text(), 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() == 1 {
			t.Fatalf("round %d: the process failed by itself: %v", round, err)
		}
		if round%killLook != 0 { // the other rounds are reopened by the next child, which works on what it finds
			continue
		}
		db, err := tde.Open(ctx, killConfig(path), killKeys())
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		states[db.Status().State]++
		c, err := db.Conn(ctx)
		must(t, err)
		if err := s.rows(c, acked, acked+1, true); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		r, err := db.Verify(ctx)
		if err != nil || len(r.Bad) > 0 {
			t.Fatalf("round %d: %+v, %v", round, r, err)
		}
		must(t, errors.Join(c.Close(), db.Close()))
	}
	t.Logf("%d commits; states found: %v", acked, states)
	if acked < int64(rounds) || len(states) < 2 {
		t.Errorf("%d commits, states %v: the test saw too little", acked, states)
	}
}
