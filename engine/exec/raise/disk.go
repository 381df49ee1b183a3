package raise

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"latchkey/ekm/code"
)

// diskSeverity is that of 823 and 824 here. SQL Server raises them with 24, which ends the connection: here the statement has failed, the
// database is looked after, and the client may go on.
const diskSeverity = 17

// disk is message 823 for an error of the disk under a database, 824 for content that is damaged; nil for another error.
func disk(err error) *Error {
	e := &Error{Severity: diskSeverity, State: 2, cause: err, disk: true}
	switch {
	case errors.Is(err, code.DatabaseIO):
		e.Number, e.Text = 823, "The operating system returned error "+osError(err)+". Additional messages in the SQL Server error log and operating system error log may provide more detail."
	case errors.Is(err, code.DatabaseCorrupt):
		e.Number = 824
		e.Text = "SQL Server detected a logical consistency-based I/O error: incorrect checksum. Additional messages in the SQL Server error log may provide more detail. Complete a full database consistency check (DBCC CHECKDB)."
	default:
		return nil
	}
	return e
}

// osError is what the operating system said, as message 823 has it.
func osError(err error) string {
	number, text := 0, "an unexpected error"
	var no syscall.Errno
	if errors.As(err, &no) {
		number, text = int(no), no.Error()
	}
	out := fmt.Sprintf("%d(%s) to SQL Server", number, text)
	var p *fs.PathError
	if errors.As(err, &p) {
		out += fmt.Sprintf(" during a %s in file '%s'", p.Op, p.Path)
	}
	return out
}
