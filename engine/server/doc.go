// Package server listens for TDS clients: it bounds how many there are, slows down who guesses passwords, lets logins in, and serves
// each connection until it is over.
//
// Make a [Server] with [New], give it listeners with [Server.Serve], end with [Server.Shutdown]. It knows no SQL: what a session is, it
// is told by Config.Open.
//
// What is promised. Before login nobody reads anything, and a client holds at most one of a bounded number of places, total and for its
// address, for a bounded time; those of other machines leave places for who connects on this one. A failed login is message 18456 with one
// text for all causes; the cause is in the log alone. After a few failures from one address, or with so many under way at once, its
// further attempts wait, longer each time, and are refused without a look at the password when the queue is long. Who is let in when all
// places are taken hears message 17809, but for two members of sysadmin. What clients that are not logged in cause is written to the log
// a few times, then counted, so that they do not fill it. A panic in a session ends that session, is logged with its stack, and nothing else. Shutdown stops accepting, ends
// idle sessions at once, and lets the others finish until its context ends.
package server
