// Package shimtest tests the C library that SQL Server loads (directory shim) with the C host that plays SQL Server
// (shim/host), on Linux and, in Wine, on Windows. It has no code of its own: everything is in its tests.
//
// The tests build library and host with gcc and mingw. Some run them before an agent that is scripted to misbehave, with sanitizers; others before
// a real `latchkey agent` and a real vault. What is not installed is named and skipped, or fails with CI=true (make tools).
package shimtest
