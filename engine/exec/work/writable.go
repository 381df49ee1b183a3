package work

import (
	"latchkey/engine/catalog/model"
	"latchkey/engine/exec/raise"
)

// writable is message 3906 for a database that may not be written, and 40517 for model: CREATE DATABASE would copy nothing of what is in it, which who puts it there
// counts on.
func (s *Session) writable(db int, temporary bool) error {
	if db == model.ModelDB && !temporary {
		return raise.Unsupported("OBJECTS IN model, OF WHICH CREATE DATABASE COPIES NOTHING")
	}
	if d := s.Actor.Catalog.State().Databases.Get(db); !temporary && d != nil && d.ReadOnly {
		return raise.New(3906, d.Name)
	}
	return nil
}
