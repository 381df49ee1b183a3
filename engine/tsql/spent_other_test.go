//go:build !linux

package tsql_test

import "time"

var began = time.Now()

// spent is the time that passed: that of one thread cannot be had.
func spent() time.Duration { return time.Since(began) }
