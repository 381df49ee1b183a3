//go:build !unix

package main

import "time"

// processorTime is the clock where a process cannot learn what it used.
func processorTime() time.Duration { return time.Duration(time.Now().UnixNano()) }
