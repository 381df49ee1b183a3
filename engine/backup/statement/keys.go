package statement

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"

	"latchkey/ekm"
	"latchkey/engine/backup/media"
	"latchkey/engine/catalog/key"
	"latchkey/engine/catalog/model"
	"latchkey/engine/catalog/msg"
	"latchkey/engine/tde"
	"latchkey/internal/secret"
)

// engineKeys wraps and unwraps backups' keys as databases' keys are.
type engineKeys struct{ keys tde.Keys }

// Wrap encrypts a set's key.
func (k engineKeys) Wrap(ctx context.Context, p media.KeyRef, plain *secret.Bytes) (ekm.Wrapped, error) {
	t, err := hex.DecodeString(p.Thumbprint)
	if err != nil {
		return ekm.Wrapped{}, err
	}
	return k.keys.Wrap(ctx, ekm.Thumbprint(t), plain)
}

// Unwrap decrypts it: message 33111 names the thumbprint of a key that is not here.
func (k engineKeys) Unwrap(ctx context.Context, p media.KeyRef, w ekm.Wrapped) (*secret.Bytes, error) {
	t, err := hex.DecodeString(p.Thumbprint)
	if err != nil {
		return nil, err
	}
	return k.keys.Unwrap(ctx, ekm.Thumbprint(t), w)
}

func certificate(c *model.Certificate) string { return upper(key.CertificateThumbprint(c)) }

// failed makes an error of a file a message.
func (r *run) failed(path string, err error) error {
	var p *fs.PathError
	var m *msg.Error
	var list msg.List
	switch {
	case errors.As(err, &m), errors.As(err, &list):
		return err
	case errors.Is(err, media.ErrDamaged):
		return msg.New(3189).Because(err)
	case errors.Is(err, tde.ErrCorrupt):
		return msg.New(3183, 1, 0, path).Because(err)
	case errors.As(err, &p):
		if p.Path != "" && p.Path != path+".new" {
			path = p.Path // a restore writes another file than it reads
		}
		switch p.Op {
		case "write", "sync", "truncate", "rename":
			return msg.New(3202, path, reason(err)).Because(err)
		case "read":
			return msg.New(3203, path, reason(err)).Because(err)
		}
		return msg.New(3201, path, reason(err)).Because(err)
	}
	return err
}
