//go:build !unix

package main

import (
	"errors"
	"os/exec"
	"os/user"
	"time"
)

// processorTime is the clock where a process cannot learn what it used.
func processorTime() time.Duration { return time.Duration(time.Now().UnixNano()) }

// runAs is for root alone.
func runAs(_ *exec.Cmd, u *user.User) error {
	if u != nil {
		return errors.New("a command cannot run as another user here")
	}
	return nil
}
