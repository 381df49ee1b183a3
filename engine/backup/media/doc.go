// Package media is the format of backup files: sets one behind the other, each a description that anybody can read, a stream of bytes in blocks that may
// be compressed and sealed, and an end that says how much there was and what its digest is. docs/formats/backup.md describes the bytes.
//
// Create begins a set, in a new file or behind the sets of one that is there; Writer takes the stream; Writer.Finish makes the set exist, durably and
// at once. Until then the file is as it was for every reader: a new file has another name, and an appended set has no end and is not counted. List reads the
// descriptions; Open gives a set's stream back and has checked every byte of it when it says io.EOF.
//
// Any changed bit of a set is found: blocks have checksums (authentication codes if sealed), and the end holds a SHA-256 of the whole set, its own
// last line included. It is no signature: who can write the file can make another set, unless the set is sealed.
//
// Memory does not grow with the stream: a few blocks are on their way, transformed by as many goroutines as there are processors.
package media
