package retire

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"latchkey/engine/backup/media"
	"latchkey/engine/tde/header"
	"latchkey/engine/tde/logchain"
	"latchkey/internal/fsys"
)

// The kinds of needs that Scan finds: what msdb does not know, or not any more.
const (
	FileBackup   = "backup file"          // a set that opens with the key
	FileSealed   = "sealed backup file"   // a set that is sealed under it
	FileDatabase = "database file"        // a file of a database, open or not
	FileLog      = "kept log of the file" // beside it
)

// Bounds of a scan.
const (
	maxFiles = 100_000
	maxDepth = 16
)

// Scan looks into the files of a folder and of those in it: backups and database files of our server, whatever a server knows of them. It adds what needs the keys to the report, and
// what it could not read, or what only a real SQL Server can, to Unknown. It reads descriptions, not contents, and needs no key.
func (r *Report) Scan(ctx context.Context, f fsys.FS, folder string) error {
	s := &scan{ctx: ctx, fs: f, Report: r}
	err := s.folder(folder, 0)
	r.Free = len(r.Needs) == 0 && len(r.Unknown) == 0
	return err
}

type scan struct {
	ctx context.Context
	fs  fsys.FS
	*Report
	files int
}

func (s *scan) add(kind, name string, thumbprint []byte, detail string) {
	n := Need{kind, name, fmt.Sprintf("0x%X", thumbprint), detail}
	if slices.Contains(s.Thumbprints, n.Thumbprint) && !slices.Contains(s.Needs, n) {
		s.Needs = append(s.Needs, n)
	}
}

func (s *scan) unknown(format string, args ...any) {
	s.Unknown = append(s.Unknown, fmt.Sprintf(format, args...))
}

func (s *scan) folder(path string, depth int) error {
	entries, err := s.fs.ReadDir(path)
	if err != nil {
		if depth == 0 {
			return fmt.Errorf("scanning a folder: %w", err)
		}
		s.unknown("folder %s cannot be read: %v", path, err)
		return nil
	}
	for _, e := range entries {
		if err := s.ctx.Err(); err != nil {
			return err
		}
		at := filepath.Join(path, e.Name())
		switch {
		case e.IsDir() && depth == maxDepth:
			s.unknown("folder %s is too deep", at)
		case e.IsDir():
			if err := s.folder(at, depth+1); err != nil {
				return err
			}
		case e.Type()&fs.ModeSymlink != 0:
			s.unknown("%s is a link and was not followed", at)
		case e.Type().IsRegular():
			if s.files++; s.files > maxFiles {
				return fmt.Errorf("more than %d files below the folder: scan parts of it", maxFiles)
			}
			s.file(at)
		}
	}
	return nil
}

// file looks at one file by how it begins.
func (s *scan) file(path string) {
	f, err := s.fs.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		s.unknown("%s cannot be read: %v", path, err)
		return
	}
	defer f.Close()
	var begin [8]byte
	n, err := f.ReadAt(begin[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		s.unknown("%s cannot be read: %v", path, err)
		return
	}
	if strings.HasPrefix(string(begin[:n]), "TAPE") {
		s.unknown("%s is a backup of a real SQL Server: RESTORE FILELISTONLY shows its TDEThumbprint, RESTORE HEADERONLY its EncryptorThumbprint", path)
		return
	}
	sets, err := media.List(s.ctx, s.fs, path)
	switch {
	case err == nil:
		for _, set := range sets {
			s.set(path, set)
		}
		return
	case !errors.Is(err, media.ErrNoMedia):
		s.unknown("%s: %v", path, err)
		return
	}
	_, h, err := header.Load(f)
	switch {
	case errors.Is(err, header.ErrNotDatabase):
		return
	case err != nil:
		s.unknown("%s: %v", path, err)
		return
	}
	for i := range h.Keys {
		s.add(FileDatabase, path, []byte(h.Keys[i].Protector), h.Keys[i].URI)
	}
	heads, err := logchain.ReadHeads(s.fs, path+"-log")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.unknown("%s: %v", path+"-log", err)
		return
	}
	for _, b := range heads {
		h, err := header.Decode(b)
		if err != nil {
			s.unknown("%s: %v", path+"-log", err)
			return
		}
		for i := range h.Keys {
			s.add(FileLog, path, []byte(h.Keys[i].Protector), h.Keys[i].URI)
		}
	}
}

func (s *scan) set(path string, set media.Set) {
	detail := fmt.Sprintf("set %d, %s of %s", set.Position, set.Database, set.Finished.Local().Format("2006-01-02T15:04:05"))
	add := func(kind string, k media.KeyRef) {
		if t, err := hex.DecodeString(k.Thumbprint); err == nil {
			if k.URI != "" {
				s.add(kind, path, t, detail+", "+k.URI)
				return
			}
			s.add(kind, path, t, detail)
		}
	}
	for _, k := range set.Needs() {
		add(FileBackup, k)
	}
	if e := set.Encryption; e != nil {
		add(FileSealed, e.Protector)
	}
}
