package reply

import (
	"latchkey/engine/exec/setting"
)

// Answer is a session's answer and what it leaves behind: @@ROWCOUNT and @@ERROR. Set is to be set.
type Answer struct {
	Writer
	// Set are the session's settings: NOCOUNT.
	Set *setting.Settings
	// RowCount is @@ROWCOUNT, LastError @@ERROR.
	RowCount  int64
	LastError int
}
