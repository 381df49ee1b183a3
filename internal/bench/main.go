// Bench measures whole parts on this machine and prints each figure beside a named baseline of the same run, as a ratio: absolute
// figures of one machine say little about another. It builds the program, starts it on a scratch directory and loads it over
// HTTPS as a client does.
//
//	go run ./internal/bench [SECTION...]
//
// A section is one line in sections; add one for what is worth measuring. It prints what it measured and never decides
// whether that is good: targets are printed beside the figure.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"
)

// bench is what sections work with.
type bench struct {
	out     io.Writer
	program string // the built latchkey
	scratch string // a directory that goes away at the end
	dur     time.Duration
	long    bool // the word long among the names: sizes as targets have them, not shortened ones
}

type section struct {
	name, what string
	run        func(ctx context.Context, b *bench) error
}

func sections() []section {
	return []section{
		{"unwrap", "unwraps per second over HTTPS against raw crypto/rsa", benchUnwrap},
		{"start", "start to ready and resident memory with 1,000 keys", benchStart},
		{"connector", "unwraps and openings through the connector against bare HTTPS", benchConnector},
		{"agent", "unwraps through the library and the agent against the connector alone", benchAgent},
		{"seal", "keys created per second against fsync of the same disk", benchCreate},
		{"storage", "encrypted databases against plain SQLite", benchStorage},
		{"backup", "BACKUP and RESTORE of a database against a plain copy of its file", benchBackup},
		{"sql", "the database server against PostgreSQL through database/sql", benchSQL},
	}
}

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	scratch, err := os.MkdirTemp("", "latchkey-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	b := &bench{out: os.Stdout, program: filepath.Join(scratch, "latchkey"), scratch: scratch, dur: 5 * time.Second, long: slices.Contains(names, "long")}
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "long" })
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.program, "latchkey/cmd/latchkey").CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	fmt.Fprintf(b.out, "%s %s/%s, %d cores; load generator and server share them\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	for _, s := range sections() {
		if len(names) > 0 && !slices.Contains(names, s.name) {
			continue
		}
		fmt.Fprintf(b.out, "\n%s: %s\n", s.name, s.what)
		if err := s.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// line prints one figure; target "" means that there is none.
func (b *bench) line(what, figure, target string) {
	if target != "" {
		target = "   (target " + target + ")"
	}
	fmt.Fprintf(b.out, "  %-58s %14s%s\n", what, figure, target)
}
