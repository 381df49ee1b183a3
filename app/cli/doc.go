// Package cli is the command line: one file per command, a table of them in commands.go, and what they share (flags,
// errors, help). Commands say what they do in terms of package app/compose and the libraries; no logic of a part lives here.
//
// [Main] runs one command and returns its exit code: 0 done, 1 the work failed, 2 the call was wrong. It reaches the world through
// [Env] alone, so that tests run whole commands in-process. Output that somebody asked for goes to Stdout; progress, errors
// ("latchkey: error: ...") and advice ("latchkey: hint: ...") go to Stderr.
//
// Flags are of the standard library's flag package, written --long; they may stand before or after other arguments. Secrets never come
// by flag, because argument lists are public: they come from files, the environment or standard input.
package cli
