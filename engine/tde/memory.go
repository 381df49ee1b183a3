package tde

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"github.com/ncruces/go-sqlite3/vfs/memdb"
)

// Memory is an empty SQLite database in this process's memory, for tables that end with a session. Connections of any DB may ATTACH it
// by its URI, one or several, and it lives until Close. It makes no file of any kind: its journal is in memory too.
type Memory struct{ name string }

// The parts of the URI around 32 random hexadecimal digits, which nobody guesses.
const (
	memoryPrefix = "latchkey-memory-"
	memorySuffix = "?vfs=memdb"
)

// NewMemory makes a database.
func NewMemory() *Memory {
	var b [16]byte
	rand.Read(b[:])
	m := &Memory{name: memoryPrefix + hex.EncodeToString(b[:])}
	memdb.Create(m.name, nil)
	return m
}

// URI is the name to ATTACH.
func (m *Memory) URI() string { return "file:/" + m.name + memorySuffix }

// Close forgets the database once no connection has it attached any more.
func (m *Memory) Close() { memdb.Delete(m.name) }

// inMemory reports whether name is what [Memory.URI] gives for some database.
func inMemory(name string) bool {
	id, ok := strings.CutPrefix(name, "file:/"+memoryPrefix)
	if !ok {
		return false
	}
	id, ok = strings.CutSuffix(id, memorySuffix)
	if !ok || len(id) != 32 {
		return false
	}
	_, err := hex.DecodeString(id)
	return err == nil
}
