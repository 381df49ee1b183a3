//go:build race

package compile_test

// slow is how many times fewer cases run under the race detector, where SQLite takes some twenty times as long.
const slow = 12
