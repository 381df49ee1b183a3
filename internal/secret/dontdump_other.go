//go:build unix && !linux

package secret

// dontDump does nothing where the system has no such advice.
func dontDump([]byte) {}
