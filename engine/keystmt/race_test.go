//go:build race

package keystmt_test

// race says that the race detector slows everything.
const race = true
