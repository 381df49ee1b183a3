// Package database has the operations on databases, their encryption keys and the server's options: [Create], [Drop], [Rename], [Set],
// [SetEncryption], [CreateKey], [AlterKey], [DropKey], [Configure], [Reconfigure].
//
// The catalogue decides and remembers; files and pages are the executor's. An operation that goes with work on files takes it as
// Act, which runs once everything was checked and before the change is stored. After a crash between the two the file is right and
// the metadata is not: the executor then sets what it found with [Observe] when it opens the database.
//
// A failed ALTER DATABASE has two messages, the reason and 5069 (msg.List).
package database
