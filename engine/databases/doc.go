// Package databases holds a server's databases open: master, tempdb, model, msdb and those of users, each by its id in the catalogue.
//
// Make a [Manager] with [New], bring the databases up with [Manager.Start], end with [Manager.Close]. A statement borrows a connection
// with [Manager.Lease] and gives it back; another database named in it is attached while [Manager.Attach] keeps it open. A
// session enters a database through [Manager.Use], which checks state, right and single-user mode. CREATE, ALTER and DROP DATABASE and
// the statements on encryption keys are methods (Create, Set, AlterKey ...): they change the catalogue and the files in the right
// order, and say what a client is to be told.
//
// What is promised. At the start the databases are opened side by side, with a bounded number of calls to the key store and one for
// each wrapped key. One whose key cannot be had is RECOVERY_PENDING, with the reason in the log; the others are served, and it opens
// by itself when the key is back ([Manager.Retry] after what may have helped). A damaged one is SUSPECT. A key once unwrapped stays
// while the database is open. Nothing of a database is removed but by DROP DATABASE; a file that a crash left behind from a CREATE
// that was never finished goes at the next start.
//
// Files of users' databases lie in one directory: a FILENAME elsewhere is taken for its last element, so no statement reaches
// other files. System databases are encrypted under the service master key, tempdb is in memory, and model is not copied into new databases.
package databases
