// Package admin changes what is in a data directory: vaults and who may use them, applications and their credentials, the seal, and
// it verifies the audit log. [Open] finds out whether a server runs on the directory: then the operation goes to it over a Unix socket
// that the directory's owner alone can reach; else the directory is opened for the one operation.
//
// Every operation is a line in ops.go: a name, the shape of its arguments, the shape of its answer. Changes go through the
// vault's and the authority's own doors and have their audit records.
package admin
