// Package pagecipher seals and opens the units that a database is made of: pages of the main file, frames and header of
// the write-ahead log, blocks of temporary files. It does bytes only: no files, no policy.
//
// A [Ring] holds the data encryption keys (DEKs) of one database and derives a sub-key for each epoch; a [Codec] (one per
// goroutine, it has scratch space) seals with the ring's current sub-key and opens with whatever sub-key the unit names.
// AES-GCM with a random 96-bit nonce from crypto/cipher, so that it works in Go's FIPS-only mode. A DEK never seals
// anything itself. A sub-key seals at most [MaxSeals] units; the ring then asks its owner for a new epoch.
//
// Everything that identifies a unit is authenticated: the file's id, the kind of unit, its number (page, frame, block),
// the key slot and the flags. So a unit that was changed, moved, taken from another file or relabelled does not open:
// the error matches [ErrCorrupt]. Plain units carry a CRC-32C over the same things; that finds accidents, not attackers.
//
// What it does not do: it cannot tell the newest version of a unit from an older one that was sealed in the same place
// under a key that is still in the ring. AES round keys live in Go's heap and cannot be wiped; the DEKs are wiped.
//
// The layouts are in docs/formats/database-file.md.
package pagecipher
