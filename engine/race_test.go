//go:build race

package engine_test

// raceFactor is how much more memory the race detector takes.
const raceFactor = 2
