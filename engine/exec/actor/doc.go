// Package actor is who a session is and what it may do.
//
// An [Actor] is the session's login with the impersonations on top of it, in the database that is current. It answers permissions from the
// catalogue, which it asks again whenever either changed, and decides what the owner of a procedure or view spares its callers
// ([Actor.Allowed]). Which permission a statement needs is the statement's business: package define for definitions, handlers for theirs.
//
// It belongs to the goroutine of its session.
package actor

import (
	"context"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/sessions"
)

// Databases lets a session into databases.
type Databases interface {
	// Use brings a session into a database: messages 911, 916, 922, 923, 924, 926, 927, 942, 945.
	Use(ctx context.Context, s *sessions.Session, caller catalog.Caller, name string) (*model.Database, error)
}

// Actor is who a session is. Make one with [New].
type Actor struct {
	// ID is the session's number, Place its place among all.
	ID        int
	Place     *sessions.Session
	Catalog   *catalog.Catalog
	Databases Databases
	// DB is the current database, Database its name.
	DB       int
	Database string

	acting []acting
	eval   struct {
		state any
		who   catalog.Caller
		perm  *perm.Eval
	}
	granted [8]grant
	oldest  int // of them
}

// New makes the actor of a session that logged in and is in no database yet.
func New(place *sessions.Session, c *catalog.Catalog, d Databases) *Actor {
	return &Actor{
		ID: place.ID, Place: place, Catalog: c, Databases: d,
		acting: []acting{{id: Identity{Login: place.Login, Name: place.LoginName}}},
	}
}
