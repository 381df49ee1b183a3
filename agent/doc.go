// Package agent serves an EKM provider to the library that a database server loads: it answers the frames of package agent/frame on
// connections of package agent/peer with calls of an ekm.Provider. It knows no connector, no vault and no network beyond the
// machine.
//
// Make a [Server] with [New] and give it listeners with [Server.Serve]. [Server.Change] puts another provider in its place, for
// changed settings; [Server.Leave] ends it without cutting anybody off. agent/client is the other side in Go, the shim in C.
//
// # What it promises
//
//   - A connection is a session, and its state dies with it. Closing a connection aborts the call that runs on it.
//   - Everything that the other side sends is bounded before memory is made for it: frames, fields, connections, calls at once, bytes
//     in frames. Who is slow in sending a frame or in taking an answer loses the connection.
//   - A call's context ends with the deadline that the request carries. A provider that panics fails that one call (code 7).
//   - Buffers that held a frame's body are overwritten as soon as it was answered; secrets of credentials live in package secret.
//   - Nothing that is logged holds a secret: accounts, processes, operations, codes and the provider's error texts.
//
// # What it does not do
//
// It does not decide who may use which key: whoever may connect and has a credential that the vault accepts can use what that
// credential can. It cannot protect from the database server's own process or from an administrator of the machine.
package agent
