package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"latchkey/app/admin"
	"latchkey/app/install"
	"latchkey/audit"
)

func vaultAuditCommand() *command {
	return &command{
		name: "audit", short: "check and read the audit log",
		sub: []*command{auditVerifyCommand(), auditListCommand()},
	}
}

func auditVerifyCommand() *command {
	var a adminFlags
	var anchor string
	return &command{
		name: "verify", short: "find changed, removed, inserted and missing records",
		long: `The chain is keyed with a key that the seal derives, so that only who can unseal the data can make a record that passes. To notice that the
whole directory was put back to an older state, keep what this command prints as the end elsewhere, and give it to --anchor later.`,
		flags: func(f *flag.FlagSet) {
			a.flags(f)
			f.StringVar(&anchor, "anchor", "", "an earlier end, `SEQ:HASH`, that must still be in the log")
		},
		run: func(ctx context.Context, c *call) error {
			var args admin.AuditAnchor
			if anchor != "" {
				seq, hash, ok := strings.Cut(anchor, ":")
				n, err := strconv.ParseUint(seq, 10, 64)
				if !ok || err != nil {
					return usagef("--anchor %q is not SEQ:HASH", anchor)
				}
				args = admin.AuditAnchor{Seq: n, Hash: hash}
			}
			var res admin.AuditResult
			if err := a.do(ctx, c, "audit-verify", args, &res); err != nil {
				return fmt.Errorf("verifying the audit log: %w", err)
			}
			r := res.Report
			err := a.print(c, res, func(out *errWriter) {
				for _, p := range r.Problems {
					out.printf("%s\n", p)
				}
				out.printf("%d records in %d files\nend %d:%s\n", r.Records, r.Files, r.End.Seq, r.End.Hash)
			})
			if err == nil && res.Problem != "" {
				return fmt.Errorf("the audit log is not as it was written: %d faults: %s", r.Faults, res.Problem)
			}
			if err == nil && a.format == "text" {
				_, err = fmt.Fprintln(c.Stdout, "sound")
			}
			return err
		},
	}
}

func auditListCommand() *command {
	var data, format string
	var from uint64
	return &command{
		name: "list", short: "print the records, oldest first",
		long: "Reading needs no key and disturbs no server; it does not check the chain.",
		flags: func(f *flag.FlagSet) {
			dataFlag(f, &data)
			f.Uint64Var(&from, "from", 0, "first record's `NUMBER`")
			f.StringVar(&format, "format", "text", "`FORMAT` of the output: text, or json with one record on a line")
		},
		run: func(ctx context.Context, c *call) error {
			if format != "text" && format != "json" {
				return usagef("--format is text or json, not %q", format)
			}
			dir, err := c.dataDir(data)
			if err != nil {
				return err
			}
			out := &errWriter{w: c.Stdout}
			var damaged []error
			for e, err := range audit.Read(ctx, c.FS, filepath.Join(dir, install.AuditDir), audit.ReadOptions{From: from}) {
				if err != nil {
					damaged = append(damaged, err)
					continue
				}
				if format == "json" {
					b, err := json.Marshal(e)
					if err != nil {
						return err
					}
					out.printf("%s\n", b)
					continue
				}
				out.printf("%d %s %-20s %-8s %d %s oid=%s %s %s\n", e.Seq, e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), e.Operation, e.Result, e.Status, e.CallerIP, e.ObjectID, e.Object, e.Reason)
				if out.err != nil {
					return out.err
				}
			}
			return errors.Join(append(damaged, out.err)...)
		},
	}
}
