package engine

import (
	"context"
	"strings"
	"time"

	"latchkey/engine/catalog"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/exec/handler"
	"latchkey/engine/sqltype"
)

// readLog is sp_readerrorlog or xp_readerrorlog: the lines of an error log that hold two texts, without regard to case. Needs VIEW SERVER
// STATE or membership in securityadmin. Kind 2, the log of an agent that does not exist here, has no lines.
func (e *Engine) readLog(name string, params ...string) *handler.Procedure {
	p := &handler.Procedure{Name: name, Run: func(_ context.Context, c *handler.Context, args *handler.Args) (int, error) {
		pm := perm.For(c.Catalog().State(), c.Caller().Login, model.Master)
		if !pm.Server("VIEW SERVER STATE") && !pm.InServerRole(model.SecurityAdmin) || c.Caller().User != 0 {
			return 1, catalog.Denied()
		}
		archive, set := args.Int(0)
		if !set {
			archive = 0
		}
		kind, given := args.Int(1)
		w, err := c.Rows(
			handler.Column{Name: "LogDate", Type: sqltype.Of(sqltype.DateTime)}, handler.Column{Name: "ProcessInfo", Type: sqltype.Sized(sqltype.NVarChar, 50)},
			handler.Column{Name: "Text", Type: sqltype.Sized(sqltype.NVarChar, 4000)})
		if err != nil || given && kind == 2 {
			return 0, err
		}
		lines, err := e.errors.Entries(int(archive))
		if err != nil {
			return 1, msg.New(22004, err.Error()).Because(err)
		}
		text := func(i int) string { // NULL and what was left out are in every line
			if !args.Given[i] || args.Values[i].IsNull() {
				return ""
			}
			return strings.ToLower(args.Text(i))
		}
		first, second := text(2), text(3)
		for _, l := range lines {
			if low := strings.ToLower(l.Text); !strings.Contains(low, first) || !strings.Contains(low, second) {
				continue
			}
			if err := w.Row(logTime(l.Time), sqltype.NewText(sqltype.NVarChar, l.Process), sqltype.NewText(sqltype.NVarChar, l.Text)); err != nil {
				return 1, err
			}
		}
		return 0, nil
	}}
	for i, n := range params {
		t := sqltype.Of(sqltype.Int)
		if i > 1 {
			t = sqltype.Sized(sqltype.NVarChar, 4000)
		}
		p.Params = append(p.Params, handler.Param{Name: n, Type: t, Optional: true})
	}
	return p
}

// cycleLog is sp_cycle_errorlog: members of sysadmin begin a new error log; six older ones are kept.
func (e *Engine) cycleLog() *handler.Procedure {
	return &handler.Procedure{Name: "sp_cycle_errorlog", Run: func(_ context.Context, c *handler.Context, _ *handler.Args) (int, error) {
		if !perm.For(c.Catalog().State(), c.Caller().Login, model.Master).Sysadmin() || c.Caller().User != 0 {
			return 1, catalog.Denied()
		}
		if err := e.errors.Cycle(); err != nil {
			return 1, msg.New(22004, err.Error()).Because(err)
		}
		e.log.Info("The error log has been reinitialized. See the previous log for older entries.", "login", c.Catalog().State().Logins.Get(c.Caller().Login).Name)
		return 0, nil
	}}
}

// procedures are the system procedures over what the composer has.
func (e *Engine) procedures() []*handler.Procedure {
	return []*handler.Procedure{
		e.readLog("sp_readerrorlog", "@p1", "@p2", "@p3", "@p4"),
		e.readLog("xp_readerrorlog", "@p1", "@p2", "@p3", "@p4"),
		e.cycleLog(),
	}
}

// logTime is a time as a datetime.
func logTime(t time.Time) sqltype.Value {
	days, _ := sqltype.DaysFromDate(t.Year(), int(t.Month()), t.Day())
	of := t.Sub(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)) // the log has hundredths, so this is never a whole day
	return sqltype.NewDateTime(days, sqltype.TicksToUnits(int64(of/100)))
}
