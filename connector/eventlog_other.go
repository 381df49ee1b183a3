//go:build !windows

package connector

import (
	"errors"
	"io"
)

// SystemLog is for Windows; elsewhere it is errors.ErrUnsupported. Give Config.Log a logger of your own.
func SystemLog(string, LogLevel) (func(Event), io.Closer, error) {
	return nil, nil, errors.ErrUnsupported
}
