// Gendocs writes the pages of docs/ that come from the code, so that they cannot disagree with it:
//
//	go run ./internal/gendocs
//
// A page is one line in pages, with a function that writes it. What it writes must depend on the code alone: no dates, no
// paths of this machine, no order of a map. A test compares every page with the file in the tree and names the command
// above when one is out of date.
//
// Do not edit the pages by hand; each says so in its first line.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"latchkey/engine/exec/feature"
	"latchkey/internal/fsys"
)

const command = "go run ./internal/gendocs"

// header is the first line of every page.
const header = "<!-- Written by `" + command + "`; do not edit. -->\n\n"

type page struct {
	path  string // from the module's directory, with slashes
	write func(io.Writer) error
}

// pages is what is generated, in the order of writing.
func pages() []page {
	return []page{
		{"docs/codes.md", writeCodes},
		{"docs/commands.md", writeCommands},
		{"docs/events.md", writeEvents},
		{"docs/tsql.md", feature.Page},
	}
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "gendocs: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	root, err := moduleDir()
	if err != nil {
		return err
	}
	for _, p := range pages() {
		text, err := p.text()
		if err != nil {
			return err
		}
		name := filepath.Join(root, filepath.FromSlash(p.path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("writing %q: %w", p.path, err)
		}
		if err := fsys.WriteFile(fsys.OS{}, name, text, 0o644); err != nil {
			return fmt.Errorf("writing %q: %w", p.path, err)
		}
	}
	return nil
}

func (p page) text() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header)
	if err := p.write(&b); err != nil {
		return nil, fmt.Errorf("making %q: %w", p.path, err)
	}
	return b.Bytes(), nil
}

// moduleDir finds the directory of go.mod, from the working directory upwards.
func moduleDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("finding the module: no go.mod here or above; run it inside the repository")
		}
		dir = up
	}
}
