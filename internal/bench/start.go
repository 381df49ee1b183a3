package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"

	"latchkey/internal/fsys"
)

// keyCount is how many keys an installation has here.
const keyCount = 1000

// manyKeys makes n EC keys, eight at a time, and returns how long it took.
func manyKeys(ctx context.Context, s *server, n int) (time.Duration, error) {
	c, err := s.info.Keys(fsys.OS{}, s.info.VaultURL)
	if err != nil {
		return 0, err
	}
	const workers = 8
	kty := azkeys.KeyTypeEC
	errs := make([]error, workers)
	var wg sync.WaitGroup
	from := time.Now()
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				_, errs[w] = c.CreateKey(ctx, fmt.Sprintf("bench-%04d", i), azkeys.CreateKeyParameters{Kty: &kty}, nil)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return time.Since(from), nil
}

func benchStart(ctx context.Context, b *bench) error {
	dir := filepath.Join(b.scratch, "start")
	s, err := b.start(ctx, dir)
	if err != nil {
		return err
	}
	first := s.ready
	_, err = manyKeys(ctx, s, keyCount)
	s.stop()
	if err != nil {
		return err
	}
	var times []time.Duration
	var all, own int64
	for range 7 {
		s, err := b.start(ctx, dir)
		if err != nil {
			return err
		}
		times = append(times, s.ready)
		call, err := newUnwrapCall(ctx, s.info)
		if err == nil {
			err = call() // memory after real work, not before
		}
		if err == nil {
			all, own, err = s.rss()
		}
		s.stop()
		if err != nil {
			return err
		}
	}
	slices.Sort(times)
	b.line("first start, makes tenant, vaults and an RSA key", ms(first), "")
	b.line(fmt.Sprintf("start to ready with %d keys, process start included, median", keyCount), ms(times[len(times)/2]), "under 50 ms")
	b.line("resident memory after a token and an unwrap", mb(all), "under 30 MB")
	b.line("  of it the process's own (anonymous); the rest is the program's file", mb(own), "")
	return nil
}

func benchCreate(ctx context.Context, b *bench) error {
	dir := filepath.Join(b.scratch, "create")
	s, err := b.start(ctx, dir)
	if err != nil {
		return err
	}
	defer s.stop()
	took, err := manyKeys(ctx, s, keyCount)
	if err != nil {
		return err
	}
	each, err := syncTime(filepath.Join(dir, "bench-sync"))
	if err != nil {
		return err
	}
	rate := keyCount / took.Seconds()
	b.line("fsync of a small write on the same disk, one after the other", fmt.Sprintf("%.0f /s", 1/each.Seconds()), "")
	b.line("EC keys created durably, with audit records, 8 clients", fmt.Sprintf("%.0f /s", rate), "")
	b.line("ratio", fmt.Sprintf("%.2f", rate*each.Seconds()), "")
	return nil
}

func syncTime(name string) (time.Duration, error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer os.Remove(name)
	defer f.Close()
	const n = 200
	from := time.Now()
	for i := range n {
		if _, err := f.WriteAt(make([]byte, 4096), int64(i)*4096); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return time.Since(from) / n, nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func us(d time.Duration) string { return fmt.Sprintf("%d us", d.Microseconds()) }

func mb(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }
