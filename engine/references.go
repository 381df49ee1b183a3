package engine

import (
	"context"

	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/handler"
	"latchkey/engine/sqltype"
	"latchkey/engine/tde"
)

// references is sys.latchkey_key_references: which keys the databases' files and their kept logs need, also of databases that are not open. One whose file does not tell has
// a row of the kind UNKNOWN. What backups need is in msdb.dbo.latchkey_backupkey. It takes VIEW SERVER STATE.
func (e *Engine) references() *handler.View {
	number, text := sqltype.Of(sqltype.Int), sqltype.Sized(sqltype.NVarChar, 2048)
	return &handler.View{
		Name: "sys.latchkey_key_references",
		Columns: []handler.Column{
			{Name: "database_id", Type: number},
			{Name: "kind", Type: sqltype.Sized(sqltype.NVarChar, 16)},
			{Name: "thumbprint", Type: sqltype.Sized(sqltype.VarBinary, 64)},
			{Name: "uri", Type: text},
		},
		Rows: func(ctx context.Context, c *handler.Context, _ int, _ []sqltype.Value) ([][]sqltype.Value, error) {
			st := e.catalog.State()
			if !c.Caller().Eval(st).Server("VIEW SERVER STATE") {
				return nil, msg.List{msg.New(300, "VIEW SERVER STATE", "server", "master"), msg.New(297)}
			}
			var rows [][]sqltype.Value
			for id, d := range st.Databases.All(0) {
				if d.IsSystem() {
					continue
				}
				add := func(kind string, list []tde.Protector) {
					for _, p := range list {
						uri := sqltype.NullValue
						if p.URI != "" {
							uri = sqltype.NewText(sqltype.NVarChar, p.URI)
						}
						rows = append(rows, []sqltype.Value{
							sqltype.NewInt(sqltype.Int, int64(id)), sqltype.NewText(sqltype.NVarChar, kind), sqltype.NewBytes(sqltype.VarBinary, string(p.Thumbprint)), uri,
						})
					}
				}
				file, log, err := e.databases.References(ctx, id)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				if err == nil {
					add("DATABASE", file)
					add("LOG", log)
					continue
				}
				thumbprint := sqltype.NullValue
				if d.Key != nil {
					thumbprint = sqltype.NewBytes(sqltype.VarBinary, string(d.Key.Thumbprint))
				}
				rows = append(rows, []sqltype.Value{sqltype.NewInt(sqltype.Int, int64(id)), sqltype.NewText(sqltype.NVarChar, "UNKNOWN"), thumbprint, sqltype.NullValue})
			}
			return rows, nil
		},
	}
}
