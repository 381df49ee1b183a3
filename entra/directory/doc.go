// Package directory is what package entra keeps: tenants, applications with their credentials, managed identities and the
// signing keys. It has no network. Users of the authority call its methods through entra.Authority.
//
// Every change is written to the audit log first, then to one file that is replaced as a whole, and is seen by others only
// then; one process at a time may hold the directory. Reads go through a [View], which never changes and never waits.
//
// Client secrets are made here (256 random bits), shown once, and kept as salted HMAC-SHA-256. Signing keys are kept sealed;
// a sealed digest over everything keeps whoever can write the file, but not unseal, from adding a credential. What an
// old copy of the whole file brings back, it brings back. ../DESIGN.md describes the file.
package directory
