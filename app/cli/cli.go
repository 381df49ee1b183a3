package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Env is what a command may reach. Every field is required, but for Stdin, Unsetenv and Prompt.
type Env struct {
	Args      []string // without the program's name
	Stdin     io.Reader
	Stdout    io.Writer
	Stderr    io.Writer
	LookupEnv func(string) (string, bool)
	Clock     clock.Clock
	FS        fsys.FS
	// Unsetenv takes a secret out of the environment once it was read; nil leaves it.
	Unsetenv func(string) error
	// Prompt asks for a passphrase; nil means that there is nobody to ask.
	Prompt func(context.Context) (*secret.Bytes, error)
}

// command is one line of the table. Either run or sub is set.
type command struct {
	name  string // one word; the full name has its parents before it
	args  string // what stands after the flags: "CODE..."
	short string // one line, lower case, no full stop
	long  string // paragraphs of the help text; may be ""
	flags func(*flag.FlagSet)
	run   func(ctx context.Context, c *call) error
	sub   []*command
}

// call is one run of a command.
type call struct {
	Env
	name string // full name: "key create"
	args []string
}

// Main runs the command that env.Args name and returns the exit code.
func Main(ctx context.Context, env Env) int {
	if env.Stdin == nil {
		env.Stdin = strings.NewReader("")
	}
	if env.Unsetenv == nil {
		env.Unsetenv = func(string) error { return nil }
	}
	err := dispatch(ctx, env, &command{sub: commands()}, "", env.Args)
	if err == nil {
		return exitDone
	}
	report(env.Stderr, err)
	if e, ok := errors.AsType[*exit](err); ok {
		return e.code
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

func dispatch(ctx context.Context, env Env, parent *command, prefix string, args []string) error {
	for parent.run == nil {
		if len(args) == 0 {
			if prefix == "" {
				writeOverview(env.Stdout, parent.sub)
				return nil
			}
			writeGroup(env.Stderr, prefix, parent)
			return usagef("%q needs a command", "latchkey "+prefix)
		}
		word := args[0]
		if isHelp(word) {
			return help(env.Stdout, parent, prefix, args[1:])
		}
		if prefix == "" && (word == "--version" || word == "-version") {
			word = "version"
		}
		next := find(parent.sub, word)
		if next == nil {
			return unknown(parent.sub, prefix, word)
		}
		parent, prefix, args = next, join(prefix, next.name), args[1:]
	}
	c := &call{Env: env, name: prefix}
	fs := newFlagSet(parent, prefix)
	rest, err := parse(fs, args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		writeCommand(env.Stdout, prefix, parent)
		return nil
	case err != nil:
		return &usageError{msg: err.Error(), hint: fmt.Sprintf("latchkey %s --help lists the flags", prefix)}
	}
	if parent.args == "" && len(rest) > 0 {
		return usagef("%q takes no argument %q", "latchkey "+prefix, rest[0])
	}
	c.args = rest
	return parent.run(ctx, c)
}

// parse lets flags stand before and after other arguments; after "--" everything is an argument.
func parse(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for {
		if err := fs.Parse(args); err != nil {
			return nil, err
		}
		left := fs.Args()
		if len(left) == 0 {
			return rest, nil
		}
		if used := len(args) - len(left); used > 0 && args[used-1] == "--" {
			return append(rest, left...), nil
		}
		rest, args = append(rest, left[0]), left[1:]
	}
}

func newFlagSet(cmd *command, name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	if cmd.flags != nil {
		cmd.flags(fs)
	}
	return fs
}

func find(cmds []*command, name string) *command {
	for _, c := range cmds {
		if c.name == name {
			return c
		}
	}
	return nil
}

func isHelp(s string) bool { return s == "help" || s == "--help" || s == "-help" || s == "-h" }

func join(prefix, name string) string { return strings.TrimPrefix(prefix+" "+name, " ") }

// errWriter remembers the first failed write, so that a command that prints a lot checks once. A full disk or a closed pipe is a failure.
type errWriter struct {
	w   io.Writer
	err error
}

func (w *errWriter) printf(format string, args ...any) {
	if w.err == nil {
		_, w.err = fmt.Fprintf(w.w, format, args...)
	}
}
