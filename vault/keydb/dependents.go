package keydb

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"latchkey/akv"
)

// Dependent is a server that needs versions of a vault's keys, as stored.
type Dependent struct {
	Schema  int       `json:"schema"`
	ID      string    `json:"id"`
	Server  string    `json:"server"`
	Owner   string    `json:"owner"`   // object id
	Created int64     `json:"created"` // Unix seconds, as Renewed
	Renewed int64     `json:"renewed"`
	Lease   int64     `json:"lease"` // seconds
	Uses    []akv.Use `json:"uses"`
}

// needed is a record that changes with the uses of any dependent of a vault: what was decided while there was a certain one, or none, is committed only if that is still so.
type needed struct {
	Schema int `json:"schema"`
}

func (d *Dependent) schema() *int { return &d.Schema }
func (n *needed) schema() *int    { return &n.Schema }

func dependentPrefix(vault string) string { return "r/" + vault + "/" }
func dependentName(vault, id string) string {
	return dependentPrefix(vault) + url.PathEscape(strings.ToLower(id))
}
func neededName(vault string) string { return "e/" + vault }

// Dependents are those of a vault, by id, with the revision that Batch.CheckDependents wants. A vault where nobody ever registered costs one read.
func (db *DB) Dependents(ctx context.Context, vault string) (list []*Dependent, rev int64, err error) {
	n, err := read[needed](ctx, db, newLRU[Entry[needed]](1), neededName(vault))
	if err != nil || n.Val == nil {
		return nil, 0, err
	}
	items, _, err := db.store.List(ctx, dependentPrefix(vault), "", 0)
	if err != nil {
		return nil, 0, fmt.Errorf("listing dependents: %w", err)
	}
	for _, item := range items {
		d := new(Dependent)
		if err := decode(item.Key, item.Value, d); err != nil {
			return nil, 0, err
		}
		list = append(list, d)
	}
	return list, n.Rev, nil
}

// Dependent reads one.
func (db *DB) Dependent(ctx context.Context, vault, id string) (Entry[Dependent], error) {
	return read[Dependent](ctx, db, newLRU[Entry[Dependent]](1), dependentName(vault, id))
}

// CheckDependents adds the condition that no dependent of the vault has come to need anything else.
func (b *Batch) CheckDependents(vault string, rev int64) { b.cond(neededName(vault), rev) }

// PutDependent writes one; changed says that its uses are others than before.
func (b *Batch) PutDependent(vault string, d *Dependent, rev int64, changed bool) {
	b.put(dependentName(vault, d.ID), rev, d)
	if changed {
		b.put(neededName(vault), KeepRev, &needed{})
	}
}

// DeleteDependent removes one.
func (b *Batch) DeleteDependent(vault, id string, rev int64) {
	b.del(dependentName(vault, id), rev)
	b.put(neededName(vault), KeepRev, &needed{})
}

// DeleteDependents removes all of a vault that goes.
func (b *Batch) DeleteDependents(vault string, list []*Dependent) {
	for _, d := range list {
		b.del(dependentName(vault, d.ID), KeepRev)
	}
	b.del(neededName(vault), KeepRev)
}
