package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"

	"latchkey/app/running"
	"latchkey/audit"
	"latchkey/ekm/code"
	"latchkey/entra"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
	"latchkey/vault/seal"
	"latchkey/vault/store/boltstore"
)

// Names in a data directory. docs/vault.md lists them for operators.
const (
	lockFile         = "latchkey.lock"
	installationFile = "installation.json"
	storeFile        = "vault.db"
	AuditDir         = "audit"
	entraDir         = "entra"
	AuditKeyUse      = "audit chain"
	filesKeyUse      = "installation files"
)

// Process is what the parts need of the process around them. Zero values mean the machine's; Log nil discards.
type Process struct {
	FS        fsys.FS
	Clock     clock.Clock
	Log       *slog.Logger
	LookupEnv func(string) (string, bool)
	Unsetenv  func(string) error
	// Prompt asks for a passphrase at the terminal; nil means that there is none.
	Prompt func(ctx context.Context) (*secret.Bytes, error)
	PID    int
}

// Defaults fills in the zero values.
func (p *Process) Defaults() {
	if p.FS == nil {
		p.FS = fsys.OS{}
	}
	if p.Clock == nil {
		p.Clock = clock.System{}
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
}

// ErrInUse means that another process has the data directory.
var ErrInUse = errors.New("the data directory is in use by another latchkey")

// Installation is an open data directory: everything that lasts, nothing that listens. One process at a time has it.
type Installation struct {
	Process
	Dir   string
	Seal  *seal.Sealer
	Audit *audit.Log
	Entra *entra.Authority // nil unless OpenEntra was called
	// Files seals small files that lie beside the store; Backups holds the keys of key backups. Both are there after OpenLogs.
	Files   *FileSealer
	Backups *seal.BackupKeys

	record  installation
	store   *boltstore.Store
	closers []closer // in the order of opening
}

type closer struct {
	what string
	c    io.Closer
}

// installation is installation.json: what must be known before the seal is open. It holds no secret.
type installation struct {
	Version int    `json:"version"`
	Seal    string `json:"seal"` // where the seal key comes from, as seal.ParseSource reads it
	// Furnished says that the first start has made tenant, vaults and key; what was removed since stays removed.
	Furnished bool `json:"furnished"`
	// Authority says that there is a token authority: its state must be there.
	Authority bool `json:"authority,omitempty"`
	// Addresses are where the parts listened last, by part, so that a restart does not move them.
	Addresses map[string]string `json:"addresses,omitempty"`
}

const installationVersion = 1

// Open opens or makes a data directory. sealSpec "" means the one that it was made with, and the development
// mode for a new one. The order: lock, seal key, store, seal, audit log.
func Open(ctx context.Context, p Process, dir, sealSpec string) (_ *Installation, err error) {
	in, err := OpenSealed(ctx, p, dir, sealSpec)
	if err != nil {
		return nil, err
	}
	if err := in.OpenLogs(ctx); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return in, nil
}

// OpenSealed is Open without the audit log, which a verification must not touch: opening it cuts an unfinished end.
func OpenSealed(ctx context.Context, p Process, dir, sealSpec string) (_ *Installation, err error) {
	p.Defaults()
	in := &Installation{Process: p, Dir: dir}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Close())
		}
	}()
	if err := p.FS.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	if err := in.tighten(); err != nil {
		return nil, err
	}
	lock, err := p.FS.Lock(filepath.Join(dir, lockFile))
	if errors.Is(err, fsys.ErrLocked) {
		return nil, fmt.Errorf("opening %q: %w", dir, ErrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("locking the data directory: %w", err)
	}
	in.opened("lock", lock)
	// Left by a process that was killed; nobody runs here now.
	if err := running.Remove(p.FS, dir); err != nil {
		return nil, fmt.Errorf("removing what an earlier process left: %w", err)
	}
	known, err := in.readRecord()
	if err != nil {
		return nil, err
	}
	if sealSpec != "" {
		in.record.Seal = sealSpec
	}
	if err := in.openSeal(ctx); err != nil {
		return nil, err
	}
	if !known || sealSpec != "" {
		if err := in.writeRecord(); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (in *Installation) opened(what string, c io.Closer) {
	in.closers = append(in.closers, closer{what, c})
}

// Close closes what was opened, last first, and reports every failure.
func (in *Installation) Close() error {
	var all []error
	for i := len(in.closers) - 1; i >= 0; i-- {
		if err := in.closers[i].c.Close(); err != nil {
			all = append(all, fmt.Errorf("closing the %s: %w", in.closers[i].what, err))
		}
	}
	in.closers = nil
	return errors.Join(all...)
}

func (in *Installation) readRecord() (known bool, err error) {
	name := filepath.Join(in.Dir, installationFile)
	b, err := fsys.ReadFile(in.FS, name, 1<<16)
	if errors.Is(err, fs.ErrNotExist) {
		in.record = installation{Version: installationVersion, Seal: "dev"}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading the installation: %w", err)
	}
	if err := json.Unmarshal(b, &in.record); err != nil {
		return false, code.Wrap(code.ConfigInvalid, "reading the installation", name, err)
	}
	if in.record.Version != installationVersion {
		return false, code.Wrap(code.ConfigInvalid, "reading the installation", name,
			fmt.Errorf("version %d; this program reads version %d", in.record.Version, installationVersion))
	}
	return true, nil
}

func (in *Installation) writeRecord() error {
	b, err := json.MarshalIndent(in.record, "", "  ")
	if err != nil {
		return err
	}
	if err := fsys.WriteFile(in.FS, filepath.Join(in.Dir, installationFile), append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the installation: %w", err)
	}
	return nil
}

// RootKey reads the seal key from a source.
func (in *Installation) RootKey(ctx context.Context, spec string) (*seal.RootKey, seal.Source, error) {
	source, err := seal.ParseSource(spec)
	if err != nil {
		return nil, source, err
	}
	if source.Development() {
		// A new key beside sealed data could not open it, and would hide what is wrong.
		if _, err := in.FS.Stat(filepath.Join(in.Dir, seal.DevelopmentKeyFile)); errors.Is(err, fs.ErrNotExist) {
			if _, err := in.FS.Stat(filepath.Join(in.Dir, storeFile)); err == nil {
				return nil, source, code.Wrap(code.SealKeyMissing, "reading the seal key", filepath.Join(in.Dir, seal.DevelopmentKeyFile), fs.ErrNotExist)
			}
		}
	}
	root, err := source.Load(ctx, seal.Environment{Dir: in.Dir, FS: in.FS, LookupEnv: in.LookupEnv, Unsetenv: in.Unsetenv, Prompt: in.Prompt})
	return root, source, err
}

func (in *Installation) openSeal(ctx context.Context) error {
	if err := in.storeIsNotLost(); err != nil {
		return err
	}
	root, source, err := in.RootKey(ctx, in.record.Seal)
	if err != nil {
		return err
	}
	defer root.Destroy()
	if source.Development() {
		in.Log.Warn("DEVELOPMENT SEAL: the key that seals this data lies beside it in clear; whoever can read the directory has every private key",
			"file", filepath.Join(in.Dir, seal.DevelopmentKeyFile), "instead", "--seal file:PATH, passphrase-file:PATH, env:NAME or credential:NAME")
	}
	if in.store, err = boltstore.Open(filepath.Join(in.Dir, storeFile), boltstore.Options{}); err != nil {
		return err
	}
	in.opened("store", in.store)
	if in.Seal, err = seal.Open(ctx, seal.Config{Store: in.store, Root: root, Clock: in.Clock}); err != nil {
		return err
	}
	in.opened("seal", closeFunc(in.Seal.Close))
	if there, err := in.exists(seal.DevelopmentKeyFile); err == nil && there && !source.Development() {
		// Left by a change of the seal that was cut off, or put back with an older copy of the directory.
		in.Log.Warn("a key of the development seal lies in the data directory, which is sealed otherwise now: it opens older copies, remove it",
			"file", filepath.Join(in.Dir, seal.DevelopmentKeyFile))
	}
	return nil
}

// OpenLogs opens what OpenSealed leaves: the audit log, and the keys that hang on the seal.
func (in *Installation) OpenLogs(ctx context.Context) error {
	key, err := in.Seal.Derive(filesKeyUse)
	if err != nil {
		return err
	}
	if in.Files, err = newFiles(key); err != nil {
		return err
	}
	key, err = in.Seal.Derive(AuditKeyUse)
	if err != nil {
		return err
	}
	defer key.Destroy()
	if in.Audit, err = audit.Open(in.FS, filepath.Join(in.Dir, AuditDir), audit.Options{Clock: in.Clock, Key: key}); err != nil {
		return err
	}
	in.opened("audit log", in.Audit)
	if cut := in.Audit.Cut(); cut > 0 {
		in.Log.Warn("the audit log ended in an unfinished record of a crash, which was cut", "bytes", cut)
	}
	if in.Backups, err = seal.OpenBackupKeys(ctx, in.Seal); err != nil {
		return err
	}
	return nil
}

// OpenEntra opens the token authority, reachable under the given host:port names besides the public ones.
func (in *Installation) OpenEntra(ctx context.Context, hosts []string, resources []entra.Resource) error {
	if err := in.authorityIsNotLost(); err != nil {
		return err
	}
	a, err := entra.Open(ctx, entra.Config{
		FS: in.FS, Dir: filepath.Join(in.Dir, entraDir), Sealer: in.Files, Audit: in.Audit, Clock: in.Clock, Log: in.Log,
		Hosts: hosts, Resources: resources,
	})
	if err != nil {
		return err
	}
	in.Entra = a
	in.opened("token authority", a)
	return in.noteAuthority()
}

// closeFunc is an io.Closer that cannot fail.
type closeFunc func()

// Close calls f.
func (f closeFunc) Close() error {
	f()
	return nil
}

// Source tells where the seal key of a directory would come from, opening and making nothing. spec is as for Open.
func Source(p Process, dir, spec string) (seal.Source, error) {
	p.Defaults()
	if spec == "" {
		in := &Installation{Process: p, Dir: dir}
		if _, err := in.readRecord(); err != nil {
			return seal.Source{}, err
		}
		spec = in.record.Seal
	}
	return seal.ParseSource(spec)
}

// SealSource is where the seal key comes from, as seal.ParseSource reads it.
func (in *Installation) SealSource() string { return in.record.Seal }

// NoteSealSource notes durably where the seal key comes from at the next start.
func (in *Installation) NoteSealSource(spec string) error {
	in.record.Seal = spec
	return in.writeRecord()
}

// LastAddress is where a part listened last; "" if it is not known.
func (in *Installation) LastAddress(part string) string { return in.record.Addresses[part] }

// NoteAddresses notes durably where the parts listen, if that changed.
func (in *Installation) NoteAddresses(now map[string]string) error {
	if maps.Equal(now, in.record.Addresses) {
		return nil
	}
	in.record.Addresses = now
	return in.writeRecord()
}

// Furnished reports whether the first start has made what a new installation has.
func (in *Installation) Furnished() bool { return in.record.Furnished }

// NoteFurnished notes it durably.
func (in *Installation) NoteFurnished() error {
	in.record.Furnished = true
	return in.writeRecord()
}
