package admin

import (
	"context"
	"fmt"
	"path/filepath"

	"latchkey/internal/secret"
	"latchkey/vault/keydb"
	"latchkey/vault/seal"
)

// ResealArgs says what to renew.
type ResealArgs struct {
	To      string // the new source of the seal key; "" keeps it
	NewData bool   // a new data key, everything sealed anew under it, old ones dropped
}

// ResealResult says what was done.
type ResealResult struct {
	Source  string
	Records int // sealed anew
}

func (p *parts) reseal(ctx context.Context, a ResealArgs) (*ResealResult, error) {
	in := p.in
	if a.To != "" {
		root, source, err := in.RootKey(ctx, a.To)
		if err != nil {
			return nil, err
		}
		defer root.Destroy()
		err = p.change(ctx, "SealKeyChange", source.String(), func() error { return p.changeSeal(ctx, root, a.To) })
		if err != nil {
			return nil, err
		}
	}
	out := &ResealResult{Source: in.SealSource()}
	if !a.NewData {
		return out, nil
	}
	return out, p.change(ctx, "DataKeyChange", "", func() error {
		if _, err := in.Seal.NewDataKey(ctx); err != nil {
			return err
		}
		walk := keydb.Walk(in.Seal)
		n, err := in.Seal.Reseal(ctx, walk)
		if err != nil {
			return err
		}
		out.Records = n
		return in.Seal.DropOldKeys(ctx, walk)
	})
}

func (p *parts) changeSeal(ctx context.Context, root *seal.RootKey, to string) error {
	in := p.in
	was := in.SealSource()
	if err := in.Seal.ChangeRoot(ctx, root); err != nil {
		return err
	}
	if err := in.NoteSealSource(to); err != nil {
		return fmt.Errorf("the seal was changed from %q to %q, but this could not be noted (start with --seal %s): %w", was, to, to, err)
	}
	if was == "dev" && to != "dev" {
		if err := in.FS.Remove(filepath.Join(in.Dir, seal.DevelopmentKeyFile)); err != nil {
			return fmt.Errorf("the seal was changed, but the old key's file is still there: %w", err)
		}
		return in.FS.SyncDir(in.Dir)
	}
	return nil
}

// BackupKey is an exported backup key, sealed under a passphrase.
type BackupKey struct {
	ID         string
	Passphrase string // only on the way in
	Exported   []byte
}

func (p *parts) backupExport(ctx context.Context, a BackupKey) (*BackupKey, error) {
	pass := secret.FromString(a.Passphrase)
	defer pass.Destroy()
	id := p.in.Backups.Active()
	if a.ID != "" {
		var err error
		if id, err = seal.ParseBackupKeyID(a.ID); err != nil {
			return nil, err
		}
	}
	out := &BackupKey{ID: id.String()}
	err := p.read(ctx, "BackupKeyExport", out.ID, func() (err error) {
		out.Exported, err = p.in.Backups.Export(id, pass)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (p *parts) backupImport(ctx context.Context, a BackupKey) (*BackupKey, error) {
	pass := secret.FromString(a.Passphrase)
	defer pass.Destroy()
	out := &BackupKey{}
	err := p.change(ctx, "BackupKeyImport", "", func() error {
		id, err := p.in.Backups.Import(ctx, a.Exported, pass)
		out.ID = id.String()
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}
