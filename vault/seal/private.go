package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

// Modes that may be set on a file with a key.
const (
	ownerOnly fs.FileMode = 0o077 // refused bits
	// notOthers: systemd gives a credential to a service by an access list, which shows as group bits.
	notOthers fs.FileMode = 0o007
)

// readPrivate reads a small regular file that others must not be able to read: the open file is judged, not the name.
func readPrivate(name string, refused fs.FileMode) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, code.Wrap(code.SealKeyInvalid, "reading the seal key", name, errors.New("not a regular file"))
	}
	if runtime.GOOS != "windows" { // there the mode says nothing of the access list
		if bad := fi.Mode().Perm() & refused; bad != 0 {
			return nil, code.Wrap(code.SealKeyExposed, "reading the seal key", name,
				fmt.Errorf("its mode is %#o: want 0600 or less", fi.Mode().Perm()))
		}
		if uid, ok := owner(fi); ok && uid != 0 && uid != os.Geteuid() {
			return nil, code.Wrap(code.SealKeyExposed, "reading the seal key", name,
				fmt.Errorf("it belongs to user %d, not to user %d", uid, os.Geteuid()))
		}
	}
	b := make([]byte, maxSource+1)
	n, err := io.ReadFull(f, b)
	if err == nil {
		secret.Wipe(b)
		return nil, code.Wrap(code.SealKeyInvalid, "reading the seal key", name, fmt.Errorf("longer than %d bytes", maxSource))
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		secret.Wipe(b)
		return nil, err
	}
	return b[:n], nil
}
