// Package known keeps what is known of the databases' definitions, and whether that may have changed.
//
// [Definitions.Shared] is what all connections of a database share. [Definitions.Seen] is a moment of a database's definitions: a plan
// that was made at an equal, certain moment is still good, and the database need not be asked. Who changes definitions counts the change
// in the database's [Generation] before it runs and again when its transaction is over.
//
// It is safe for concurrent use.
package known
