package loader

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"latchkey/agent/client"
	"latchkey/agent/peer"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/clock"
)

// startTime bounds loading and initialising, endTime the end of a process that was told to.
const (
	startTime = 30 * time.Second
	endTime   = 2 * time.Second
)

// checkFile holds that only root and this account can change a library: the file, and what stands under its name in its folder.
func checkFile(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%w: the path is not absolute", ErrLibrary)
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	for _, name := range []string{real, filepath.Dir(real)} {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrLibrary, err)
		}
		if name == real && !info.Mode().IsRegular() {
			return fmt.Errorf("%w: it is no file", ErrLibrary)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || st.Uid != 0 && int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
			return fmt.Errorf("%w: %q can be changed by others than root and this server's account (chown, chmod go-w)", ErrLibrary, name)
		}
	}
	return nil
}

// process is a library with the process that it runs in, which is started again when it ends.
type process struct {
	l      *Loader
	path   string
	dir    string
	socket string
	listen *os.File // the listening socket, which outlives its processes: who calls in between waits
	done   chan struct{}
	stop   context.CancelFunc
	ctx    context.Context

	mu    sync.Mutex
	ready bool
	stdin io.Closer
}

// provider is the client of a process, which it ends when it is closed.
type provider struct {
	*client.Provider
	p *process
}

// Close ends the provider and its process.
func (p *provider) Close() error { return errors.Join(p.Provider.Close(), p.p.close()) }

func (l *Loader) start(ctx context.Context, path string) (_ ekm.Provider, err error) {
	dir, err := os.MkdirTemp(l.cfg.TempDir, "latchkey-ekm-") // mode 0700
	if err != nil {
		return nil, err
	}
	p := &process{l: l, path: path, dir: dir, socket: filepath.Join(dir, "s"), done: make(chan struct{})}
	p.ctx, p.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			p.stop()
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: p.socket, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	p.listen, err = ln.File()
	ln.Close()
	if err != nil {
		return nil, err
	}
	ended, err := p.run(ctx)
	if err != nil {
		return nil, errors.Join(err, p.listen.Close())
	}
	go p.supervise(ended)
	c, err := client.New(ctx, client.Config{Name: "loader", Dial: p.dial})
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	return &provider{c, p}, nil
}

// dial connects to the process, if there is one that is ready: otherwise a caller would wait in the queue of a process that may
// never come.
func (p *process) dial(ctx context.Context) (net.Conn, error) {
	p.mu.Lock()
	ready := p.ready
	p.mu.Unlock()
	if !ready {
		return nil, fmt.Errorf("the process of the library %q: %w", p.path, peer.ErrNone)
	}
	return peer.Dial(ctx, peer.DialConfig{Address: peer.Address{Kind: peer.Unix, Name: p.socket}})
}

// run starts a process and waits until it is ready. ended gets its end.
func (p *process) run(ctx context.Context) (ended <-chan error, err error) {
	cmd := exec.Command(p.l.cfg.Program, p.path)
	cmd.Env, cmd.Dir, cmd.ExtraFiles = p.l.cfg.Env, "/", []*os.File{p.listen}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's interrupt is this process's to handle
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting the loader: %w", err)
	}
	first := make(chan string, 1)
	end := make(chan error, 1)
	go func() {
		line, _ := bufio.NewReaderSize(io.LimitReader(stdout, 4096), 4096).ReadString('\n')
		first <- strings.TrimSpace(line)
		_, _ = io.Copy(io.Discard, stdout) // what the library prints
		end <- cmd.Wait()
	}()
	t := clock.System{}.NewTimer(startTime)
	defer t.Stop()
	var line string
	select {
	case line = <-first:
	case <-ctx.Done():
		err = ctx.Err()
	case <-t.C():
		err = fmt.Errorf("the library did not initialise within %v", startTime)
	}
	if err == nil && line != "ready" {
		err = failed(line)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		<-end
		return nil, err
	}
	p.mu.Lock()
	p.ready, p.stdin = true, stdin
	p.mu.Unlock()
	context.AfterFunc(p.ctx, func() {
		stdin.Close() // it ends by itself; if not:
		kill := clock.System{}.NewTimer(endTime)
		defer kill.Stop()
		select {
		case <-p.done:
		case <-kill.C():
			_ = cmd.Process.Kill()
		}
	})
	return end, nil
}

// failed is the error that a process told in its first line.
func failed(line string) error {
	what, why, _ := strings.Cut(line, " ")
	switch what {
	case "initialize":
		if n, err := strconv.Atoi(why); err == nil && n > 0 {
			return code.New(code.In(code.Provider, n), "initialising the provider", "")
		}
	case "missing":
		if n, err := strconv.Atoi(why); err == nil && n > 0 {
			return &MissingError{n}
		}
	case "load":
		return fmt.Errorf("%w: %s", ErrLibrary, why)
	}
	return fmt.Errorf("%w: the loader ended without a word", ErrLibrary)
}

// supervise starts the process again when it ended.
func (p *process) supervise(ended <-chan error) {
	defer close(p.done)
	wait := 50 * time.Millisecond
	for {
		err := <-ended
		p.mu.Lock()
		p.ready = false
		if p.stdin != nil {
			p.stdin.Close()
			p.stdin = nil
		}
		p.mu.Unlock()
		if p.ctx.Err() != nil {
			return
		}
		p.l.cfg.Log.Error("the process of a cryptographic provider ended; it is started again", "library", p.path, "error", fmt.Sprint(err))
		for {
			if clock.Sleep(p.ctx, clock.System{}, wait) != nil {
				return
			}
			if ended, err = p.run(p.ctx); err == nil {
				break
			}
			p.l.cfg.Log.Error("a cryptographic provider cannot be started again", "library", p.path, "error", err.Error())
			wait = min(2*wait, 5*time.Second)
		}
	}
}

func (p *process) close() error {
	p.stop()
	<-p.done
	return errors.Join(p.listen.Close(), os.RemoveAll(p.dir))
}
