// Package transaction has the statements of transactions: BEGIN, COMMIT, ROLLBACK and SAVE, by text and by a transaction manager
// request, and what a client is told of them.
//
// The transaction itself is package tran's. A rollback keeps the rows of table variables (package change) and a commit may close cursors.
// [Transactions.Implicit] begins a transaction before a statement where IMPLICIT_TRANSACTIONS asks for it.
package transaction

import (
	"latchkey/engine/exec/change"
	"latchkey/engine/exec/cursor"
	"latchkey/engine/exec/reply"
	"latchkey/engine/exec/work"
)

// Transactions begins and ends transactions of one session. All fields are to be set.
type Transactions struct {
	Work    *work.Session
	Answer  *reply.Answer
	Change  *change.Changer
	Cursors *cursor.Cursors
}
