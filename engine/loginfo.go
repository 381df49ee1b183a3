package engine

import (
	"context"
	"fmt"

	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/exec/handler"
	"latchkey/engine/sqltype"
)

// logInfo is sys.dm_db_log_info: the parts of a database's log, with the columns of SQL Server 2019. A kept part that waits for a log backup and the one that is being
// written are a virtual log file each. LSNs are written so that they convert to the numbers that msdb.dbo.backupset has. A database that is not there, not open, or in
// memory (tempdb) has no rows. It takes VIEW SERVER STATE.
func (e *Engine) logInfo() *handler.View {
	text := sqltype.Sized(sqltype.NVarChar, 48)
	return &handler.View{
		Name: "sys.dm_db_log_info", Params: 1,
		Columns: []handler.Column{
			{Name: "database_id", Type: sqltype.Of(sqltype.Int)},
			{Name: "file_id", Type: sqltype.Of(sqltype.SmallInt)},
			{Name: "vlf_begin_offset", Type: sqltype.Of(sqltype.BigInt)},
			{Name: "vlf_size_mb", Type: sqltype.Of(sqltype.Float)},
			{Name: "vlf_sequence_number", Type: sqltype.Of(sqltype.BigInt)},
			{Name: "vlf_active", Type: sqltype.Of(sqltype.Bit)},
			{Name: "vlf_status", Type: sqltype.Of(sqltype.Int)},
			{Name: "vlf_parity", Type: sqltype.Of(sqltype.TinyInt)},
			{Name: "vlf_first_lsn", Type: text},
			{Name: "vlf_create_lsn", Type: text},
			{Name: "vlf_encryptor_thumbprint", Type: sqltype.Sized(sqltype.VarBinary, 20)},
		},
		Rows: func(ctx context.Context, c *handler.Context, db int, args []sqltype.Value) ([][]sqltype.Value, error) {
			st := e.catalog.State()
			if !c.Caller().Eval(st).Server("VIEW SERVER STATE") {
				return nil, msg.List{msg.New(300, "VIEW SERVER STATE", "server", "master"), msg.New(297)}
			}
			if len(args) > 0 && !args[0].IsNull() {
				db = int(args[0].Int())
			}
			if st.Databases.Get(db) == nil || db == model.TempDB {
				return nil, nil
			}
			return e.logRows(ctx, db)
		},
	}
}

func (e *Engine) logRows(ctx context.Context, db int) ([][]sqltype.Value, error) {
	a, err := e.databases.Attach(ctx, db)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, nil // not open
	}
	defer a.Release()
	parts, err := a.DB.LogParts()
	if err != nil {
		return nil, err
	}
	const (
		parity = 64
		unused = 1 // statuses
		active = 2
	)
	var rows [][]sqltype.Value
	offset := int64(0)
	for i, p := range parts {
		number, status, thumbprint := p.First, int64(active), sqltype.NullValue
		if number == 0 { // not kept: there is one part
			number = uint64(i) + 1
		}
		if p.Bytes == 0 {
			status = unused
		}
		if t := p.Protector.Thumbprint; t != "" {
			thumbprint = sqltype.NewBytes(sqltype.VarBinary, string(t))
		}
		rows = append(rows, []sqltype.Value{
			sqltype.NewInt(sqltype.Int, int64(db)), sqltype.NewInt(sqltype.SmallInt, 2), sqltype.NewInt(sqltype.BigInt, offset),
			sqltype.NewFloat(sqltype.Float, float64(p.Bytes)/(1<<20)), sqltype.NewInt(sqltype.BigInt, int64(number)), sqltype.NewBit(status == active || p.Current),
			sqltype.NewInt(sqltype.Int, status), sqltype.NewInt(sqltype.TinyInt, parity), sqltype.NewText(sqltype.NVarChar, lsnText(p.First)),
			sqltype.NewText(sqltype.NVarChar, lsnText(0)), thumbprint,
		})
		offset += p.Bytes
	}
	return rows, nil
}

// lsnText writes an LSN in three hexadecimal numbers: of the decimal number that backup history shows, the digits before the last fifteen, the ten behind, and five.
func lsnText(n uint64) string {
	return fmt.Sprintf("%08x:%08x:%04x", n/1e15, n/1e5%1e10, n%1e5)
}
