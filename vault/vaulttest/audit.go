package vaulttest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"latchkey/audit"
)

// ErrAudit is what a failing Audit answers.
var ErrAudit = errors.New("the test's audit log fails")

// Audit keeps records in memory and can be made to fail. The zero value is ready.
type Audit struct {
	mu      sync.Mutex
	records []audit.Record
	fail    func(audit.Record) bool
}

// Append keeps r, unless it is to fail.
func (a *Audit) Append(_ context.Context, r audit.Record) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil && a.fail(r) {
		return ErrAudit
	}
	a.records = append(a.records, r)
	return nil
}

// FailWhen makes Append fail for records for which f is true; nil heals it.
func (a *Audit) FailWhen(f func(audit.Record) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = f
}

// Records are all records so far.
func (a *Audit) Records() []audit.Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.records)
}

// Last is the newest record; a zero one if there is none.
func (a *Audit) Last() audit.Record {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.records) == 0 {
		return audit.Record{}
	}
	return a.records[len(a.records)-1]
}

// Reset forgets all records.
func (a *Audit) Reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.records = nil
}
