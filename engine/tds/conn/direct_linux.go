//go:build !race

package conn

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// direct is a TCP socket whose short system calls do not announce themselves to the scheduler. A call of package net does, since it might
// block; when the kernel runs another thread amid it, the scheduler takes the processor from the goroutine, which then has to queue for
// one. The socket is nonblocking, so a call only copies: it is made as if it were a function, and what has to wait does so in the poller as
// ever, with its deadline and until Close.
//
// The race detector does not see memory that such a call writes: with it the socket is used as it is.
type direct struct {
	net.Conn
	raw syscall.RawConn

	in  half
	out half
}

// half is one direction of a socket. The call is made once, so that it costs no memory for each read.
type half struct {
	mu   sync.Mutex
	b    []byte
	n    int
	err  syscall.Errno
	call func(fd uintptr) (done bool)
}

// directly is a socket whose calls are direct if it is one of TCP, else c.
func directly(c net.Conn) net.Conn {
	t, ok := c.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return c
	}
	d := &direct{Conn: c, raw: raw}
	d.in.call, d.out.call = d.in.read, d.out.write
	return d
}

// maxDirect is the most bytes of one call, which the garbage collector has to wait for.
const maxDirect = 64 << 10

// transfer makes one call on the next part of h.b; false if it would block.
func (h *half) transfer(number, fd uintptr) (n int, ready bool) {
	b := h.b[h.n:min(len(h.b), h.n+maxDirect)]
	for {
		n, _, err := syscall.RawSyscall(number, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch err {
		case 0:
			return int(n), true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return 0, false
		default:
			h.err = err
			return 0, true
		}
	}
}

// read reads what there is.
func (h *half) read(fd uintptr) bool {
	n, ready := h.transfer(syscall.SYS_READ, fd)
	h.n = n
	return ready
}

// write writes all, as far as it can without waiting.
func (h *half) write(fd uintptr) bool {
	for h.n < len(h.b) && h.err == 0 {
		n, ready := h.transfer(syscall.SYS_WRITE, fd)
		if !ready {
			return false
		}
		h.n += n
	}
	return true
}

// Read reads as that of net.TCPConn does, with the same errors.
func (d *direct) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := d.do(&d.in, "read", b, d.raw.Read)
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return n, err
}

// Write writes as that of net.TCPConn does, with the same errors.
func (d *direct) Write(b []byte) (int, error) { return d.do(&d.out, "write", b, d.raw.Write) }

func (d *direct) do(h *half, op string, b []byte, run func(func(uintptr) bool) error) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.b, h.n, h.err = b, 0, 0
	err := run(h.call)
	h.b = nil
	switch {
	case err != nil:
		err = d.failed(op, err)
	case h.err != 0:
		err = d.failed(op, os.NewSyscallError(op, h.err))
	}
	return h.n, err
}

func (d *direct) failed(op string, err error) error {
	var raw *net.OpError
	if errors.As(err, &raw) { // its operation is that of raw connections
		err = raw.Err
	}
	return &net.OpError{Op: op, Net: d.LocalAddr().Network(), Source: d.LocalAddr(), Addr: d.RemoteAddr(), Err: err}
}
