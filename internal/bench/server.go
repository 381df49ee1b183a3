package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"latchkey/app/running"
	"latchkey/internal/fsys"
)

// server is a running latchkey up.
type server struct {
	cmd   *exec.Cmd
	info  *running.Info
	ready time.Duration // from the start of the process to the ready line
}

func (b *bench) start(ctx context.Context, dir string) (*server, error) {
	cmd := exec.CommandContext(ctx, b.program, "up", "--data", dir, "--imds", "none")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	from := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd}
	lines := bufio.NewReader(stderr)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("the server ended before it was ready: %w", cmd.Wait())
		}
		if strings.Contains(line, "ready in") {
			s.ready = time.Since(from)
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	s.info, err = running.Read(fsys.OS{}, dir)
	return s, err
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(os.Interrupt)
	_ = s.cmd.Wait()
}

// rss is the resident memory in bytes, of which anonymous memory alone is the process's own.
func (s *server) rss() (all, own int64, err error) {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(s.cmd.Process.Pid), "status"))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "VmRSS:":
			all = n << 10
		case "RssAnon:":
			own = n << 10
		}
	}
	return all, own, nil
}

// clockTick is the unit of processor times in /proc, the same on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// cpuTime is the processor time of the server and of this process, user and system.
func (s *server) cpuTime() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range []int{s.cmd.Process.Pid, os.Getpid()} {
		b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			return 0, err
		}
		// The name in parentheses may hold anything; utime and stime are the 12th and 13th fields behind it.
		f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if len(f) < 13 {
			return 0, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f))
		}
		for _, field := range f[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(n) * clockTick
		}
	}
	return sum, nil
}
