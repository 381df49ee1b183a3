package secret

import "golang.org/x/sys/unix"

// dontDump asks for the pages to stay out of core dumps and of forked children; a refusal changes nothing else.
func dontDump(mem []byte) {
	_ = unix.Madvise(mem, unix.MADV_DONTDUMP)
	_ = unix.Madvise(mem, unix.MADV_DONTFORK)
}
