// Package peer is how the agent and its clients on the same machine find each other, and how each knows who the other is: by
// what the system says of a connection, never by what is sent over it.
//
// [Listen] opens a Unix socket or a Windows named pipe and [Dial] connects to one. A [Listener] tells with every connection
// who made it and whether the [Gate] admits that account; the caller refuses those that it does not. Dial checks who listens
// before it returns. TCP on loopback has no such knowledge on either side: it exists for tests, behind a flag on both.
//
// # What is checked
//
//   - Linux: SO_PEERCRED gives the caller's uid and process; the gate holds uids. The socket itself lets everybody connect (mode
//     0666), as it is the gate that decides; its directory must be writable for its owner alone. Dial wants the listener's uid to
//     be 0, its own, or that of the directory's owner.
//   - Windows: the pipe's access list admits LocalSystem, Administrators and the gate's accounts, and nobody who comes over the
//     network; the pipe rejects remote clients besides, and is made as the first instance of its name, so that a program that was
//     there before makes it fail instead of sharing it. Clients may not make instances. Dial wants the pipe's owner to be
//     LocalSystem, Administrators, its own account, or one that it was given.
//
// Where an agent is started on the socket of another, [TakeOver] asks that one for its listener, so that no connection is
// refused in between. [Activated] takes sockets that systemd opened, [Notify] tells systemd what the agent is doing.
package peer
