package tde

import (
	"fmt"
	"os"

	"latchkey/ekm"
	"latchkey/engine/tde/header"
	"latchkey/internal/fsys"
)

// WrappedKey is the newest DEK as it lies in the header, and the thumbprint of its protector, to show whether the protector can
// be used; false without a key. It is as public as the file.
func (db *DB) WrappedKey() (ekm.Thumbprint, ekm.Wrapped, bool) {
	return wrappedKey(db.header())
}

// ReadWrappedKey is WrappedKey of a file that is not open here. It needs no key and writes nothing.
func ReadWrappedKey(f fsys.Files, path string) (t ekm.Thumbprint, w ekm.Wrapped, ok bool, err error) {
	main, err := f.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return "", ekm.Wrapped{}, false, fmt.Errorf("reading the wrapped key: %w", err)
	}
	defer main.Close()
	_, h, err := header.Load(main)
	if err != nil {
		return "", ekm.Wrapped{}, false, mapped("reading the wrapped key", path, err)
	}
	t, w, ok = wrappedKey(h)
	return t, w, ok, nil
}

func wrappedKey(h *header.Header) (ekm.Thumbprint, ekm.Wrapped, bool) {
	k := h.Newest()
	if k == nil {
		return "", ekm.Wrapped{}, false
	}
	return k.Protector, ekm.Wrapped{Algorithm: k.Wrapped.Algorithm, Blob: append([]byte(nil), k.Wrapped.Blob...)}, true
}
