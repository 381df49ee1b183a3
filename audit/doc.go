// Package audit is an append-only, hash-chained log of operations. [Log.Append] returns only when its record is on stable
// storage, so the caller acts first and answers after, and refuses the operation when Append fails: no record, no answer.
//
// Open a [Log] with [Open]; one process at a time may hold a directory. Append from as many goroutines as you like: records
// that arrive while the disk is busy share the next fsync. Read records with [Read], check the whole log with [Verify]; both
// also work on a log that another process is writing. The format is described in docs/formats/audit-log.md.
//
// Promises. A record that Append acknowledged is there after any crash or power cut. After a failed write or sync nothing is
// acknowledged until the log has reopened its file, cut what was not acknowledged, and synced; a full disk heals by
// itself once there is room. What a crash left half-written is cut when the log is opened and noted as a record of its own
// ([OpRecovered]). [Verify] finds a record that was changed, removed, inserted or moved, and a missing end.
//
// What it cannot find: without a key in [Options] the chain is plain SHA-256, and whoever may write the files may compute a
// new one; with a key (HMAC) only a holder of the key can. With or without a key, someone who may write the directory can put
// back an older copy of all of it, head file included, or cut what was appended in the last [Options.HeadEvery] before a
// stop of the machine: keep [Log.Head] elsewhere from time to time and give it to Verify as the anchor. Who controls the
// running process controls what it writes. Deleting everything looks like a new log.
package audit
