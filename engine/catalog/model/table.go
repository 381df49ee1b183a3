package model

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Table holds rows by database and id; the database is 0 for rows of the server. Use one that is part of a State.
type Table[T any] struct {
	dbs map[int]map[int]*T
	// shared says that dbs belongs to another state too; own lists the databases whose rows were copied since.
	shared bool
	own    map[int]bool
}

// Get is a row of the server's own tables.
func (t *Table[T]) Get(id int) *T { return t.dbs[0][id] }

// In is a row of a database; nil if there is none.
func (t *Table[T]) In(db, id int) *T { return t.dbs[db][id] }

// Len is the number of rows of a database.
func (t *Table[T]) Len(db int) int { return len(t.dbs[db]) }

// All gives the rows of a database by id.
func (t *Table[T]) All(db int) iter.Seq2[int, *T] {
	return func(yield func(int, *T) bool) {
		rows := t.dbs[db]
		for _, id := range slices.Sorted(maps.Keys(rows)) {
			if !yield(id, rows[id]) {
				return
			}
		}
	}
}

// Find is the first row of a database that fits, by id; 0 and nil if there is none.
func (t *Table[T]) Find(db int, fits func(*T) bool) (int, *T) {
	found := 0
	var row *T
	for id, r := range t.dbs[db] {
		if (row == nil || id < found) && fits(r) {
			found, row = id, r
		}
	}
	return found, row
}

// Databases lists the databases that have rows.
func (t *Table[T]) Databases() []int { return slices.Sorted(maps.Keys(t.dbs)) }

// Next is the id of a new row: one more than the greatest there is, and at least first.
func (t *Table[T]) Next(db, first int) int {
	for id := range t.dbs[db] {
		first = max(first, id+1)
	}
	return first
}

// Free is the least id from first on that no row has.
func (t *Table[T]) Free(db, first int) int {
	for t.dbs[db][first] != nil {
		first++
	}
	return first
}

// Put stores a row. Only a draft may be written.
func (t *Table[T]) Put(db, id int, row *T) { t.writable(db)[id] = row }

// Edit copies a row and gives the copy to be changed; nil if there is none. Only a draft may be written.
func (t *Table[T]) Edit(db, id int) *T {
	old := t.In(db, id)
	if old == nil {
		return nil
	}
	row := *old
	t.Put(db, id, &row)
	return &row
}

// Delete removes a row. Only a draft may be written.
func (t *Table[T]) Delete(db, id int) {
	if t.In(db, id) != nil {
		delete(t.writable(db), id)
	}
}

// DeleteIf removes the rows of a database that fit.
func (t *Table[T]) DeleteIf(db int, fits func(*T) bool) {
	for _, id := range slices.Sorted(maps.Keys(t.dbs[db])) {
		if fits(t.In(db, id)) {
			t.Delete(db, id)
		}
	}
}

func (t *Table[T]) writable(db int) map[int]*T {
	if t.shared || t.dbs == nil {
		t.dbs = maps.Clone(t.dbs)
		if t.dbs == nil {
			t.dbs = make(map[int]map[int]*T)
		}
		t.shared, t.own = false, make(map[int]bool)
	}
	if !t.own[db] || t.dbs[db] == nil {
		t.dbs[db] = maps.Clone(t.dbs[db])
		if t.dbs[db] == nil {
			t.dbs[db] = make(map[int]*T)
		}
		t.own[db] = true
	}
	return t.dbs[db]
}

// table is what State does with a table whatever its rows are.
type table interface {
	drafted
	stored
}

type drafted interface {
	share()
	drop(db int)
}

type stored interface {
	diff(name string, old table) ([]Change, error)
	set(db, id int, value []byte) error
	whole(name string) ([]Record, error)
}

func (t *Table[T]) share() { t.shared, t.own = true, nil }

func (t *Table[T]) drop(db int) {
	if t.dbs[db] != nil {
		t.writable(db)
		delete(t.dbs, db)
		t.own[db] = true
	}
}

// diff lists the rows in which t, a draft, differs from old.
func (t *Table[T]) diff(name string, before table) ([]Change, error) {
	if t.shared || t.dbs == nil {
		return nil, nil
	}
	old := before.(*Table[T])
	var out []Change
	for _, db := range slices.Sorted(maps.Keys(t.own)) {
		for _, id := range slices.Sorted(maps.Keys(t.dbs[db])) {
			row := t.dbs[db][id]
			if old.dbs[db][id] == row {
				continue
			}
			value, err := json.Marshal(row)
			if err != nil {
				return nil, fmt.Errorf("encoding %s %d/%d: %w", name, db, id, err)
			}
			out = append(out, Change{Record{Table: name, DB: db, ID: id, Value: value}})
		}
		for _, id := range slices.Sorted(maps.Keys(old.dbs[db])) {
			if t.dbs[db][id] == nil {
				out = append(out, Change{Record{Table: name, DB: db, ID: id}})
			}
		}
	}
	return out, nil
}

func (t *Table[T]) set(db, id int, value []byte) error {
	if len(value) == 0 {
		t.Delete(db, id)
		return nil
	}
	row := new(T)
	if err := json.Unmarshal(value, row); err != nil {
		return err
	}
	t.Put(db, id, row)
	return nil
}

// whole lists all rows.
func (t *Table[T]) whole(name string) ([]Record, error) {
	var out []Record
	for _, db := range t.Databases() {
		for id, row := range t.All(db) {
			value, err := json.Marshal(row)
			if err != nil {
				return nil, fmt.Errorf("encoding %s %d/%d: %w", name, db, id, err)
			}
			out = append(out, Record{Table: name, DB: db, ID: id, Value: value})
		}
	}
	return out, nil
}
