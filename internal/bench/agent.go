package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"latchkey/agent"
	"latchkey/agent/peer"
	"latchkey/app/compose"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/internal/secret"
)

// benchAgent measures what the library and the agent add to the provider behind them: alone, with a provider that answers at once, and on
// the way to a vault, against the same connector without them.
func benchAgent(ctx context.Context, b *bench) error {
	lib, err := buildLibrary(ctx, b.scratch)
	if err != nil {
		return err
	}
	if err := lib.alone(ctx, b); err != nil {
		return err
	}
	s, err := b.start(ctx, filepath.Join(b.scratch, "agent"))
	if err != nil {
		return err
	}
	defer s.stop()
	rig, err := newConnectorRig(s.info)
	if err != nil {
		return err
	}
	return lib.toVault(ctx, b, rig)
}

// library is the shim and the host that plays SQL Server, built.
type library struct{ shim, host, scratch string }

func buildLibrary(ctx context.Context, scratch string) (*library, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "latchkey").Output()
	if err != nil {
		return nil, fmt.Errorf("finding the sources: %w", err)
	}
	out := filepath.Join(scratch, "shim")
	made, err := exec.CommandContext(ctx, "make", "-C", filepath.Join(strings.TrimSpace(string(root)), "shim"), "OUT="+out, "so", "host").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("building the library: %w\n%s", err, made)
	}
	return &library{filepath.Join(out, "liblatchkey-ekm.so"), filepath.Join(out, "ekmhost"), scratch}, nil
}

// serve runs an agent for a provider in this process.
func (l *library) serve(ctx context.Context, name string, p ekm.Provider) (socket string, stop func(), err error) {
	s, err := agent.New(agent.Config{Provider: p, Version: "bench"})
	if err != nil {
		return "", nil, err
	}
	socket = filepath.Join(l.scratch, name+".sock")
	listener, err := peer.Listen(ctx, peer.Config{Address: peer.Address{Kind: peer.Unix, Name: socket}, Gate: peer.NewGate()})
	if err != nil {
		return "", nil, errors.Join(err, s.Close())
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(listener) }()
	return socket, func() { _ = s.Close(); <-done }, nil
}

// hostProcess is the host with the library loaded.
type hostProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func (l *library) start(ctx context.Context, socket string) (*hostProcess, error) {
	h := &hostProcess{cmd: exec.CommandContext(ctx, l.host)}
	h.cmd.Env = append(os.Environ(), "LATCHKEY_AGENT=unix:"+socket)
	h.cmd.Stderr = os.Stderr
	var err error
	if h.in, err = h.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	h.out = bufio.NewScanner(out)
	h.out.Buffer(nil, 1<<20)
	if _, err := h.do("load", l.shim); err != nil {
		return nil, err
	}
	_, err = h.do("init")
	return h, err
}

// do gives the host a command, which must succeed.
func (h *hostProcess) do(words ...string) (string, error) {
	if _, err := fmt.Fprintln(h.in, strings.Join(words, "\t")); err != nil {
		return "", err
	}
	said := ""
	for h.out.Scan() {
		said += h.out.Text() + "\n"
		if strings.HasPrefix(h.out.Text(), "= ") {
			if !strings.Contains(said, "code=0 msg=0") {
				return said, fmt.Errorf("the host's %s: %s", words[0], said)
			}
			return said, nil
		}
	}
	return said, fmt.Errorf("the host ended in %s: %w", words[0], errors.Join(h.out.Err(), io.ErrUnexpectedEOF))
}

func (h *hostProcess) stop() error {
	h.in.Close()
	return h.cmd.Wait()
}

// timed is what the host measured over many unwraps.
type timed struct {
	p50, p99  time.Duration
	perSecond float64
}

func (h *hostProcess) bench(threads, rounds int, c *ekm.Credential, t ekm.Thumbprint, blob []byte) (timed, error) {
	said, err := h.do("bench", strconv.Itoa(threads), strconv.Itoa(rounds), c.Identity, string(c.Secret.Expose()), t.Hex(), fmt.Sprintf("%x", blob))
	if err != nil {
		return timed{}, err
	}
	if !strings.Contains(said, fmt.Sprintf("codes=0:%d ", threads*rounds)) {
		return timed{}, fmt.Errorf("some calls failed: %s", said)
	}
	number := func(name string) float64 {
		m := regexp.MustCompile(name + `=([0-9.]+)`).FindStringSubmatch(said)
		if m == nil {
			return 0
		}
		f, _ := strconv.ParseFloat(m[1], 64)
		return f
	}
	micro := func(f float64) time.Duration { return time.Duration(f * float64(time.Microsecond)) }
	return timed{micro(number("p50_us")), micro(number("p99_us")), number("per_second")}, nil
}

// alone measures the hop with a provider that answers at once, against a bare exchange of frames of the same length.
func (l *library) alone(ctx context.Context, b *bench) error {
	socket, stop, err := l.serve(ctx, "alone", instant{})
	if err != nil {
		return err
	}
	defer stop()
	h, err := l.start(ctx, socket)
	if err != nil {
		return err
	}
	cred := &ekm.Credential{Identity: "v", Secret: secret.FromString("s")}
	t := ekm.Thumbprint(strings.Repeat("t", ekm.ThumbprintLen))
	blob := make([]byte, 256)
	bare, err := l.echo(20_000)
	if err != nil {
		return err
	}
	b.line("bare exchange over a Unix socket within one Go process, p50", us(bare.p50), "")
	const calls = 20_000
	for _, threads := range []int{1, 16, 64} {
		if _, err := h.bench(threads, 50, cred, t, blob); err != nil {
			return err
		}
		got, err := h.bench(threads, calls/threads, cred, t, blob)
		if err != nil {
			return err
		}
		target := ""
		if threads == 1 {
			target = "under 150 us"
		}
		b.line(fmt.Sprintf("unwrap through library and agent, %d threads: p50, p99", threads), us(got.p50)+", "+us(got.p99), target)
		b.line("calls per second", fmt.Sprintf("%.0f, %.2f x bare", got.perSecond, got.perSecond/bare.perSecond), "")
	}
	return h.stop()
}

// echo exchanges what an unwrap exchanges with a goroutine that does nothing with it.
func (l *library) echo(n int) (timed, error) {
	ln, err := net.Listen("unix", filepath.Join(l.scratch, "echo.sock"))
	if err != nil {
		return timed{}, err
	}
	defer ln.Close()
	const ask, reply = 16 + 4 + 20 + 4 + 256 + 4, 16 + 4 + 32
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in, out := make([]byte, ask), make([]byte, reply)
		for {
			if _, err := io.ReadFull(c, in); err != nil {
				return
			}
			if _, err := c.Write(out); err != nil {
				return
			}
		}
	}()
	c, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		return timed{}, err
	}
	defer c.Close()
	out, in := make([]byte, ask), make([]byte, reply)
	took := make([]time.Duration, 0, n)
	begin := time.Now()
	for range n {
		from := time.Now()
		if _, err := c.Write(out); err != nil {
			return timed{}, err
		}
		if _, err := io.ReadFull(c, in); err != nil {
			return timed{}, err
		}
		took = append(took, time.Since(from))
	}
	return timed{quantile(took, 0.5), quantile(took, 0.99), float64(n) / time.Since(begin).Seconds()}, nil
}

// toVault measures unwraps of a vault's key through library, agent and connector, in turn with the same connector alone.
func (l *library) toVault(ctx context.Context, b *bench, rig *connectorRig) error {
	p, stop, err := rig.provider(&counts{})
	if err != nil {
		return err
	}
	defer stop()
	socket, end, err := l.serve(ctx, "vault", p)
	if err != nil {
		return err
	}
	defer end()
	h, err := l.start(ctx, socket)
	if err != nil {
		return err
	}
	s, err := p.OpenSession(ctx, rig.cred)
	if err != nil {
		return err
	}
	key, err := s.KeyByName(ctx, compose.KeyName)
	if err != nil {
		return err
	}
	w, err := s.Wrap(ctx, key.Thumbprint, secret.Random(32))
	if err != nil {
		return err
	}
	var ours, through []time.Duration // medians of rounds
	const each = 100
	for round := range 11 {
		var took []time.Duration
		for range each {
			from := time.Now()
			got, err := s.Unwrap(ctx, key.Thumbprint, ekm.Wrapped{Blob: w.Blob})
			if err != nil {
				return err
			}
			got.Destroy()
			took = append(took, time.Since(from))
		}
		got, err := h.bench(1, each, rig.cred, key.Thumbprint, w.Blob)
		if err != nil {
			return err
		}
		if round > 0 { // the first warms everything
			ours, through = append(ours, quantile(took, 0.5)), append(through, got.p50)
		}
	}
	x, y := quantile(ours, 0.5), quantile(through, 0.5)
	b.line("unwrap at a vault, the connector in process, p50", us(x), "")
	b.line("the same through library and agent, in turn, p50", fmt.Sprintf("%s, %.2f x", us(y), float64(y)/float64(x)), "")
	b.line("added at p50", us(y-x), "under 150 us")
	return h.stop()
}

// instant is a provider that answers at once: everything that is measured is the way to it.
type instant struct{}

func (instant) Info() ekm.ProviderInfo {
	return ekm.ProviderInfo{Name: "instant", API: ekm.Version{Major: 1, Minor: 1}, Auth: ekm.AuthBasic, ThumbprintLen: ekm.ThumbprintLen}
}

func (instant) Algorithms() []ekm.Algorithm { return nil }

func (instant) OpenSession(context.Context, *ekm.Credential) (ekm.Session, error) {
	return instantSession{}, nil
}

func (instant) Close() error { return nil }

type instantSession struct{}

func none() error { return code.New(code.NotSupported, "answering at once", "") }

func (instantSession) Close(bool) error { return nil }

func (instantSession) KeyByName(context.Context, string) (ekm.KeyInfo, error) {
	return ekm.KeyInfo{}, none()
}

func (instantSession) KeyByThumbprint(_ context.Context, t ekm.Thumbprint) (ekm.KeyInfo, error) {
	return ekm.KeyInfo{Name: "k", Thumbprint: t, Algorithm: 1, Bits: 2048}, nil
}

func (instantSession) PublicKey(context.Context, ekm.Thumbprint) (ekm.PublicKey, error) {
	return ekm.PublicKey{}, none()
}

func (instantSession) Keys(context.Context) iter.Seq2[ekm.KeyInfo, error] {
	return func(func(ekm.KeyInfo, error) bool) {}
}

func (instantSession) CreateKey(context.Context, string, ekm.AlgorithmID) (ekm.Thumbprint, error) {
	return "", none()
}

func (instantSession) DropKey(context.Context, ekm.Thumbprint) error { return none() }

func (instantSession) ImportKey(context.Context, string, []byte) (ekm.Thumbprint, error) {
	return "", none()
}

func (instantSession) Wrap(context.Context, ekm.Thumbprint, *secret.Bytes) (ekm.Wrapped, error) {
	return ekm.Wrapped{}, none()
}

func (instantSession) Unwrap(_ context.Context, _ ekm.Thumbprint, w ekm.Wrapped) (*secret.Bytes, error) {
	return secret.New(w.Blob[:32]), nil
}
