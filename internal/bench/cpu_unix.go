//go:build unix

package main

import (
	"syscall"
	"time"
)

// processorTime is what the process has used, in all threads.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
