// Package setting has the SET options of a session: their values, which of them exist, what @@OPTIONS shows and what a login begins
// with.
//
// [Settings] is a plain value: copy it when a procedure or a dynamic batch begins and put the copy back behind it, as the server
// does. [Settings.Switch] and [Settings.Assign] carry out SET with SQL Server's messages; an option that the server takes and that
// changes nothing here is in the table with that remark, one that would change results and is not served is refused by name (40517).
package setting

import (
	"latchkey/engine/sqltype/convert"
)

// Option is one switch.
type Option uint32

// The switches, in the bits of @@OPTIONS where it has one.
const (
	ImplicitTransactions Option = 1 << 1
	CursorCloseOnCommit  Option = 1 << 2
	AnsiWarnings         Option = 1 << 3
	AnsiPadding          Option = 1 << 4
	AnsiNulls            Option = 1 << 5
	ArithAbort           Option = 1 << 6
	ArithIgnore          Option = 1 << 7
	QuotedIdentifier     Option = 1 << 8
	NoCount              Option = 1 << 9
	AnsiNullDfltOn       Option = 1 << 10
	AnsiNullDfltOff      Option = 1 << 11
	ConcatNullYieldsNull Option = 1 << 12
	NumericRoundAbort    Option = 1 << 13
	XactAbort            Option = 1 << 14
	optionsMask          Option = 1<<15 - 1
	NoExec               Option = 1 << 16
	ParseOnly            Option = 1 << 17
	FmtOnly              Option = 1 << 18
	ansiDefaults                = AnsiWarnings | AnsiPadding | AnsiNulls | QuotedIdentifier | AnsiNullDfltOn
	compileBits                 = AnsiWarnings | AnsiPadding | AnsiNulls | ArithAbort | ArithIgnore | QuotedIdentifier | ConcatNullYieldsNull | NumericRoundAbort | AnsiNullDfltOn | AnsiNullDfltOff
)

// Isolation is a transaction isolation level, with the numbers of sys.dm_exec_sessions.
type Isolation uint8

// The levels.
const (
	ReadUncommitted Isolation = 1 + iota
	ReadCommitted
	RepeatableRead
	Serializable
	Snapshot
)

// String is the level as DBCC USEROPTIONS names it.
func (i Isolation) String() string {
	switch i {
	case ReadUncommitted:
		return "read uncommitted"
	case RepeatableRead:
		return "repeatable read"
	case Serializable:
		return "serializable"
	case Snapshot:
		return "snapshot"
	}
	return "read committed"
}

// Settings are the SET options of a session. Take them from [Default].
type Settings struct {
	On               Option
	Isolation        Isolation
	DateFirst        int // 1 is Monday, 7 Sunday
	DateFormat       convert.DateFormat
	Language         string
	TextSize         int64
	RowCount         int64 // 0 is no bound
	LockTimeout      int64 // milliseconds; -1 waits for ever
	DeadlockPriority int   // -10 to 10
	ContextInfo      string
	QueryGovernor    int64
}

// Default is what a session begins with. ODBC, OLE DB and all drivers of today ask for the ANSI defaults in their login (odbc); other
// clients, such as those of DB-Library, begin without them.
func Default(odbc bool) Settings {
	s := Settings{
		Isolation: ReadCommitted, DateFirst: 7, Language: "us_english", TextSize: 4096, LockTimeout: -1,
	}
	if odbc {
		s.On |= ansiDefaults | ConcatNullYieldsNull
		s.TextSize = 2147483647
	}
	return s
}

// Has reports whether a switch is on.
func (s *Settings) Has(o Option) bool { return s.On&o != 0 }

// Options is @@OPTIONS.
func (s *Settings) Options() int64 { return int64(s.On & optionsMask) }

// Key is what a compiled statement depends on: it belongs into the key of a cache of plans.
type Key struct {
	On         Option
	DateFirst  int
	DateFormat convert.DateFormat
	Language   string
}

// Key is the part of the settings that a compiled statement depends on.
func (s *Settings) Key() Key {
	return Key{On: s.On & compileBits, DateFirst: s.DateFirst, DateFormat: s.DateFormat, Language: s.Language}
}

func (s *Settings) put(o Option, on bool) {
	if on {
		s.On |= o
		return
	}
	s.On &^= o
}
