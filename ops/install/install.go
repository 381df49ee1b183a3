// Package install puts the library that a database server loads and the agent behind it onto this machine: files, directories, permissions and service, each only where it is
// not as it should be yet.
//
// A Plan looks and changes nothing. Apply carries out what is left, in order, and takes back what it did if a step fails: a file that was replaced has its old
// content again. A plan that was cut short is gone on with by making it again. Each file is replaced as a whole, durably, so a library that a server has
// loaded and a program that runs go on with the file they have.
//
// What a machine does by itself is left to it: systemd makes the socket's and the state directory when it starts the units. What it cannot do elsewhere than on
// the machine itself, such as starting the service, is left out when everything goes below another root.
package install

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"latchkey/internal/fsys"
)

// Step is one thing to be done.
type Step struct {
	Title string // what, and with which permissions
	Done  bool   // it is so already
	Do    func(context.Context) error
	Undo  func(context.Context) error // takes it back; nil if there is nothing to take back
}

// Machine is what a file system is not: permissions, and programs of the system. [OS] is the real one.
type Machine interface {
	// Sound reports whether a file or directory has exactly these permissions and belongs to whoever installs.
	Sound(name string, mode fs.FileMode) (bool, error)
	// Secure makes it so.
	Secure(name string, mode fs.FileMode) error
	// Run runs a program to its end; the error has what it said.
	Run(ctx context.Context, name string, args ...string) error
}

// Show writes what would be done.
func Show(w io.Writer, steps []Step) error {
	for _, s := range steps {
		mark := ""
		if s.Done {
			mark = " (done already)"
		}
		if _, err := fmt.Fprintf(w, "-- %s%s\n", s.Title, mark); err != nil {
			return err
		}
	}
	return nil
}

// Left counts the steps that are to be done.
func Left(steps []Step) int {
	n := 0
	for _, s := range steps {
		if !s.Done {
			n++
		}
	}
	return n
}

// Apply does what is left, a line to out for each step. undo takes it all back, last first, for who finds later that the whole must not stay; after an error of Apply that has
// been done.
func Apply(ctx context.Context, steps []Step, out io.Writer) (undo func(context.Context) error, err error) {
	var ran []Step
	undo = func(ctx context.Context) error {
		var errs []error
		for i := len(ran) - 1; i >= 0; i-- {
			if ran[i].Undo == nil {
				continue
			}
			if err := ran[i].Undo(ctx); err != nil {
				errs = append(errs, fmt.Errorf("taking back: %s: %w", ran[i].Title, err))
				continue
			}
			fmt.Fprintf(out, "         %-60s taken back\n", ran[i].Title)
		}
		ran = nil
		return errors.Join(errs...)
	}
	for i, s := range steps {
		what := "already there"
		if !s.Done {
			// A step may have changed something before it failed, so it is taken back too.
			ran = append(ran, s)
			if err := s.Do(ctx); err != nil {
				fmt.Fprintf(out, "%3d/%d  %-60s failed\n", i+1, len(steps), s.Title)
				return nil, errors.Join(fmt.Errorf("%s: %w", s.Title, err), undo(context.WithoutCancel(ctx)))
			}
			what = "done"
		}
		fmt.Fprintf(out, "%3d/%d  %-60s %s\n", i+1, len(steps), s.Title, what)
	}
	return undo, nil
}

// Disk makes steps over a file system.
type Disk struct {
	FS      fsys.FS
	Machine Machine
}

// limit is how large a file that is installed may be, in bytes.
const limit = 512 << 20

// Directory is the step that makes a directory with these permissions.
func (d Disk) Directory(name string, mode fs.FileMode) (Step, error) {
	s := Step{Title: fmt.Sprintf("directory %s (%04o)", name, mode)}
	info, err := d.FS.Stat(name)
	was, there := fs.FileMode(0), err == nil
	switch {
	case err == nil && !info.IsDir():
		return s, fmt.Errorf("%q is no directory", name)
	case err == nil:
		was = info.Mode().Perm()
		if s.Done, err = d.Machine.Sound(name, mode); err != nil {
			return s, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	s.Do = func(context.Context) error {
		if err := d.FS.MkdirAll(name, mode); err != nil {
			return err
		}
		return d.Machine.Secure(name, mode)
	}
	s.Undo = func(context.Context) error {
		if there {
			return d.Machine.Secure(name, was)
		}
		return gone(d.FS.Remove(name))
	}
	return s, nil
}

// File is the step that gives a file this content and these permissions.
func (d Disk) File(name string, content []byte, mode fs.FileMode) (Step, error) {
	s := Step{Title: fmt.Sprintf("file %s (%04o, %d bytes)", name, mode, len(content))}
	old, err := fsys.ReadFile(d.FS, name, limit)
	there := err == nil
	was := mode
	switch {
	case there:
		info, err := d.FS.Stat(name)
		if err != nil {
			return s, err
		}
		was = info.Mode().Perm()
		sound, err := d.Machine.Sound(name, mode)
		if err != nil {
			return s, err
		}
		s.Done = sound && string(old) == string(content)
	case !errors.Is(err, fs.ErrNotExist):
		return s, err
	}
	write := func(content []byte, mode fs.FileMode) error {
		if err := fsys.WriteFile(d.FS, name, content, mode); err != nil {
			return err
		}
		return d.Machine.Secure(name, mode)
	}
	s.Do = func(context.Context) error { return write(content, mode) }
	s.Undo = func(context.Context) error {
		if there {
			return write(old, was)
		}
		return gone(d.FS.Remove(name))
	}
	return s, nil
}

// gone is err, but not that there was nothing to remove.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
