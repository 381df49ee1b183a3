package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
)

// history is what one worker was told by the server: the least that must be there after a crash.
type history struct {
	name     string
	versions []string // acknowledged, oldest first
	deleted  bool     // the last acknowledged state
	unsure   string   // the operation that was in flight when the server went: it may have happened or not
}

// work makes, rotates, imports, deletes and recovers keys of its own until ctx ends or the server goes.
func work(ctx context.Context, c *azkeys.Client, id int, imported *rsa.PrivateKey, acked func()) []*history {
	var all []*history
	rng := mathrand.New(mathrand.NewPCG(uint64(id), uint64(time.Now().UnixNano())))
	for n := 0; ; n++ {
		h := &history{name: fmt.Sprintf("w%d-%d-%x", id, n, rng.Uint64())}
		all = append(all, h)
		step := func(op string, call func() (string, error)) bool {
			if ctx.Err() != nil {
				return false
			}
			h.unsure = op
			version, err := call()
			if err != nil {
				return false
			}
			h.unsure = ""
			if version != "" {
				h.versions = append(h.versions, version)
			}
			acked()
			return true
		}
		ok := false
		if rng.IntN(3) == 0 {
			ok = step("import", func() (string, error) {
				r, err := c.ImportKey(ctx, h.name, azkeys.ImportKeyParameters{Key: jwkOf(imported)}, nil)
				if err != nil {
					return "", err
				}
				return r.Key.KID.Version(), nil
			})
		} else {
			ok = step("create", func() (string, error) {
				r, err := c.CreateKey(ctx, h.name, azkeys.CreateKeyParameters{Kty: ptr(azkeys.KeyTypeEC)}, nil)
				if err != nil {
					return "", err
				}
				return r.Key.KID.Version(), nil
			})
		}
		if !ok {
			return all
		}
		if *ptr(rng.IntN(2)) == 0 {
			rotated := step("rotate", func() (string, error) {
				r, err := c.RotateKey(ctx, h.name, nil)
				if err != nil {
					return "", err
				}
				return r.Key.KID.Version(), nil
			})
			if !rotated {
				return all
			}
		}
		if rng.IntN(3) == 0 {
			deleted := step("delete", func() (string, error) { _, err := c.DeleteKey(ctx, h.name, nil); return "", err })
			if !deleted {
				return all
			}
			h.deleted = true
		}
	}
}

// check holds a history against the server after a restart.
func (h *history) check(ctx context.Context, c *azkeys.Client) error {
	if h.deleted || h.unsure == "delete" {
		_, err := c.GetDeletedKey(ctx, h.name, nil)
		switch {
		case err == nil:
			// Deleted: its versions must come back whole.
			if _, err := c.RecoverDeletedKey(ctx, h.name, nil); err != nil {
				return fmt.Errorf("%s cannot be recovered: %w", h.name, err)
			}
		case isStatus(err, http.StatusNotFound) && !h.deleted:
		default:
			return fmt.Errorf("%s was deleted, and is not among the deleted keys: %w", h.name, err)
		}
	}
	got, err := versions(ctx, c, h.name)
	if err != nil {
		return err
	}
	have := make(map[string]bool)
	for _, v := range got {
		have[v] = true
		if err := works(ctx, c, h.name, v); err != nil {
			return fmt.Errorf("a half key: %w", err)
		}
	}
	for _, v := range h.versions {
		if !have[v] {
			return fmt.Errorf("acknowledged version %s/%s is lost", h.name, v)
		}
	}
	if extra := len(got) - len(h.versions); extra > 1 || extra == 1 && h.unsure == "" {
		return fmt.Errorf("%s has %d versions that nobody was told of", h.name, extra)
	}
	return nil
}

// A crash loses nothing that was acknowledged and leaves no half key, whenever it comes.
func TestKillUnderLoad(t *testing.T) {
	rounds := 3
	if os.Getenv("LATCHKEY_LONG") == "1" {
		rounds = 40
	}
	imported, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	rng := mathrand.New(mathrand.NewPCG(1, uint64(time.Now().UnixNano())))
	total := 0
	for round := range rounds {
		s := up(t, dir)
		const workers = 6
		stopAfter := 20 + rng.IntN(150) // acknowledged changes, then a moment more, so that something is in flight
		var mu sync.Mutex
		count, enough := 0, make(chan struct{})
		acked := func() {
			mu.Lock()
			defer mu.Unlock()
			if count++; count == stopAfter {
				close(enough)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan []*history, workers)
		for id := range workers {
			c := s.keys(t)
			go func() { results <- work(ctx, c, round*100+id, imported, acked) }()
		}
		select {
		case <-enough:
		case <-time.After(patience):
			t.Fatal("too few changes")
		}
		<-time.After(time.Duration(rng.IntN(3000)) * time.Microsecond)
		s.kill(t)
		cancel()
		var all []*history
		for range workers {
			all = append(all, <-results...)
		}
		again := up(t, dir)
		c := again.keys(t)
		for _, h := range all {
			total += len(h.versions)
			if err := h.check(t.Context(), c); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		again.stop(t)
	}
	if out, err := exec.Command(program, "vault", "audit", "verify", "--data", dir).CombinedOutput(); err != nil {
		t.Errorf("the audit log after %d crashes: %v\n%s", rounds, err, out)
	}
	t.Logf("%d rounds, %d acknowledged versions, all there", rounds, total)
}

// A first start that is killed at any moment is finished by the next one.
func TestKillDuringFirstStart(t *testing.T) {
	rounds := 8
	if os.Getenv("LATCHKEY_LONG") == "1" {
		rounds = 60
	}
	for round := range rounds {
		dir := filepath.Join(t.TempDir(), "data")
		cmd := exec.Command(program, "up", "--data", dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Duration(mathrand.IntN(250)) * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		s := up(t, dir)
		if err := works(t.Context(), s.keys(t), "ContosoRSAKey0", ""); err != nil {
			t.Errorf("round %d: %v", round, err)
		}
		s.stop(t)
	}
}
