//go:build unix

package secret

import "golang.org/x/sys/unix"

// lockedPages maps n bytes of their own, locked and out of core dumps; nil where the system refuses.
func lockedPages(n int) (mem []byte, release func()) {
	if n == 0 {
		return nil, nil
	}
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, nil
	}
	if err := unix.Mlock(mem); err != nil {
		_ = unix.Munmap(mem)
		return nil, nil
	}
	dontDump(mem)
	return mem, func() { _ = unix.Munmap(mem) }
}
