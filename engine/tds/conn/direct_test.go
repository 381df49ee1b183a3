package conn_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"latchkey/engine/tds/conn"
)

// sockets are both ends of a connection, ours as Serve uses it.
func sockets(t *testing.T) (ours net.Conn, theirs *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = a.Close(), c.Close() })
	return conn.Directly(a), c.(*net.TCPConn)
}

// wants checks an error of a socket: as package net has them.
func wants(t *testing.T, err error, op string, is error, timeout bool) {
	t.Helper()
	var e *net.OpError
	if !errors.Is(err, is) || !errors.As(err, &e) || e.Op != op || e.Net != "tcp" || e.Source == nil || e.Addr == nil || e.Timeout() != timeout {
		t.Errorf("%s: %#v, want %v", op, err, is)
	}
}

func TestSocketReads(t *testing.T) {
	ours, theirs := sockets(t)
	if n, err := ours.Read(nil); n != 0 || err != nil {
		t.Errorf("no room: %d, %v", n, err)
	}
	read := make(chan []byte)
	go func() { // it waits until something comes
		b := make([]byte, 100)
		n, err := ours.Read(b)
		if err != nil {
			t.Error(err)
		}
		read <- b[:n]
	}()
	if _, err := theirs.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	if got := <-read; string(got) != "hello" {
		t.Errorf("read %q", got)
	}
	if _, err := theirs.Write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	if err := theirs.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(iotest.OneByteReader(ours)); string(b) != "the end" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if n, err := ours.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("behind the end: %d, %v", n, err)
	}
}

func TestSocketDeadlines(t *testing.T) {
	ours, theirs := sockets(t)
	b := make([]byte, 1<<20)
	for _, d := range []time.Time{time.Unix(1, 0), time.Now().Add(10 * time.Millisecond)} {
		if err := ours.SetDeadline(d); err != nil {
			t.Fatal(err)
		}
		_, err := ours.Read(b)
		wants(t, err, "read", os.ErrDeadlineExceeded, true)
		for err = nil; err == nil; { // until the buffers are full
			_, err = ours.Write(b)
		}
		wants(t, err, "write", os.ErrDeadlineExceeded, true)
	}
	failed := make(chan error)
	if err := ours.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go func() {
		_, err := ours.Read(b)
		failed <- err
	}()
	if err := ours.SetReadDeadline(time.Unix(1, 0)); err != nil { // while it may wait
		t.Fatal(err)
	}
	wants(t, <-failed, "read", os.ErrDeadlineExceeded, true)
	if err := ours.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := theirs.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if n, err := ours.Read(b); n != 1 || err != nil {
		t.Errorf("afterwards: %d, %v", n, err)
	}
}

func TestSocketCloses(t *testing.T) {
	ours, _ := sockets(t)
	failed := make(chan error)
	b := make([]byte, 64<<20) // more than the buffers hold
	go func() {
		_, err := ours.Read(make([]byte, 1))
		failed <- err
	}()
	written := make(chan error)
	go func() {
		_, err := ours.Write(b)
		written <- err
	}()
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	wants(t, <-failed, "read", net.ErrClosed, false)
	wants(t, <-written, "write", net.ErrClosed, false)
	_, err := ours.Read(b)
	wants(t, err, "read", net.ErrClosed, false)
}

// A large write goes on as the reader makes room.
func TestSocketWritesLarge(t *testing.T) {
	ours, theirs := sockets(t)
	b := make([]byte, 8<<20)
	for i := range b {
		b[i] = byte(i >> 8)
	}
	written := make(chan error)
	go func() {
		n, err := ours.Write(b)
		if err == nil && n != len(b) {
			err = io.ErrShortWrite
		}
		written <- errors.Join(err, ours.Close())
	}()
	got, err := io.ReadAll(struct{ io.Reader }{theirs}) // as it can
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("%d of %d bytes came, %v", len(got), len(b), err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

func TestSocketIsReset(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its errors have numbers of their own")
	}
	ours, theirs := sockets(t)
	if err := theirs.SetLinger(0); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	_, err := ours.Read(make([]byte, 1))
	wants(t, err, "read", syscall.ECONNRESET, false)
	_, err = ours.Write([]byte("x"))
	wants(t, err, "write", syscall.EPIPE, false)
}
