package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"latchkey/app/compose"
	"latchkey/app/fleet"
	"latchkey/monitor"
	"latchkey/monitor/expiry"
)

func watchCommand() *command {
	var file, level, metrics string
	var once, check bool
	var warn time.Duration
	return &command{
		name: "watch", short: "watch the keys of SQL Servers and vaults that others run, and tell before and when they are lost",
		long: `Tries each key as a database server uses it (read, wrap, unwrap), asks SQL Servers for their databases, and tells of what was lost, what came back and what ends soon: to webhooks, syslog,
mail and Prometheus. It changes nothing on servers, but where "setOnline" says so, and tells vaults of Latchkey's which keys the servers need ("noRegister" leaves one out). docs/monitor.md has a complete configuration.

--config names a file in strict JSON; errors name the line. --check reads it and stops.

--once checks everything once, tells nobody, and prints a line for each thing, the worst first, as cron and Nagios want it. Its exit codes are those of a Nagios plugin:
0 all is well, 1 something has no answer or ends soon (--warn), 2 a key is refused or has ended, 3 it could not be told. A refusal that is seen once may be false: a watcher that
runs confirms it first.`,
		flags: func(f *flag.FlagSet) {
			f.StringVar(&file, "config", "", "`FILE` with the configuration")
			f.BoolVar(&once, "once", false, "check once, print, and say by the exit code how it is")
			f.DurationVar(&warn, "warn", 14*24*time.Hour, "with --once: `DURATION` before an end from which it is a warning")
			f.BoolVar(&check, "check", false, "check the configuration and stop")
			f.StringVar(&metrics, "metrics", "", "serve Prometheus metrics at `ADDR`, plain HTTP without a login: best on loopback")
			logFlag(f, &level)
		},
		run: func(ctx context.Context, c *call) error {
			unknown := func(err error) error {
				if once && err != nil {
					return &exit{exitUnknown, err}
				}
				return err
			}
			if file == "" {
				return unknown(usagef("--config is missing"))
			}
			config, err := fleet.Read(c.FS, file)
			if err != nil {
				return unknown(err)
			}
			if metrics != "" {
				config.Notify.Metrics = metrics
			}
			if check {
				_, err := fmt.Fprintln(c.Stdout, "the configuration is sound")
				return err
			}
			p, err := c.process(level)
			if err != nil {
				return unknown(err)
			}
			if once {
				if level == "info" {
					p.Log = nil // the lines say it all
				}
				found, ends, err := compose.WatchOnce(ctx, p, config)
				if err != nil {
					return unknown(err)
				}
				return c.showOnce(found, ends, warn)
			}
			began := c.Clock.Now()
			w, err := compose.StartWatch(p, config)
			if err != nil {
				return err
			}
			if w.Metrics != "" {
				fmt.Fprintf(c.Stderr, "latchkey: metrics http://%s/metrics\n", w.Metrics)
			}
			fmt.Fprintf(c.Stderr, "latchkey: watching %d servers and %d vaults\n", len(config.Servers), len(config.Vaults))
			fmt.Fprintf(c.Stderr, "latchkey: ready in %d ms; stop with ctrl-c\n", c.Clock.Now().Sub(began).Milliseconds())
			return wait(ctx, c, w)
		},
	}
}

// The exit codes of a Nagios plugin.
const (
	exitWarning  = 1
	exitCritical = 2
	exitUnknown  = 3
)

// exit is a failure with an exit code of its own.
type exit struct {
	code int
	error
}

func (e *exit) Unwrap() error { return e.error }

// showOnce prints what was found, the worst first.
func (c *call) showOnce(found []fleet.Outcome, ends []expiry.Info, warn time.Duration) error {
	type line struct {
		level int
		text  string
	}
	var lines []line
	for _, o := range found {
		l := line{exitDone, fmt.Sprintf("%s: the key can be used (%d ms)", o.Subject.Name, o.Took.Milliseconds())}
		switch {
		case o.Result.Cause.Refusal():
			l = line{exitCritical, o.Subject.Name + ": " + monitor.Message(o.Result)}
		case o.Result.Cause != monitor.Granted && !o.Subject.Open:
			l = line{exitCritical, o.Subject.Name + ": " + o.Result.Text}
		case o.Result.Cause != monitor.Granted:
			l = line{exitWarning, o.Subject.Name + ": no answer: " + o.Result.Text}
		case o.Result.Text != "":
			l.text = o.Subject.Name + ": " + o.Result.Text
		case o.Subject.ID == "server:"+o.Subject.Name:
			l.text = fmt.Sprintf("%s: the server answers (%d ms)", o.Subject.Name, o.Took.Milliseconds())
		}
		if o.Result.Code != 0 {
			l.text += fmt.Sprintf(" [latchkey explain %d]", o.Result.Code)
		}
		lines = append(lines, l)
	}
	now := c.Clock.Now()
	for _, i := range ends {
		l := line{exitDone, i.Sentence(now)}
		switch left := i.NotAfter.Sub(now); {
		case left <= 0:
			l.level = exitCritical
		case left <= warn:
			l.level = exitWarning
		}
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return b.level - a.level })
	names := []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}
	worst, count := exitDone, make([]int, len(names))
	for _, l := range lines {
		worst = max(worst, l.level)
		count[l.level]++
	}
	var b strings.Builder
	fmt.Fprintf(&b, "LATCHKEY %s - %d critical, %d warnings, %d well\n", names[worst], count[exitCritical], count[exitWarning], count[exitDone])
	for _, l := range lines {
		fmt.Fprintf(&b, "%-8s %s\n", names[l.level], oneLine(l.text))
	}
	if _, err := c.Stdout.Write([]byte(b.String())); err != nil {
		return &exit{exitUnknown, err}
	}
	if worst == exitDone {
		return nil
	}
	return &exit{worst, &quiet{errors.New("not all is well")}}
}
