package databases

import (
	"context"
	"errors"

	"latchkey/engine/lite"
	"latchkey/engine/tde"
)

// connect opens a connection.
func connect(ctx context.Context, db *tde.DB) (*lite.Conn, error) {
	raw, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	c, err := lite.Open(ctx, raw)
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}
