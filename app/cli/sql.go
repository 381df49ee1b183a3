package cli

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"
	"github.com/microsoft/go-mssqldb/msdsn"
	"golang.org/x/term"

	"latchkey/app/running"
	"latchkey/app/sqlscript"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

// maxScript bounds a script file, bytes.
const maxScript = 256 << 20

// sqlFlags are the flags of latchkey sql.
type sqlFlags struct {
	data, database, input, query string
	options                      sqlscript.Options
}

func sqlCommand() *command {
	var f sqlFlags
	vars := variables{}
	return &command{
		name: "sql", args: "[DSN]", short: "run T-SQL against any SQL Server or a running latchkey up",
		long: `Runs a script (-i), a text (-q) or what comes on standard input, in batches between lines of GO, and prints results, messages and
errors as sqlcmd does. Exit code 1 if the server reported an error.

Where to: DSN ("sqlserver://user@host:1433?database=db", or "server=host;user id=user"); else the server of --data; else $SQLSERVER_DSN; else the
server of the default data directory. A password is best left out of the DSN, where every process of the machine can read it: it is taken from $SQLCMDPASSWORD, or
asked for.

In scripts $(NAME) stands for a variable (-v NAME=VALUE, a line ":setvar NAME VALUE", or the environment's); ":on error exit", ":exit" and ":quit" are obeyed.`,
		flags: func(fs *flag.FlagSet) {
			dataFlag(fs, &f.data)
			fs.StringVar(&f.database, "d", "", "use the database `DB` at first")
			fs.StringVar(&f.input, "i", "", "run the script `FILE`; - is standard input")
			fs.StringVar(&f.query, "q", "", "run `TEXT` and stop")
			fs.BoolVar(&f.options.StopOnError, "b", false, "stop at the first batch with an error")
			fs.BoolVar(&f.options.NoHeader, "no-header", false, "no names and dashes above rows")
			fs.BoolVar(&f.options.Trim, "W", false, "no blanks to fill columns")
			fs.StringVar(&f.options.Separator, "s", " ", "`TEXT` between columns")
			fs.Var(vars, "v", "set a variable, `NAME=VALUE`; may be repeated")
		},
		run: func(ctx context.Context, c *call) error {
			f.options.Variables, f.options.Lookup = vars, c.LookupEnv
			return c.sql(ctx, f)
		},
	}
}

// variables is the flag -v.
type variables map[string]string

func (v variables) String() string { return "" }

func (v variables) Set(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok || name == "" {
		return errors.New("want NAME=VALUE")
	}
	v[name] = value
	return nil
}

func (c *call) sql(ctx context.Context, f sqlFlags) error {
	if f.input != "" && f.query != "" {
		return usagef("-i and -q do not go together")
	}
	var script io.Reader = c.Stdin
	switch {
	case f.query != "":
		script = strings.NewReader(f.query)
	case f.input != "" && f.input != "-":
		b, err := fsys.ReadFile(c.FS, f.input, maxScript)
		if err != nil {
			return fmt.Errorf("reading the script: %w", err)
		}
		script = strings.NewReader(plainText(b))
	}
	cfg, err := c.sqlTarget(ctx, f)
	if err != nil {
		return err
	}
	conn, err := sqlscript.Connect(ctx, cfg)
	if err != nil {
		return connectError(cfg, err)
	}
	defer conn.Close()
	r := sqlscript.New(conn, c.Stdout, f.options)
	if in, ok := script.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		err = c.converse(ctx, r, in)
	} else {
		err = r.Script(ctx, script)
	}
	if errors.Is(err, sqlscript.ErrFailed) {
		return explained(fmt.Errorf("%w: %s", err, numbers(r.Failed())), r.Failed()[0])
	}
	return err
}

// explained adds how to have a message explained, with the provider's code in it, as far as the catalogue knows them.
func explained(err error, m mssql.Error) error {
	var known []string
	for _, n := range append([]string{fmt.Sprint(m.Number)}, providerCodes(m.Message)...) {
		if len(code.Find(n)) > 0 {
			known = append(known, n)
		}
	}
	if known == nil {
		return err
	}
	return withHint(err, "latchkey explain %s", strings.Join(known, " "))
}

// numbers lists the messages that there were, each once.
func numbers(failed []mssql.Error) string {
	var out []string
	seen := map[int32]bool{}
	for _, e := range failed {
		if !seen[e.Number] {
			seen[e.Number] = true
			out = append(out, fmt.Sprintf("Msg %d", e.Number))
		}
	}
	return strings.Join(out, ", ")
}

// plainText is a script without a byte order mark; UTF-16, as SSMS saves scripts, becomes UTF-8.
func plainText(b []byte) string {
	if s, ok := strings.CutPrefix(string(b), "\ufeff"); ok {
		return s
	}
	if len(b) >= 2 && (b[0] == 0xff && b[1] == 0xfe || b[0] == 0xfe && b[1] == 0xff) {
		return sqlscript.FromUTF16(b)
	}
	return string(b)
}

// sqlTarget is the server to go to.
func (c *call) sqlTarget(ctx context.Context, f sqlFlags) (msdsn.Config, error) {
	var dsn, from string
	fromEnv, _ := c.LookupEnv("SQLSERVER_DSN")
	switch {
	case len(c.args) > 1:
		return msdsn.Config{}, usagef("one DSN, not %d", len(c.args))
	case len(c.args) == 1 && f.data != "":
		return msdsn.Config{}, usagef("a DSN and --data do not go together")
	case len(c.args) == 1:
		dsn, from = c.args[0], "the DSN"
	case f.data == "" && fromEnv != "":
		dsn, from = fromEnv, "$SQLSERVER_DSN"
	default:
		r, err := c.running(f.data)
		if err != nil {
			return msdsn.Config{}, err
		}
		if err := r.Answers(ctx); err != nil {
			return msdsn.Config{}, withHint(err, "start it with: latchkey up --data %s", r.DataDir)
		}
		if dsn, err = dsnOf(c, r); err != nil {
			return msdsn.Config{}, err
		}
		from = "run.json"
	}
	cfg, err := msdsn.Parse(dsn)
	if err != nil || !strings.ContainsAny(dsn, ":=") { // the driver takes any word for this machine
		// The driver's error may repeat the DSN, and so a password.
		return msdsn.Config{}, &usageError{msg: from + " is not one that the driver reads", hint: "sqlserver://user@host:1433?database=db"}
	}
	if cfg.User != "" && cfg.Password == "" {
		if cfg.Password, err = c.sqlPassword(ctx); err != nil {
			return msdsn.Config{}, err
		}
	}
	if f.database != "" {
		cfg.Database = f.database
	}
	if cfg.AppName == "" || cfg.AppName == "go-mssqldb" {
		cfg.AppName = "latchkey sql"
	}
	return cfg, nil
}

func dsnOf(c *call, r *running.Info) (string, error) {
	vars, err := r.Environment(c.FS, "")
	if err != nil {
		return "", err
	}
	for _, v := range vars {
		if v.Name == "SQLSERVER_DSN" {
			return v.Value, nil
		}
	}
	return "", fmt.Errorf("the server of %q runs no SQL server", r.DataDir)
}

func (c *call) sqlPassword(ctx context.Context) (string, error) {
	if p, ok := c.LookupEnv("SQLCMDPASSWORD"); ok {
		return p, nil
	}
	if c.Prompt == nil {
		return "", &usageError{msg: "no password", hint: "set $SQLCMDPASSWORD"}
	}
	p, err := c.Prompt(ctx)
	if err != nil {
		return "", withHint(fmt.Errorf("asking for the password: %w", err), "set $SQLCMDPASSWORD")
	}
	defer p.Destroy()
	return string(p.Expose()), nil
}

func connectError(cfg msdsn.Config, err error) error {
	err = fmt.Errorf("connecting to %s:%d: %w", cfg.Host, cfg.Port, err)
	e, ok := errors.AsType[mssql.Error](err)
	switch {
	case ok:
		return explained(err, e)
	case strings.Contains(err.Error(), "certificate"):
		return withHint(err, "name the authority with certificate=FILE in the DSN; latchkey env does so for a running latchkey up")
	}
	return withHint(err, "is the server running, and is that its address?")
}

// converse reads batches from a terminal.
func (c *call) converse(ctx context.Context, r *sqlscript.Runner, in *os.File) error {
	screen := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, c.Stderr}, "")
	lines := bufio.NewReader(&terminalLines{screen: screen, fd: int(in.Fd())})
	return r.Converse(ctx, lines, func(n int) { screen.SetPrompt(fmt.Sprintf("%d> ", n)) })
}

// terminalLines makes a reader of a terminal's lines; the terminal is raw only while a line is being typed.
type terminalLines struct {
	screen *term.Terminal
	fd     int
	rest   []byte
}

func (t *terminalLines) Read(p []byte) (int, error) {
	if len(t.rest) == 0 {
		before, err := term.MakeRaw(t.fd)
		if err != nil {
			return 0, err
		}
		line, err := t.screen.ReadLine()
		if e := term.Restore(t.fd, before); e != nil && err == nil {
			err = e
		}
		if err != nil {
			return 0, err
		}
		t.rest = []byte(line + "\n")
	}
	n := copy(p, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}
