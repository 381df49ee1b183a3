package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/catalog/perm"
	"latchkey/engine/exec/handler"
	"latchkey/engine/sqltype"
	"latchkey/monitor/watch"
)

// monitorViews are sys.latchkey_activity_log, sys.latchkey_key_access and sys.latchkey_expirations; they want VIEW SERVER STATE.
func (e *Engine) monitorViews() []*handler.View {
	name, text := sqltype.Sized(sqltype.NVarChar, 128), sqltype.Sized(sqltype.NVarChar, 4000)
	num, long, at := sqltype.Of(sqltype.Int), sqltype.Of(sqltype.BigInt), sqltype.Of(sqltype.DateTime)
	column := func(n string, t sqltype.Type) handler.Column { return handler.Column{Name: n, Type: t} }
	return []*handler.View{
		{
			Name: "sys.latchkey_activity_log",
			Columns: []handler.Column{
				column("sequence", long), column("event_time", at), column("resource", name), column("event_name", name), column("status", name),
				column("description", text), column("state_desc", name), column("cause", name), column("provider_code", num), column("protector_thumbprint", name), column("object", text), column("ends_at", at),
			},
			Rows: serverState(func() (rows [][]sqltype.Value) {
				for _, r := range e.activity.Recent() {
					rows = append(rows, []sqltype.Value{
						sqltype.NewInt(sqltype.BigInt, int64(r.Seq)), timeOrNull(r.Time), textOrNull(r.Resource), textOrNull(r.Event), textOrNull(r.Status),
						textOrNull(r.Description), textOrNull(r.State), textOrNull(r.Cause), sqltype.NewInt(sqltype.Int, int64(r.Code)), textOrNull(r.Key), textOrNull(r.Object), timeOrNull(r.Ends),
					})
				}
				return rows
			}),
		},
		{
			Name: "sys.latchkey_expirations",
			Columns: []handler.Column{
				column("kind", name), column("object", text), column("not_before", at), column("ends_at", at), column("seconds_left", long), column("last_warning", name), column("last_seen", at),
			},
			Rows: serverState(func() (rows [][]sqltype.Value) {
				if e.cfg.Monitor.Expiries == nil {
					return nil
				}
				now := e.cfg.Clock.Now()
				for _, i := range e.cfg.Monitor.Expiries() {
					rows = append(rows, []sqltype.Value{
						textOrNull(i.Kind), textOrNull(i.Object), timeOrNull(i.NotBefore), timeOrNull(i.NotAfter), sqltype.NewInt(sqltype.BigInt, int64(i.NotAfter.Sub(now)/time.Second)),
						textOrNull(i.Warned()), timeOrNull(i.Seen),
					})
				}
				return rows
			}),
		},
		{
			Name: "sys.latchkey_key_access",
			Columns: []handler.Column{
				column("database_id", num), column("database_name", name), column("protector_thumbprint", name), column("state_desc", name), column("state_since", at),
				column("cause", name), column("cause_message", text), column("provider_code", num), column("last_check", at), column("outage_since", at),
				column("refusals", num), column("inaccessible_since", at), column("next_check", at), column("profile", name), column("bound_seconds", num),
			},
			Rows: serverState(func() (rows [][]sqltype.Value) {
				all := e.watch.All()
				slices.SortFunc(all, func(a, b watch.Info) int { return databaseID(a.ID) - databaseID(b.ID) })
				for _, i := range all {
					why := i.Last
					if !i.State.Serves() {
						why = i.Closed
					}
					rows = append(rows, []sqltype.Value{
						sqltype.NewInt(sqltype.Int, int64(databaseID(i.ID))), textOrNull(i.Name), textOrNull(i.Key), textOrNull(i.State.String()), timeOrNull(i.Since),
						textOrNull(why.Cause.Name()), textOrNull(why.Text), sqltype.NewInt(sqltype.Int, int64(why.Code)), timeOrNull(i.LastAt), timeOrNull(i.Outage),
						sqltype.NewInt(sqltype.Int, int64(i.Refusals)), timeOrNull(i.ClosedAt), timeOrNull(i.Next), textOrNull(e.watch.Profile().Name),
						sqltype.NewInt(sqltype.Int, int64(e.watch.Bound()/time.Second)),
					})
				}
				return rows
			}),
		},
	}
}

func serverState(rows func() [][]sqltype.Value) func(context.Context, *handler.Context, int, []sqltype.Value) ([][]sqltype.Value, error) {
	return func(_ context.Context, c *handler.Context, _ int, _ []sqltype.Value) ([][]sqltype.Value, error) {
		if c.Caller().User != 0 || !perm.For(c.Catalog().State(), c.Caller().Login, model.Master).Server("VIEW SERVER STATE") {
			return nil, msg.List{msg.New(300, "VIEW SERVER STATE", "server", "master"), msg.New(297)}
		}
		return rows(), nil
	}
}

func textOrNull(s string) sqltype.Value {
	if s == "" {
		return sqltype.NullValue
	}
	return sqltype.NewText(sqltype.NVarChar, strings.ToValidUTF8(s, "?"))
}

func timeOrNull(t time.Time) sqltype.Value {
	if t.IsZero() {
		return sqltype.NullValue
	}
	return logTime(t)
}
