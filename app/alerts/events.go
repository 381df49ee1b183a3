package alerts

import (
	"latchkey/monitor"
	"latchkey/monitor/expiry"
	"latchkey/monitor/notify"
)

// Event is a kind of record, for the documentation.
type Event struct {
	Name, Status string
	From         string // "server" for latchkey up and engine, "watch", "both"
	Meaning      string
}

// Events lists the kinds of records that sinks get.
func Events() []Event {
	return []Event{
		{monitor.MakeInaccessible, monitor.Started, "both", "A database lost its key for good: the refusal is confirmed, and the database is closed, or could not be opened. The description has the cause."},
		{monitor.MakeInaccessible, monitor.InProgress, "server", "It waits for its key, within the window of the profile, if that has one."},
		{monitor.MakeInaccessible, monitor.Succeeded, "server", "The window is over: `latchkey revalidate` or ALTER DATABASE ... SET ONLINE is needed."},
		{monitor.MakeAccessible, monitor.Started, "server", "A person asked for it to be re-validated."},
		{monitor.MakeAccessible, monitor.Succeeded, "both", "The key is granted again and the database is open."},
		{monitor.MakeAccessible, monitor.Failed, "server", "Re-validation found the key refused still."},
		{"KeyAccessLost", monitor.Started, "watch", "The key of a vault, or of a database that runs on with the key in memory, is refused: it will not open after a restart."},
		{"KeyAccessRestored", monitor.Succeeded, "watch", "That key can be used again."},
		{Unreachable, monitor.Started, "both", "No answer for a key for longer than outageSeconds. Open databases run on."},
		{Unreachable, monitor.Succeeded, "both", "The key store answers again."},
		{expiry.Ending, "how long at most: 30 days", "both", "A client secret, a certificate or a key ends: once for each stage of warnBefore."},
		{expiry.Ended, expiry.Failed, "both", "It has ended."},
		{expiry.Renewed, expiry.Succeeded, "both", "What was warned of was renewed, or something else took its place."},
		{expiry.NotYet, expiry.Failed, "both", "It is not valid yet, and so refused."},
		{notify.Failing, monitor.Started, "both", "A sink has taken nothing for five minutes; the other sinks are told."},
		{notify.Failing, monitor.Succeeded, "both", "It takes notifications again."},
		{notify.Dropped, monitor.Failed, "both", "A record will not reach a sink: it was refused for good or grew a day old, and is a dead letter; or the sink was away for longer than the log goes back."},
		{notify.Heartbeat, monitor.Succeeded, "both", "Nothing else happened for heartbeatSeconds. It is not in the activity log."},
	}
}
