// Package unit keeps parsed code: a batch, a dynamic batch with its parameters, the body of a procedure; and with it the plans of its
// statements.
//
// A [Unit] belongs to one text under one setting of QUOTED_IDENTIFIER and one declaration of parameters, so the types of its variables are
// known from it alone; its trees may serve as keys. [Cache] finds units by text, bounded by their number and size; what holds secrets is
// never kept. Units are shared by sessions: everything in them is immutable but the plans, which are found without a mutex.
package unit

import (
	"container/list"
	"strings"
	"sync"
	"sync/atomic"

	"latchkey/engine/exec/raise"
	"latchkey/engine/tsql"
	"latchkey/engine/tsql/ast"
)

// Unit is a piece of code that runs in one scope of variables.
type Unit struct {
	Statements []ast.Statement
	// Declared are the variables that the code declares anywhere, in order.
	Declared []*ast.VariableDecl
	// Params of a dynamic batch, as declared, and their names.
	Params []*ast.Param
	Names  []string
	// Text is the source; "" for a module, whose text belongs to its definition. ParamText declares Params.
	Text, ParamText string
	// Kept says that a Cache has it or had it: its text holds no secret.
	Kept bool

	// Finding a plan writes nothing: all sessions that run the code do it for each statement.
	plans sync.Map
	mu    sync.Mutex // held to keep one
	kept  int        // of them
}

// New makes a unit of statements.
func New(list []ast.Statement) (*Unit, error) {
	u := &Unit{Statements: list}
	if err := u.declare(list, make(map[string]bool)); err != nil {
		return nil, err
	}
	return u, nil
}

// Plan finds what was kept under a key.
func (u *Unit) Plan(key any) any {
	p, _ := u.plans.Load(key)
	return p
}

// maxPlans bounds the plans of one unit: settings and versions of definitions make new ones.
const maxPlans = 512

// Keep keeps a plan.
func (u *Unit) Keep(key, plan any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.kept >= maxPlans {
		u.plans.Clear()
		u.kept = 0
	}
	if _, was := u.plans.Swap(key, plan); !was {
		u.kept++
	}
}

// declare gathers the variables of statements, whose names in lower case are in known: message 134 for one that is there twice. A variable is known in its whole batch,
// wherever its DECLARE stands.
func (u *Unit) declare(list []ast.Statement, known map[string]bool) error {
	for _, s := range list {
		var err error
		switch s := s.(type) {
		case *ast.Declare:
			err = u.add(s, known)
		case *ast.Block:
			err = u.declare(s.Body, known)
		case *ast.If:
			if err = u.declare([]ast.Statement{s.Then}, known); err == nil && s.Else != nil {
				err = u.declare([]ast.Statement{s.Else}, known)
			}
		case *ast.While:
			err = u.declare([]ast.Statement{s.Body}, known)
		case *ast.TryCatch:
			if err = u.declare(s.Try, known); err == nil {
				err = u.declare(s.Catch, known)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *Unit) add(s *ast.Declare, known map[string]bool) error {
	for _, v := range s.Variables {
		n := strings.ToLower(v.Name)
		if known[n] {
			e := raise.New(134, v.Name)
			e.Bind = true
			return e.At(int(s.Pos.Line), "")
		}
		known[n] = true
		u.Declared = append(u.Declared, v)
	}
	return nil
}

// Key finds a unit in a Cache.
type Key struct {
	Text             string
	Params           string // the declaration of a dynamic batch's parameters
	QuotedIdentifier bool
	Undeclared       bool // variables may have no DECLARE: the text is asked about, not run
}

// Cache keeps units by text. It is safe for concurrent use.
type Cache struct {
	limits tsql.Limits
	count  int

	// Finding a unit writes nothing but, the first time, that it was used: sessions do it for each batch, and would wait for each other.
	units sync.Map // of *entry by Key
	mu    sync.Mutex
	order list.List // of *entry, latest first; what was used since it came has a second chance
	bytes int
}

type entry struct {
	key  Key
	unit *Unit
	used atomic.Bool
}

// find is the unit that is kept for a key.
func (c *Cache) find(k Key) (*Unit, bool) {
	v, ok := c.units.Load(k)
	if !ok {
		return nil, false
	}
	e := v.(*entry)
	if !e.used.Load() {
		e.used.Store(true)
	}
	return e.unit, true
}

// maxText is the longest text that is kept, maxBytes the most of all.
const (
	maxText  = 64 << 10
	maxBytes = 32 << 20
)

// NewCache makes a cache of so many units.
func NewCache(count int, limits tsql.Limits) *Cache {
	return &Cache{limits: limits, count: count}
}

// Get finds or parses a unit. Errors are *tsql.SyntaxError and *raise.Error; the batch has not begun then.
func (c *Cache) Get(k Key) (*Unit, error) {
	if u, ok := c.find(k); ok {
		return u, nil
	}
	u, err := c.parse(k)
	if err != nil {
		return nil, err
	}
	if len(k.Text)+len(k.Params) > maxText || !plain(u.Statements) {
		return u, nil
	}
	k = Key{strings.Clone(k.Text), strings.Clone(k.Params), k.QuotedIdentifier, k.Undeclared}
	u.Text, u.ParamText, u.Kept = k.Text, k.Params, true
	c.mu.Lock()
	defer c.mu.Unlock()
	if first, ok := c.find(k); ok { // another session was first
		return first, nil
	}
	c.makeRoomLocked(len(k.Text))
	e := &entry{key: k, unit: u}
	c.order.PushFront(e)
	c.units.Store(k, e)
	c.bytes += len(k.Text)
	return u, nil
}

// makeRoomLocked drops what came first and was not used since, for one more text of so many bytes.
func (c *Cache) makeRoomLocked(text int) {
	chances := c.order.Len() // one round, whatever sessions use meanwhile
	for last := c.order.Back(); last != nil && (c.order.Len() >= c.count || c.bytes+text > maxBytes); last = c.order.Back() {
		e := last.Value.(*entry)
		if chances > 0 && e.used.Swap(false) {
			chances--
			c.order.MoveToFront(last)
			continue
		}
		c.order.Remove(last)
		c.units.Delete(e.key)
		c.bytes -= len(e.key.Text)
	}
}

func (c *Cache) parse(k Key) (*Unit, error) {
	o := tsql.Options{QuotedIdentifier: k.QuotedIdentifier, Limits: c.limits}
	b, err := tsql.Parse(k.Text, o)
	if err != nil {
		return nil, err
	}
	u := &Unit{Text: k.Text, ParamText: k.Params}
	if k.Params != "" {
		if u.Params, err = parameters(k.Params, o); err != nil {
			return nil, err
		}
		for _, p := range u.Params {
			u.Names = append(u.Names, p.Name)
			u.Declared = append(u.Declared, &ast.VariableDecl{Name: p.Name, Type: p.Type})
		}
	}
	u.Statements = b.Statements
	known := make(map[string]bool)
	for _, p := range u.Params {
		known[strings.ToLower(p.Name)] = true
	}
	if err := u.declare(b.Statements, known); err != nil {
		return nil, err
	}
	u.Declared = u.Declared[len(u.Params):]
	if !k.Undeclared && strings.Contains(k.Text, "@") {
		if err := undeclared(b.Statements, u.Params); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// parameters parses the declaration of a dynamic batch's parameters: as the head of a procedure, which has the same grammar.
func parameters(text string, o tsql.Options) ([]*ast.Param, error) {
	b, err := tsql.Parse("CREATE PROCEDURE p "+text+"\nAS RETURN", o)
	if err != nil {
		return nil, err
	}
	if len(b.Statements) == 1 {
		if p, ok := b.Statements[0].(*ast.CreateProc); ok && len(p.Options) == 0 && !p.ForReplication && len(p.Body) == 1 {
			names := make(map[string]bool, len(p.Params))
			for _, x := range p.Params {
				n := strings.ToLower(x.Name)
				if names[n] {
					return nil, raise.New(134, x.Name)
				}
				names[n] = true
			}
			return p.Params, nil
		}
	}
	e := raise.New(214, "@params", "ntext/nchar/nvarchar")
	return nil, e
}

// plain reports whether statements may be kept: those that can hold no password.
func plain(list []ast.Statement) bool {
	for _, s := range list {
		ok := true
		switch s := s.(type) {
		case *ast.Block:
			ok = plain(s.Body)
		case *ast.If:
			ok = plain([]ast.Statement{s.Then}) && (s.Else == nil || plain([]ast.Statement{s.Else}))
		case *ast.While:
			ok = plain([]ast.Statement{s.Body})
		case *ast.TryCatch:
			ok = plain(s.Try) && plain(s.Catch)
		case *ast.SelectStmt, *ast.Insert, *ast.Update, *ast.Delete, *ast.Merge, *ast.Truncate, *ast.InsertBulk, *ast.Declare, *ast.SetVariable,
			*ast.SetOption, *ast.SetIdentityInsert, *ast.Exec, *ast.Use, *ast.Return, *ast.Break, *ast.Continue, *ast.Goto, *ast.Label,
			*ast.WaitFor, *ast.Throw, *ast.Print, *ast.RaisError, *ast.BeginTran, *ast.CommitTran, *ast.RollbackTran, *ast.SaveTran,
			*ast.DeclareCursor, *ast.CursorStmt, *ast.Fetch, *ast.CreateTable, *ast.Drop:
		default:
			ok = false
		}
		if !ok {
			return false
		}
	}
	return true
}

// Modules keeps the units of procedures and functions by their trees. It is safe for concurrent use.
type Modules struct {
	units sync.Map // of *Unit by ast.Statement; finding one writes nothing
	mu    sync.Mutex
	kept  int
}

// Get finds or makes the unit of a module with a body. A definition that was changed has another tree.
func (m *Modules) Get(p ast.Statement, body []ast.Statement) (*Unit, error) {
	if u, ok := m.units.Load(p); ok {
		return u.(*Unit), nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if u, ok := m.units.Load(p); ok {
		return u.(*Unit), nil
	}
	u, err := New(body)
	if err != nil {
		return nil, err
	}
	if m.kept > 4096 {
		m.units.Clear()
		m.kept = 0
	}
	m.units.Store(p, u)
	m.kept++
	return u, nil
}
