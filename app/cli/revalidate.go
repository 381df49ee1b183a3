package cli

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/ekm/code"
)

func revalidateCommand() *command {
	var f sqlFlags
	return &command{
		name: "revalidate", args: "DATABASE [DSN]", short: "have a database's key checked now, and the database opened",
		long: `What a person does for a database that lost access to its key and does not heal by itself any more, once the key can be used again: ALTER DATABASE ... SET ONLINE, and a look whether it is.
It also ends the waiting for the next check of one that still heals by itself. Nothing is lost by it: no setting, no history. A database that is open is left alone.

The server is the DSN's, that of --data, or $SQLSERVER_DSN, as for latchkey sql: this program's, or a SQL Server with a database that is RECOVERY_PENDING.`,
		flags: func(fs *flag.FlagSet) { dataFlag(fs, &f.data) },
		run: func(ctx context.Context, c *call) error {
			if len(c.args) == 0 {
				return usagef("DATABASE is missing")
			}
			name := c.args[0]
			c.args = c.args[1:]
			cfg, err := c.sqlTarget(ctx, f)
			if err != nil {
				return err
			}
			cfg.Database, cfg.AppName = "master", "latchkey revalidate"
			db := sql.OpenDB(mssql.NewConnectorConfig(cfg))
			defer db.Close()
			if err := db.PingContext(ctx); err != nil {
				return connectError(cfg, err)
			}
			return c.revalidate(ctx, db, name)
		},
	}
}

func (c *call) revalidate(ctx context.Context, db *sql.DB, name string) error {
	state := func() (s string, err error) {
		err = db.QueryRowContext(ctx, "SELECT state_desc FROM sys.databases WHERE name = @p1", name).Scan(&s)
		if errors.Is(err, sql.ErrNoRows) {
			return "", fmt.Errorf("there is no database %q, or the login does not see it", name)
		}
		return s, err
	}
	before, err := state()
	if err != nil {
		return err
	}
	switch before {
	case "ONLINE":
		_, err := fmt.Fprintf(c.Stdout, "%s is open: there is nothing to re-validate\n", name)
		return err
	case "RESTORING", "COPYING", "OFFLINE":
		return withHint(fmt.Errorf("%s is %s: that is not for the want of a key", name, before), "RESTORE DATABASE ... WITH RECOVERY, or ALTER DATABASE ... SET ONLINE, as it was meant")
	}
	if _, err := db.ExecContext(ctx, "ALTER DATABASE ["+strings.ReplaceAll(name, "]", "]]")+"] SET ONLINE"); err != nil {
		return revalidateError(name, err)
	}
	after, err := state()
	if err != nil {
		return err
	}
	if after != "ONLINE" {
		return withHint(fmt.Errorf("%s is %s still", name, after), "the server's error log says why: EXEC sp_readerrorlog")
	}
	_, err = fmt.Fprintf(c.Stdout, "%s is open again; it was %s\n", name, before)
	return err
}

// revalidateError says in one sentence what keeps the key, from the server's messages.
func revalidateError(name string, err error) error {
	e, ok := errors.AsType[mssql.Error](err)
	if !ok {
		return fmt.Errorf("re-validating %s: %w", name, err)
	}
	numbers := []string{}
	var best code.Entry
	for _, m := range append(e.All, e) {
		numbers = append(append(numbers, providerCodes(m.Message)...), fmt.Sprint(m.Number))
		if found := providerCodes(m.Message); len(found) > 0 && best.Code == 0 {
			if list := code.Find(found[0]); len(list) > 0 {
				best = list[0]
			}
		}
	}
	text := e.Message
	if len(e.All) > 0 {
		text = e.All[0].Message
	}
	if best.Code != 0 {
		return withHint(fmt.Errorf("%s stays closed, its key is refused: %s (Msg %d: %s)", name, strings.TrimSuffix(best.Meaning, "."), e.Number, text), "%s (latchkey explain %s)", strings.TrimSuffix(best.Remedy, "."), numbers[0])
	}
	return withHint(fmt.Errorf("%s stays closed: Msg %d: %s", name, e.Number, text), "latchkey explain %d", e.Number)
}

// providerCodes finds "Provider error code: N" in a message.
func providerCodes(s string) (out []string) {
	const mark = "provider error code:"
	for low := strings.ToLower(s); ; {
		i := strings.Index(low, mark)
		if i < 0 {
			return out
		}
		low = low[i+len(mark):]
		digits := strings.TrimLeft(low, " ")
		end := 0
		for end < len(digits) && digits[end] >= '0' && digits[end] <= '9' {
			end++
		}
		if end > 0 {
			out = append(out, digits[:end])
		}
	}
}
