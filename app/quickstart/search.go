package quickstart

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unicode/utf16"

	"latchkey/internal/fsys"
)

// chunk is how much of a file is searched at once.
const chunk = 1 << 20

// search names the files under the directories that hold a text, in UTF-8 or UTF-16, and counts the files.
func search(ctx context.Context, f fsys.FS, dirs []string, text string) (found []string, files int, err error) {
	var wide []byte
	for _, u := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	for _, dir := range dirs {
		entries, err := f.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return nil, 0, err
			}
			name := filepath.Join(dir, e.Name())
			if e.IsDir() {
				below, n, err := search(ctx, f, []string{name}, text)
				if err != nil {
					return nil, 0, err
				}
				found, files = append(found, below...), files+n
				continue
			}
			if !e.Type().IsRegular() {
				continue
			}
			has, err := holds(f, name, []byte(text), wide)
			if errors.Is(err, fs.ErrNotExist) {
				continue // a temporary file
			}
			if err != nil {
				return nil, 0, err
			}
			files++
			if has {
				found = append(found, e.Name())
			}
		}
	}
	return found, files, nil
}

// holds reports whether a file holds one of the texts.
func holds(f fsys.FS, name string, texts ...[]byte) (bool, error) {
	file, err := f.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return false, err
	}
	defer file.Close()
	buf := make([]byte, chunk)
	for at := int64(0); ; {
		n, err := file.ReadAt(buf, at)
		for _, t := range texts {
			if bytes.Contains(buf[:n], t) {
				return true, nil
			}
		}
		if err == io.EOF || err == nil && n < len(buf) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		at += int64(n) - int64(len(texts[len(texts)-1])) // texts may lie across the border
	}
}
