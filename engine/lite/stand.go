package lite

// stand is a snapshot that outlasts the statement that began it.
type stand struct {
	on      bool
	version uint64 // of the database before it began, when it was quiet; also without one, as of the last Stand
	era     uint64
}

// Stand makes the statements that follow read one snapshot, which stays when they are over: to begin and end one for each costs more than a
// short statement does otherwise, most of all in locks on the log's index, which are system calls. If one is there and nothing was committed since it
// began, it goes on; else the statements see what is committed now, as they do without Stand. Who keeps the connection gives another era from
// time to time, so that no snapshot keeps the log from starting over for long.
//
// It is for statements that only read, and nothing is to be read before it on a connection whose snapshot stands. Beside a database that is written to
// it does nothing: a snapshot begins only where nothing was committed since the Stand before. Nor does it with another database attached.
func (c *Conn) Stand(era uint64) error {
	s := &c.stand
	now, quiet := c.Version() // before a snapshot begins: what is committed in between makes it count as old
	same := s.version == now
	s.version = now
	switch {
	case s.on && same && s.era == era && !c.GetAutocommit(): // SQLite ends a transaction by itself after some errors
		return nil
	case s.on:
		return c.Fresh()
	case !same || !quiet || len(c.attached) > 0:
		return nil
	}
	if err := c.Run("BEGIN"); err != nil {
		return err
	}
	s.on, s.era = true, era
	return nil
}

// Stands reports whether the connection has a snapshot of Stand.
func (c *Conn) Stands() bool { return c.stand.on }

// Fresh ends a snapshot of Stand, if there is one: what follows sees what is committed by then. Statements under way keep it.
func (c *Conn) Fresh() error {
	if !c.stand.on {
		return nil
	}
	c.stand.on = false
	if c.GetAutocommit() {
		return nil
	}
	return c.Run("COMMIT")
}

// PrepareFresh is Prepare for what is kept outside the database beside numbers that tell of changes: who asks may have seen, since the
// snapshot began, that it changed, and must not keep what it was before.
func (c *Conn) PrepareFresh(sql string) (*Stmt, error) {
	if err := c.Fresh(); err != nil {
		return nil, err
	}
	return c.Prepare(sql)
}
