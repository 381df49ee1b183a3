//go:build !windows

package install

import (
	"io/fs"
	"os"
	"syscall"
)

// Sound reports whether a file or directory has exactly these permissions and belongs to whoever runs this, which on a machine of one's own is root.
func (OS) Sound(name string, mode fs.FileMode) (bool, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return false, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Type()&^fs.ModeDir == 0 && info.Mode().Perm() == mode, nil
}

// Secure makes it so.
func (OS) Secure(name string, mode fs.FileMode) error {
	if err := os.Lchown(name, os.Geteuid(), os.Getegid()); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}
