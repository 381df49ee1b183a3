package boltstore

import (
	"errors"
	"strings"

	"golang.org/x/sys/windows"
)

// isFull reports whether err says that there is no room.
func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}

// fullText is isFull for an error that arrives as text.
func fullText(s string) bool {
	return strings.HasSuffix(s, windows.ERROR_DISK_FULL.Error()) || strings.HasSuffix(s, windows.ERROR_HANDLE_DISK_FULL.Error())
}
