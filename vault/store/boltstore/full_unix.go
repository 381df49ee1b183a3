//go:build unix

package boltstore

import (
	"errors"
	"strings"
	"syscall"
)

// isFull reports whether err says that there is no room.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// fullText is isFull for an error that arrives as text.
func fullText(s string) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		if strings.HasSuffix(s, e.Error()) {
			return true
		}
	}
	return false
}
