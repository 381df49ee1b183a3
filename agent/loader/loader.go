package loader

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"latchkey/ekm"
)

// Config says how libraries are loaded. Program is required.
type Config struct {
	// Program is the path of latchkey-ekm-loader.
	Program string
	// Env is the environment of its processes, "NAME=VALUE"; nil for this process's own.
	Env []string
	// TempDir is where sockets lie, in folders that only this account enters; "" for the system's.
	TempDir string
	// Log gets ends and starts of processes; nil for none.
	Log *slog.Logger
}

// Loader loads libraries. Make one with New. It implements what an engine asks of a loader.
type Loader struct{ cfg Config }

// New makes a Loader.
func New(cfg Config) *Loader {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Loader{cfg}
}

// ErrLibrary means that a file is not loaded: it is not there, others may change it, or it is no EKM library.
var ErrLibrary = errors.New("not a library to load")

// MissingError means that a file is a library without all the functions of the interface. It is an ErrLibrary.
type MissingError struct {
	Function int // the first one that is missing, from 1, in the order in which servers look for them
}

// Error names the function.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%v: function %d of the interface is missing", ErrLibrary, e.Function)
}

// Unwrap is ErrLibrary.
func (e *MissingError) Unwrap() error { return ErrLibrary }

// Missing is the function: message 33085 has it for its state.
func (e *MissingError) Missing() int { return e.Function }

// Load loads and initialises the library at an absolute path. A code of its SqlCryptInitializeProvider or SqlCryptGetProviderInfo is in
// the error as a *code.Error; everything else is ErrLibrary or the system's.
func (l *Loader) Load(ctx context.Context, path string) (ekm.Provider, error) {
	if err := checkFile(path); err != nil {
		return nil, fmt.Errorf("loading the library %q: %w", path, err)
	}
	p, err := l.start(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("loading the library %q: %w", path, err)
	}
	return p, nil
}
