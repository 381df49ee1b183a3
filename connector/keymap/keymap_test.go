package keymap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

const name, vault = "/data/keymap", "https://v.vault.azure.net"

func entry(i int) keymap.Entry {
	return keymap.Entry{Vault: vault, Thumbprint: ekm.Thumbprint(fmt.Sprintf("%020d", i)), URI: fmt.Sprintf("%s/keys/k%d/%032x", vault, i, i)}
}

func TestMapKeepsWhatItWasGiven(t *testing.T) {
	files := fsys.NewMem()
	m := keymap.OpenFile(files, name, nil, nil)
	if _, err := m.Get(t.Context(), vault, entry(1).Thumbprint); !errors.Is(err, keymap.ErrNotFound) {
		t.Errorf("an empty map: %v", err)
	}
	for i := range 20 {
		if err := m.Put(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Put(t.Context(), entry(3)); err != nil {
		t.Errorf("the same entry again: %v", err)
	}
	other := entry(3)
	other.URI = entry(4).URI
	if err := m.Put(t.Context(), other); code.Of(err) != code.ThumbprintExistedInRegistry || !strings.Contains(err.Error(), entry(3).URI) {
		t.Errorf("another URI: %v", err)
	}
	other.Vault = "https://elsewhere.example"
	if err := m.Put(t.Context(), other); err != nil {
		t.Errorf("the same thumbprint at another vault: %v", err)
	}
	again := keymap.OpenFile(files, name, nil, nil) // another process
	if uri, err := again.Get(t.Context(), vault, entry(7).Thumbprint); err != nil || uri != entry(7).URI {
		t.Errorf("Get = %q, %v", uri, err)
	}
	if err := again.Put(t.Context(), entry(99)); err != nil {
		t.Fatal(err)
	}
	if uri, err := m.Get(t.Context(), vault, entry(99).Thumbprint); err != nil || uri != entry(99).URI {
		t.Errorf("what another process wrote: %q, %v", uri, err)
	}
	if err := m.Remove(t.Context(), vault, entry(99).Thumbprint); err != nil {
		t.Fatal(err)
	}
	if err := m.Remove(t.Context(), vault, entry(99).Thumbprint); !errors.Is(err, keymap.ErrNotFound) {
		t.Errorf("removing twice: %v", err)
	}
	if err := m.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDamagedMapIsSetAsideAndReported(t *testing.T) {
	files := fsys.NewMem()
	var told []error
	m := keymap.OpenFile(files, name, nil, nil)
	if err := m.Put(t.Context(), entry(1)); err != nil {
		t.Fatal(err)
	}
	good, err := fsys.ReadFile(files, name, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, bad := range [][]byte{good[:len(good)-10], bytes.Replace(good, []byte("k1"), []byte("k2"), 1), bytes.Replace(good, []byte("keymap"), []byte("keymop"), 1), make([]byte, 300), {}} {
		if err := fsys.WriteFile(files, name, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		told = nil
		fake := clock.NewFake(time.Date(2026, 1, 1, i, 0, 0, 0, time.UTC))
		m := keymap.OpenFile(files, name, fake, func(err error) { told = append(told, err) })
		if _, err := m.Get(t.Context(), vault, entry(1).Thumbprint); !errors.Is(err, keymap.ErrNotFound) {
			t.Errorf("case %d: Get = %v", i, err)
		}
		if len(told) != 1 || !errors.Is(told[0], code.MapDamaged) {
			t.Errorf("case %d: told %v", i, told)
		}
		aside := name + ".damaged-" + fake.Now().Format("20060102T150405Z")
		if b, err := fsys.ReadFile(files, aside, 0); err != nil || !bytes.Equal(b, bad) {
			t.Errorf("case %d: the damaged file was not kept: %v", i, err)
		}
		if err := m.Put(t.Context(), entry(1)); err != nil {
			t.Errorf("case %d: %v", i, err)
		}
	}
}

// A file that never was a map is refused and left where it is, also by whoever only reads or checks.
func TestForeignFileIsLeftAlone(t *testing.T) {
	for _, text := range []string{"hello", "root:x:0:0:root:/root:/bin/sh\n", strings.Repeat("{\"vaults\": {}}\n", 20), "sha256 " + strings.Repeat("0", 64)} {
		files := fsys.NewMem()
		if err := files.MkdirAll("/data", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := fsys.WriteFile(files, name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m := keymap.OpenFile(files, name, nil, func(err error) { t.Errorf("%q: told %v", text, err) })
		_, getErr := m.Get(t.Context(), vault, entry(1).Thumbprint)
		_, listErr := m.Entries(t.Context())
		for what, err := range map[string]error{
			"Get": getErr, "Entries": listErr, "Put": m.Put(t.Context(), entry(1)), "Replace": m.Replace(t.Context(), entry(1)),
			"Remove": m.Remove(t.Context(), vault, entry(1).Thumbprint), "Check": m.Check(t.Context()), "Sound": m.Sound(),
		} {
			if !errors.Is(err, keymap.ErrForeign) {
				t.Errorf("%q: %s = %v", text, what, err)
			}
		}
		if b, err := fsys.ReadFile(files, name, 0); err != nil || string(b) != text {
			t.Errorf("%q became %q, %v", text, b, err)
		}
	}
}

func TestNewerMapIsLeftAlone(t *testing.T) {
	files := fsys.NewMem()
	if err := files.MkdirAll("/data", 0o700); err != nil {
		t.Fatal(err)
	}
	newer := []byte("latchkey-keymap 2\nwhatever\n")
	if err := fsys.WriteFile(files, name, newer, 0o600); err != nil {
		t.Fatal(err)
	}
	m := keymap.OpenFile(files, name, nil, nil)
	if err := m.Put(t.Context(), entry(1)); code.Of(err) != code.FailureInRegistry || !errors.Is(err, keymap.ErrVersion) {
		t.Errorf("Put = %v", err)
	}
	if b, _ := fsys.ReadFile(files, name, 0); !bytes.Equal(b, newer) {
		t.Error("the newer file was changed")
	}
}

func TestEveryFailureOfTheDiskIsCode2058AndHarmless(t *testing.T) {
	for _, kind := range []fsys.Kind{fsys.OpOpen, fsys.OpWrite, fsys.OpSync, fsys.OpRename, fsys.OpSyncDir, fsys.OpLock} {
		base := fsys.NewMem()
		m := keymap.OpenFile(base, name, nil, nil)
		if err := m.Put(t.Context(), entry(1)); err != nil {
			t.Fatal(err)
		}
		fault := &fsys.Nth{Kinds: kind, N: 1, Sticky: true, Err: syscall.ENOSPC}
		bad := keymap.OpenFile(fsys.NewFaulty(base, fault.Hook), name, nil, nil)
		if err := bad.Put(t.Context(), entry(2)); code.Of(err) != code.FailureInRegistry || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("kind %d: %v", kind, err)
		}
		if err := bad.Check(t.Context()); code.Of(err) != code.FailureInRegistry {
			t.Errorf("kind %d: Check = %v", kind, err)
		}
		if uri, err := keymap.OpenFile(base, name, nil, nil).Get(t.Context(), vault, entry(1).Thumbprint); err != nil || uri != entry(1).URI {
			t.Errorf("kind %d: the old entry: %q, %v", kind, uri, err)
		}
	}
	none := keymap.OpenFile(fsys.NewFaulty(fsys.NewMem(), func(fsys.Op) error { return fs.ErrPermission }), name, nil, nil)
	if _, err := none.Get(t.Context(), vault, entry(1).Thumbprint); code.Of(err) != code.FailureInRegistry {
		t.Errorf("Get = %v", err)
	}
}

func TestWhatWasAcknowledgedSurvivesAPowerCut(t *testing.T) {
	for seed := range uint64(30) {
		files := fsys.NewMem()
		m := keymap.OpenFile(files, name, nil, nil)
		rng := rand.New(rand.NewPCG(seed, 1))
		n := 1 + rng.IntN(8)
		for i := range n {
			if err := m.Put(t.Context(), entry(i)); err != nil {
				t.Fatal(err)
			}
		}
		after := keymap.OpenFile(files.CrashClone(fsys.Crash{Rand: rng, Keep: 0.5, Torn: 0.5}), name, nil, nil)
		for i := range n {
			if uri, err := after.Get(t.Context(), vault, entry(i).Thumbprint); err != nil || uri != entry(i).URI {
				t.Errorf("seed %d: entry %d = %q, %v", seed, i, uri, err)
			}
		}
	}
}

func TestManyProcessesWriteAtOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for p := range 4 {
		m := keymap.OpenFile(fsys.OS{}, dir+"/map", nil, nil)
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 10 {
				if err := m.Put(t.Context(), entry(10*p+i)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	all, err := keymap.OpenFile(fsys.OS{}, dir+"/map", nil, nil).Entries(t.Context())
	if err != nil || len(all) != 40 {
		t.Errorf("%d entries, %v; want 40", len(all), err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(keymap.Encode(nil))
	f.Add(keymap.Encode([]keymap.Entry{entry(1), entry(2)}))
	f.Add([]byte("latchkey-keymap 9\n"))
	f.Add([]byte("latchkey-keymap 1\nsha256 \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := keymap.Decode(b)
		if err != nil {
			if !errors.Is(err, keymap.ErrDamaged) && !errors.Is(err, keymap.ErrVersion) && !errors.Is(err, keymap.ErrForeign) {
				t.Fatalf("an error of another kind: %v", err)
			}
			return
		}
		again, err := keymap.Decode(keymap.Encode(entries))
		if d := cmp.Diff(entries, again); err != nil || d != "" {
			t.Fatalf("not the same again: %v\n%s", err, d)
		}
	})
}

// A replaced entry is what every process says from then on, also one that read the old one a moment before.
func TestReplace(t *testing.T) {
	file := t.TempDir() + "/map"
	running, mender := keymap.OpenFile(fsys.OS{}, file, nil, nil), keymap.OpenFile(fsys.OS{}, file, nil, nil)
	for i := range 3 {
		if err := running.Put(t.Context(), entry(i)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		e := entry(1)
		e.URI = fmt.Sprintf("%s/keys/k1/%032x", vault, 100+i) // as long as the one before
		if err := mender.Replace(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if uri, err := running.Get(t.Context(), vault, e.Thumbprint); err != nil || uri != e.URI {
			t.Fatalf("change %d: %q, %v", i, uri, err)
		}
	}
	if uri, err := running.Get(t.Context(), vault, entry(2).Thumbprint); err != nil || uri != entry(2).URI {
		t.Errorf("another entry: %q, %v", uri, err)
	}
	if err := mender.Replace(t.Context(), entry(9)); err != nil { // which is not there
		t.Fatal(err)
	}
	if uri, err := running.Get(t.Context(), vault, entry(9).Thumbprint); err != nil || uri != entry(9).URI {
		t.Errorf("a new entry: %q, %v", uri, err)
	}
	if err := mender.Replace(t.Context(), keymap.Entry{Vault: vault, Thumbprint: "x", URI: "two words"}); code.Of(err) != code.InvalidArgument {
		t.Errorf("nonsense: %v", err)
	}
}

// A map that cannot be read for a while keeps no database closed whose key it told before.
func TestWhatWasReadBeforeIsEnoughWhileTheDiskFails(t *testing.T) {
	var broken bool
	files := fsys.NewFaulty(fsys.NewMem(), func(op fsys.Op) error {
		if broken {
			return syscall.EIO
		}
		return nil
	})
	m := keymap.OpenFile(files, name, nil, nil)
	if err := m.Put(t.Context(), entry(1)); err != nil {
		t.Fatal(err)
	}
	broken = true
	if uri, err := m.Get(t.Context(), vault, entry(1).Thumbprint); err != nil || uri != entry(1).URI {
		t.Errorf("%q, %v", uri, err)
	}
	if _, err := m.Get(t.Context(), vault, entry(2).Thumbprint); code.Of(err) != code.FailureInRegistry {
		t.Errorf("what was never there: %v", err)
	}
}

// The disk fails, or the power, at any step of a replacement: the old entry or the new one is there, whole, and done again it is the new one.
func TestReplaceCutAtEveryStep(t *testing.T) {
	for step := 1; ; step++ {
		files := fsys.NewMem()
		m := keymap.OpenFile(files, name, nil, nil)
		for i := range 3 {
			if err := m.Put(t.Context(), entry(i)); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		cut := fsys.NewFaulty(files, func(fsys.Op) error {
			if n++; n >= step {
				return syscall.EIO
			}
			return nil
		})
		e := entry(1)
		e.URI = fmt.Sprintf("%s/keys/other/%032x", vault, 7)
		err := keymap.OpenFile(cut, name, nil, nil).Replace(t.Context(), e)
		after := files.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(uint64(step), 1)), Keep: 0.5, Torn: 0.5})
		m = keymap.OpenFile(after, name, nil, func(err error) { t.Errorf("step %d: damaged: %v", step, err) })
		uri, gerr := m.Get(t.Context(), vault, e.Thumbprint)
		if gerr != nil || uri != e.URI && (uri != entry(1).URI || err == nil) {
			t.Errorf("step %d: Replace = %v, then %q, %v", step, err, uri, gerr)
		}
		for _, i := range []int{0, 2} {
			if uri, err := m.Get(t.Context(), vault, entry(i).Thumbprint); err != nil || uri != entry(i).URI {
				t.Errorf("step %d: entry %d: %q, %v", step, i, uri, err)
			}
		}
		if err := m.Replace(t.Context(), e); err != nil {
			t.Errorf("step %d: again: %v", step, err)
		}
		if uri, err := m.Get(t.Context(), vault, e.Thumbprint); err != nil || uri != e.URI {
			t.Errorf("step %d: again: %q, %v", step, uri, err)
		}
		if err == nil {
			break
		}
	}
}
