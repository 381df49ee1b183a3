package secret

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// lockedPages commits n bytes of their own and locks them; nil where the system refuses.
func lockedPages(n int) (mem []byte, release func()) {
	if n == 0 {
		return nil, nil
	}
	addr, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_COMMIT|windows.MEM_RESERVE, windows.PAGE_READWRITE)
	if err != nil {
		return nil, nil
	}
	free := func() { _ = windows.VirtualFree(addr, 0, windows.MEM_RELEASE) }
	if err := windows.VirtualLock(addr, uintptr(n)); err != nil {
		free()
		return nil, nil
	}
	p := *(*unsafe.Pointer)(unsafe.Pointer(&addr)) // memory outside the Go heap: the address never moves
	return unsafe.Slice((*byte)(p), n), free
}
