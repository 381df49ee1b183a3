// Package e2e drives the real program from outside, as its users do: scripts under testdata/script (txtar, run by
// testscript), and tests in Go where a script would be unreadable: official Azure clients, crashes, full disks. The
// program is built once for all of them. Set LATCHKEY_LONG=1 for the long forms of the crash tests.
package e2e
