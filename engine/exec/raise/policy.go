package raise

// Effect is what an error does to the session, beyond failing its statement.
type Effect uint8

// The effects, from mild to severe.
const (
	// EndStatement: the next statement runs.
	EndStatement Effect = iota
	// EndModule: the batch or module did not compile or may not run: it ends, the transaction stays, its caller goes on, and no TRY of
	// the same module catches the error.
	EndModule
	// EndBatch: the whole batch ends; the transaction stays.
	EndBatch
	// Rollback: the whole batch ends and the transaction is rolled back. If a TRY catches the error, the batch goes on and the
	// transaction is doomed: XACT_STATE() is -1.
	Rollback
	// EndConnection: the client is disconnected.
	EndConnection
)

// String names the effect, for tests and pages.
func (e Effect) String() string {
	if e > EndConnection {
		return "unknown"
	}
	return [...]string{"statement", "module", "batch", "rollback", "connection"}[e]
}

// table lists the numbers whose effect is not that of their severity; all others of severity 11 to 19 end their statement.
//
// Conversions end the batch and the transaction while arithmetic and constraints end their statement: that is SQL Server's habit,
// and programs rely on it.
func table(number int) (Effect, bool) {
	switch number {
	case 235, 236, 241, 242, 244, 245, 248, 281, 293, 294, 295, 529, 8114, 8169, 8170, 9807, 9809, // conversions
		1205, 3930, 3931, 3960, 3971, 3998, 3624: // transactions that cannot go on
		return Rollback, true
	case 102, 105, 107, 111, 116, 134, 137, 141, 147, 156, 174, 178, 189, 195, 199, 205, 206, 207, 208, 209, 213, 257, 264, 319, 402, 1033, 1087,
		2706, 2715, 4104, 4121, 4145, 8117, 8120, 8127, 8155, 8156, 8158, 8159, 40517: // what does not bind
		return EndModule, true
	case 217, 4022, 596: // nesting, a bulk load that did not come
		return EndBatch, true
	}
	return EndStatement, false
}

// Of is the effect of an error that no TRY catches, under the session's XACT_ABORT.
func Of(e *Error, xactAbort bool) Effect {
	switch {
	case e.Info():
		return EndStatement
	case e.Severity >= 20:
		return EndConnection
	case e.Inner:
		return EndStatement
	case e.Raised:
		return EndStatement // XACT_ABORT leaves RAISERROR alone
	case e.Thrown && xactAbort:
		return Rollback
	case e.Thrown:
		return EndBatch
	case e.Bind && !e.Called:
		return EndModule
	}
	effect, _ := table(e.Number)
	if effect == EndModule && e.Called {
		effect = EndBatch
	}
	if xactAbort && (effect == EndStatement || effect == EndBatch) {
		return Rollback
	}
	return effect
}

// Terminates reports the errors of a change of rows behind which the server says that the statement has been terminated (3621):
// those of severity 11 to 16 that do not end the batch.
func Terminates(e *Error) bool {
	switch e.Number {
	case 229, 230, 262, 297, 300, 916, 1222, 15247: // nothing had begun
		return false
	}
	effect, _ := table(e.Number)
	return effect == EndStatement && e.Severity > 10 && e.Severity < 17 && !e.Bind && !e.Raised && !e.Thrown
}
