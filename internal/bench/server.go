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

func (b *bench) start(ctx context.Context, dir string, more ...string) (*server, error) {
	cmd := exec.CommandContext(ctx, b.program, append([]string{"up", "--data", dir, "--imds", "none"}, more...)...)
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
		t, err := pidTime(pid)
		if err != nil {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}
