package tran

import "errors"

// Nest says that what follows runs inside of the statement under way, as a function does that the statement calls: until leave is called, what
// is borrowed to read is the statement's own connection, and nothing can be written.
func (t *Tran) Nest() (leave func()) {
	before := t.nested
	t.nested = t.using
	return func() { t.nested = before }
}

// Inside is the database that is main on the connection of the statement around, 0 if there is none.
func (t *Tran) Inside() int {
	if t.nested == nil || t.nested.done {
		return 0
	}
	return t.nested.DB
}

var errNested = errors.New("writing inside of a statement that reads")

// use notes a connection that was borrowed.
func (t *Tran) use(h *Hold) *Hold {
	h.before, t.using = t.using, h
	return h
}

// unuse forgets one that was given back.
func (t *Tran) unuse(h *Hold) {
	for at := &t.using; *at != nil; at = &(*at).before {
		if *at == h {
			*at, h.before = h.before, nil
			return
		}
	}
}

// root is the hold whose statement is the outermost.
func (h *Hold) root() *Hold {
	for h.outer != nil {
		h = h.outer
	}
	return h
}
