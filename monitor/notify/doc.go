// Package notify takes the records of an activity log to where people see them: sinks, such as those of the packages below (webhook, syslog, mail).
//
// The log is the queue: each sink has a cursor on disk, the number of the last record that it took or that was given up. So a record is written
// once, a restart loses none, every sink gets them in the log's order, each on its own, and a sink that hangs holds up neither the log nor another
// sink. What bounds the queue is what bounds the log; a sink that was away for longer is told, as is the log, how many records it missed.
//
// Make a [Hub] with [New], [Hub.Run] it, and [Hub.Wake] it when the log has grown. A record that a sink cannot take is tried again with growing, jittered waits
// until it is Config.GiveUp old, one that a sink refuses for good ([Permanent]) at most a few times; then it is a dead letter: appended to the
// sink's dead-letter file, and said in the log. Delivery is at least once: after a crash amid a delivery the record comes again under the same [Message.ID].
//
// Every Config.Heartbeat a sink with nothing to send gets a heartbeat, which is not in the log: when none comes, something is silent that should not be.
// A sink that fails for longer than Config.FailAfter is a record for the log, so that the other sinks tell of it, and so is its recovery.
//
// A new sink begins with what happens from then on. Records hold no secrets; nothing is added here.
package notify
