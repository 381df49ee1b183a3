//go:build race

package plug_test

// race says that the race detector slows everything.
const race = true
