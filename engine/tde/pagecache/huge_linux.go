package pagecache

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"latchkey/engine/tde/pagecipher"
)

// huge asks for huge pages where chunk covers whole ones. It is a hint; a kernel that has none changes nothing.
func huge(chunk []pagecipher.FrameBuf) {
	const size = 2 << 20
	if b := unsafe.Slice(&chunk[0][0], len(chunk)*len(chunk[0])); len(b) >= 2*size {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE)
	}
}
