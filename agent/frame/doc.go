// Package frame is the codec of the protocol between the library that a database server loads (the shim) and the agent.
// docs/formats/agent-frames.md is its specification, testdata/vectors.txt the bytes that this package and the C side both test.
//
// It turns bytes into messages and back: no sockets, no goroutines, no policy. Every message has an Append method and a Parse
// function of the same name. Parse checks every bound of the specification and reads nothing behind its input; slices in what it
// returns alias that input, so that a body with key material exists once and can be wiped once. Append checks nothing but that
// what it writes can be read: call Check of the message first where its content comes from outside.
//
// Requests are parsed strictly: bytes after the last field are an error. Responses are parsed so that a later agent may add
// fields.
package frame
