//go:build !linux

package loader

import (
	"context"
	"errors"
	"fmt"

	"latchkey/ekm"
)

func checkFile(string) error {
	return fmt.Errorf("%w: libraries are loaded on Linux alone: %w", ErrLibrary, errors.ErrUnsupported)
}

func (*Loader) start(context.Context, string) (ekm.Provider, error) {
	return nil, errors.ErrUnsupported
}
