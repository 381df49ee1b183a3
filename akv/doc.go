// Package akv holds the shapes of the key vault REST API that server and client share: JSON bodies, key identifiers,
// names and limits, API versions, the error envelope. It does no I/O and decides nothing.
package akv
