package install

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"latchkey/internal/fsys"
)

// sums is the file with the checksums of what was built.
const sums = "SHA256SUMS"

// Source is the directory that holds what was built: that of make dist, or one with the same names.
type Source struct {
	fs   fsys.FS
	dir  string
	sums map[string]string // by path below dir; nil if there is no such file
}

// OpenSource reads the checksums that lie in a directory, if they do.
func OpenSource(f fsys.FS, dir string) (*Source, error) {
	s := &Source{fs: f, dir: dir}
	b, err := fsys.ReadFile(f, filepath.Join(dir, sums), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	s.sums = map[string]string{}
	for line := range strings.Lines(string(b)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), " ")
		if name = strings.TrimPrefix(strings.TrimSpace(name), "*"); !ok || len(sum) != hex.EncodedLen(sha256.Size) || name == "" {
			return nil, fmt.Errorf("%q: %q is no line of checksums", filepath.Join(dir, sums), strings.TrimSpace(line))
		}
		s.sums[name] = strings.ToLower(sum)
	}
	return s, nil
}

// Read gives a file, by its path with slashes, if its checksum is right. It is [fs.ErrNotExist] where there is none.
func (s *Source) Read(name string) ([]byte, error) {
	path := filepath.Join(s.dir, filepath.FromSlash(name))
	b, err := fsys.ReadFile(s.fs, path, limit)
	if err != nil || s.sums == nil {
		return b, err
	}
	want, ok := s.sums[name]
	if !ok {
		return nil, fmt.Errorf("%q is not in %s beside it", path, sums)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != want {
		return nil, fmt.Errorf("%q is not the file that %s beside it tells of: it was changed or is not whole", path, sums)
	}
	return b, nil
}
