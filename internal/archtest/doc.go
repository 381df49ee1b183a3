// Package archtest holds the project's rules of shape as tests: which package may import which, how large files and packages
// grow, what no package may contain (init functions, mutable package-level variables, sleeps in tests, the wall clock).
// It has no code to use; it is a leaf that nothing imports.
//
// The layout is the table in layout_test.go, one line for each package or family with its reason. A new package without a line
// fails the test: add the line in the same commit. Exceptions to the other rules are short lists with reasons,
// beside the rule. An exception that no longer applies fails too, so the lists stay true.
//
// The tests read the sources with go/parser, and types with the compiler's export data; they need the go command.
package archtest
