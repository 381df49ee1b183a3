// Package client is the agent's other side in Go: an ekm.Provider whose calls an agent on this machine carries out. It speaks the
// same frames as the library that SQL Server loads and keeps the same rules, so that a test of it is a test of them:
//
//   - A session is a credential that is remembered (in locked memory) and up to 64 connections, one for each call that runs. When
//     the agent is restarted, replaced or has closed a connection, the next call connects and opens the session again.
//   - A call ends at its context's deadline, or 36 seconds after it began, whatever the agent does.
//   - What changes nothing is sent again once or twice when the connection broke; creating, dropping and importing keys never is,
//     and ends with code 5003 if its outcome is not known.
//
// Make a [Provider] with [New]. Errors are *code.Error with the number that the agent sent, and a keystore.Failure where the
// key store was reached. [Ping] asks an agent how it is.
package client
