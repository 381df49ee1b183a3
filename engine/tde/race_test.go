//go:build race

package tde_test

// raced divides sizes: the race detector makes SQLite, which is translated to Go, some twenty times slower.
const raced = 8
