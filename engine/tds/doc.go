// Package tds encodes and decodes the Tabular Data Stream protocol ([MS-TDS], versions 7.2 to 7.4 and 8.0) from the server's side:
// packets, the messages that clients send ([ClientMessage]) and the tokens that servers answer with ([ServerToken]). It works on
// byte slices: no sockets, no goroutines, no clock, no policy. For a connection see engine/tds/conn; for columns and parameters
// as SQL values see engine/tds/sqlval.
//
// Every message has a Decode and an Append, also for the direction that a server does not need, so that each is tested as the
// inverse of the other. Messages of version 7.2 and later are the same bytes but for what [Version] says; 7.0 and 7.1 cannot
// be decoded, and ERROR and DONE can be written for them so that such a client reads why it was refused.
//
// Decoders take a whole message. What they return refers to the message's bytes: keep the buffer as long as the result, and
// copy what must live longer. They allocate in proportion to what arrived, never to a length that a field claims, and fail with
// an [*Error] that says what is wrong and where. [Limits] bounds counts; the size of a message is bounded by whoever reads it.
// No decoder panics on any input; each has a fuzz target.
//
// Passwords are decoded into a secret.Bytes; overwriting the buffer that they came in is the reader's duty (conn does it).
// Not decoded: SSPI tokens, federated authentication tokens, SMP (MARS) framing, CLR types, column encryption.
package tds
