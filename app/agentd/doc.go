// Package agentd composes the agent: the connector with its map and its client of vaults, the server of frames, the socket or
// pipe, and what a service manager wants of a process. It is to the agent what package compose is to the rest; it stands apart so
// that the agent can be built and read alone.
//
// [Run] runs an agent until its context ends or a successor took its socket over. The settings come from a strict JSON file
// ([Settings]) and from flags that stand in for its members. The file is read again when it changes: vaults' settings and the
// accounts that are served take effect with the next call, the rest with the next connection, and nothing is cut off. What is wrong in
// a changed file is logged and changes nothing.
//
// Credentials are not settings: each session brings its own, from the database server, and it is forgotten with the session.
package agentd
