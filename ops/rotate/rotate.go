// Package rotate is the runbook that puts the databases of a SQL Server, ours or a real one, under another key or another version of their key: bring the key to the server, change
// the protector of each database, read the thumbprints back. Only each database's own key is wrapped anew, so it takes the same time for a large database as for a small one.
//
// It can be cut short at any moment and run again: every database is under the old key or under the new one, and what is done is seen and left.
package rotate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"latchkey/ops/runbook"
	"latchkey/ops/setup"
)

// Options say what to rotate to. The fields of Key are as setup makes them.
type Options struct {
	Key setup.Key
	// Databases to rotate; none means all that are under an asymmetric key.
	Databases []string
	// Wave is how many databases change at once; 8 by default, so that vaults' limits hold.
	Wave int
}

// Plan is what will be done.
type Plan struct {
	Steps     []runbook.Step // that bring the key to the server
	Databases []Database
}

// Database is one database of a plan.
type Database struct {
	Name string
	From []byte // its protector's thumbprint now
	Done bool   // it is under the new key
}

// Make looks at the server and makes the plan. It changes nothing.
func Make(ctx context.Context, s runbook.Server, o Options) (*Plan, error) {
	if err := s.Allowed(ctx); err != nil {
		return nil, err
	}
	caller, err := s.Caller(ctx)
	if err != nil {
		return nil, err
	}
	var failed error
	has := func(query string, args ...any) bool {
		if failed != nil {
			return false
		}
		ok, err := s.Has(ctx, query, args...)
		failed = err
		return ok
	}
	if !has("SELECT COUNT(*) FROM sys.cryptographic_providers WHERE name = @p1 AND is_enabled = 1", o.Key.Provider) && failed == nil {
		return nil, fmt.Errorf("the server has no enabled provider %q; latchkey setup makes one", o.Key.Provider)
	}
	p := &Plan{Steps: setup.KeySteps(has, caller, o.Key)}
	if failed != nil {
		return nil, failed
	}
	thumbprint, err := s.KeyThumbprint(ctx, o.Key.AsymmetricKey)
	if err != nil {
		return nil, err
	}
	all, err := s.Protectors(ctx)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	for _, d := range o.Databases {
		wanted[d] = true
	}
	for _, d := range all {
		if len(wanted) > 0 && !wanted[d.Database] || len(wanted) == 0 && d.Kind != "ASYMMETRIC KEY" {
			continue
		}
		delete(wanted, d.Database)
		p.Databases = append(p.Databases, Database{Name: d.Database, From: d.Thumbprint, Done: thumbprint != nil && bytes.Equal(d.Thumbprint, thumbprint)})
	}
	for d := range wanted {
		return nil, fmt.Errorf("database %q has no encryption key, or is not there", d)
	}
	return p, nil
}

// All is the plan as one list of steps, to be shown.
func (p *Plan) All(o Options) []runbook.Step {
	steps := append([]runbook.Step(nil), p.Steps...)
	for _, d := range p.Databases {
		steps = append(steps, step(d, o))
	}
	return steps
}

func step(d Database, o Options) runbook.Step {
	title := fmt.Sprintf("put database %s under %s (from 0x%X)", d.Name, o.Key.AsymmetricKey, d.From)
	if d.Done {
		title = fmt.Sprintf("database %s is under %s (0x%X)", d.Name, o.Key.AsymmetricKey, d.From)
	}
	return runbook.Step{
		Title: title, Database: d.Name, Done: d.Done,
		Statement: "ALTER DATABASE ENCRYPTION KEY ENCRYPTION BY SERVER ASYMMETRIC KEY " + runbook.Quote(o.Key.AsymmetricKey) + ";",
	}
}

// Apply carries the plan out: first the key, then the databases in waves. A database that fails does not keep the others from changing; all failures are told. progress is told how
// many are done; it may be nil.
func Apply(ctx context.Context, r *runbook.Runner, p *Plan, o Options, progress func(done, of int)) error {
	if err := r.Apply(ctx, p.Steps); err != nil {
		return err
	}
	if o.Wave <= 0 {
		o.Wave = 8
	}
	var mu sync.Mutex
	var errs []error
	done := 0
	tell := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			errs = append(errs, err)
			return
		}
		done++
		if progress != nil {
			progress(done, len(p.Databases))
		}
	}
	slots := make(chan struct{}, o.Wave)
	var wg sync.WaitGroup
	for _, d := range p.Databases {
		if d.Done {
			tell(nil)
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := r.Run(ctx, step(d, o)); err != nil {
				tell(fmt.Errorf("database %s: %w", d.Name, err))
				return
			}
			tell(nil)
		})
	}
	wg.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// Verify reads the thumbprints back.
func Verify(ctx context.Context, s runbook.Server, p *Plan, o Options) error {
	want, err := s.KeyThumbprint(ctx, o.Key.AsymmetricKey)
	if err != nil {
		return err
	}
	if want == nil {
		return fmt.Errorf("the server has no asymmetric key %q", o.Key.AsymmetricKey)
	}
	now, err := s.Protectors(ctx)
	if err != nil {
		return err
	}
	at := map[string][]byte{}
	for _, d := range now {
		at[d.Database] = d.Thumbprint
	}
	var errs []error
	for _, d := range p.Databases {
		if got := at[d.Name]; !bytes.Equal(got, want) {
			errs = append(errs, fmt.Errorf("database %s is under 0x%X, not under 0x%X", d.Name, got, want))
		}
	}
	return errors.Join(errs...)
}
