package spill_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"latchkey/engine/databases/spill"
	"latchkey/internal/fsys"
)

func TestBound(t *testing.T) {
	s := spill.New(fsys.NewMem(), 100)
	if err := s.MkdirAll("/d", 0o700); err != nil {
		t.Fatal(err)
	}
	open := func(name string) fsys.File {
		f, err := s.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	one, two, data := open("/d/a.mdf-tmp-1"), open("/d/a.mdf-tmp-2"), open("/d/a.mdf")
	write := func(f fsys.File, n int, at int64) error {
		_, err := f.WriteAt(make([]byte, n), at)
		return err
	}
	if err := errors.Join(write(one, 60, 0), write(one, 60, 0), write(data, 1000, 0), write(two, 40, 0)); err != nil {
		t.Fatal(err)
	}
	if err := write(two, 1, 40); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("beyond the bound: %v", err)
	}
	if err := one.Truncate(10); err != nil || s.Used() != 50 {
		t.Errorf("%d bytes, %v", s.Used(), err)
	}
	if err := write(two, 50, 40); err != nil {
		t.Error(err)
	}
	if err := errors.Join(one.Close(), two.Close(), data.Close()); err != nil || s.Used() != 0 {
		t.Errorf("%d bytes are left, %v", s.Used(), err)
	}
}
