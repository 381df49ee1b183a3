package tde

import (
	"context"
	"errors"

	"latchkey/engine/tde/pagecipher"
	"latchkey/engine/tde/sealvfs"
)

// maxBad is how many bad pages a Report lists.
const maxBad = 1000

// Report is what Verify found.
type Report struct {
	Pages, Sealed, Plain uint32
	Bad                  []*CorruptError // the first thousand
}

// Verify reads every page of the file from disk and checks its authentication, or its checksum, while the database is in use.
// It copies the log back first. Bad pages are in the report; an error is one of the disk. It does not look at what the
// pages mean: PRAGMA integrity_check does.
func (db *DB) Verify(ctx context.Context) (Report, error) {
	var r Report
	if db.closed.Load() {
		return r, ErrClosed
	}
	if err := db.Checkpoint(ctx); err != nil {
		return r, err
	}
	var b sealvfs.Batch
	for page := uint32(1); page <= db.store.Pages(); page++ {
		if page%1024 == 0 && ctx.Err() != nil {
			return r, ctx.Err()
		}
		r.Pages++
		st, err := db.store.VerifyPage(&b, page)
		switch {
		case err != nil:
			err = mapped("verifying", db.cfg.Path, err)
			var bad *CorruptError
			if !errors.As(err, &bad) {
				return r, err
			}
			if len(r.Bad) < maxBad {
				r.Bad = append(r.Bad, bad)
			}
		case st == pagecipher.Sealed:
			r.Sealed++
		case st == pagecipher.Plain:
			r.Plain++
		}
	}
	return r, nil
}
