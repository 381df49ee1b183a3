package seal

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"latchkey/ekm/code"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
)

// wireExport is a backup key under a passphrase.
type wireExport struct {
	Version int         `json:"latchkey-backup-key"`
	ID      string      `json:"id"`
	Argon   argonParams `json:"argon2id"`
	Salt    []byte      `json:"salt"`
	Sealed  []byte      `json:"sealed"`
}

const (
	domainExport = "latchkey seal v1 export"
	rawPrefix    = "latchkey-backup-key:1:"
)

// Export gives a key, sealed under a passphrase of at least MinPassphrase bytes, as JSON text for [BackupKeys.Import].
func (b *BackupKeys) Export(id BackupKeyID, passphrase *secret.Bytes) ([]byte, error) {
	const op = "exporting a backup key"
	k, err := b.key(id)
	if err != nil {
		return nil, err
	}
	if passphrase.Len() < MinPassphrase {
		return nil, code.Wrap(code.SealKeyInvalid, op, "", fmt.Errorf("the passphrase is shorter than %d bytes", MinPassphrase))
	}
	w := wireExport{Version: formatVersion, ID: id.String(), Argon: defaultArgon(), Salt: make([]byte, 32)}
	rand.Read(w.Salt)
	kek := w.Argon.derive(passphrase, w.Salt)
	defer kek.Destroy()
	if w.Sealed, err = box(kek, domainExport, w.ID, nil, k.Expose()); err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	out, err := json.MarshalIndent(w, "", "  ")
	return append(out, '\n'), err
}

// Import adds a key that Export gave. A key that is already there is no error. Errors carry a code: BackupPassphraseWrong,
// SealDamaged, SealVersion; or are the store's.
func (b *BackupKeys) Import(ctx context.Context, exported []byte, passphrase *secret.Bytes) (BackupKeyID, error) {
	k, id, err := openExport(exported, passphrase)
	if err != nil {
		return BackupKeyID{}, err
	}
	return id, b.adopt(ctx, k, id)
}

func openExport(exported []byte, passphrase *secret.Bytes) (*secret.Bytes, BackupKeyID, error) {
	const op = "importing a backup key"
	fail := func(c code.Code, err error) (*secret.Bytes, BackupKeyID, error) {
		return nil, BackupKeyID{}, code.Wrap(c, op, "", err)
	}
	if len(exported) > maxSource {
		return fail(code.SealDamaged, fmt.Errorf("%d bytes are too many", len(exported)))
	}
	var w wireExport
	if err := json.Unmarshal(exported, &w); err != nil {
		return fail(code.SealDamaged, errors.New("not an exported backup key"))
	}
	if w.Version > formatVersion {
		return fail(code.SealVersion, fmt.Errorf("format version %d", w.Version))
	}
	id, err := ParseBackupKeyID(w.ID)
	if err == nil {
		err = w.Argon.check()
	}
	if err != nil || w.Version != formatVersion || len(w.Salt) < 16 {
		return fail(code.SealDamaged, errors.Join(errors.New("a field is missing or out of range"), err))
	}
	kek := w.Argon.derive(passphrase, w.Salt)
	defer kek.Destroy()
	k, ok, err := unbox(kek, domainExport, w.ID, w.Sealed, 0)
	if err != nil {
		return nil, BackupKeyID{}, fmt.Errorf("%s: %w", op, err)
	}
	if !ok {
		return nil, BackupKeyID{}, code.New(code.BackupPassphraseWrong, op, "")
	}
	return k, id, nil
}

func (b *BackupKeys) adopt(ctx context.Context, k *secret.Bytes, id BackupKeyID) error {
	got, err := idOf(k)
	if err != nil {
		return err
	}
	if k.Len() != 32 || got != id {
		k.Destroy()
		return code.Wrap(code.SealDamaged, "importing a backup key", "", errors.New("the key does not fit its identifier"))
	}
	_, err = b.add(ctx, k, true)
	return err
}

// ExportFile writes a key in clear to a new file with mode 0600. Whoever reads the file can open every backup that was made
// under the key: prefer [BackupKeys.Export]. An existing file is not touched.
func (b *BackupKeys) ExportFile(f fsys.FS, name string, id BackupKeyID) error {
	const op = "exporting a backup key to"
	k, err := b.key(id)
	if err != nil {
		return err
	}
	if _, err := f.Stat(name); err == nil {
		return fmt.Errorf("%s %q: %w", op, name, fs.ErrExist)
	}
	text := hex.AppendEncode([]byte(rawPrefix), k.Expose())
	defer secret.Wipe(text)
	if err := fsys.WriteFile(f, name, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("%s %q: %w", op, name, err)
	}
	return nil
}

// ImportFile adds a key from a file that ExportFile wrote; others must not be able to read it.
func (b *BackupKeys) ImportFile(ctx context.Context, name string) (BackupKeyID, error) {
	const op = "importing a backup key"
	text, err := readPrivate(name, ownerOnly)
	if err != nil {
		return BackupKeyID{}, fmt.Errorf("%s: %w", op, err)
	}
	defer secret.Wipe(text)
	digits, ok := bytes.CutPrefix(trimNewline(text), []byte(rawPrefix))
	var raw [32]byte
	defer secret.Wipe(raw[:])
	if ok && len(digits) == 2*len(raw) {
		_, err = hex.Decode(raw[:], digits)
	}
	if !ok || len(digits) != 2*len(raw) || err != nil {
		return BackupKeyID{}, code.Wrap(code.SealDamaged, op, name, errors.New("not an exported backup key"))
	}
	k := secret.NewLocked(append([]byte(nil), raw[:]...))
	id, err := idOf(k)
	if err != nil {
		return BackupKeyID{}, err
	}
	return id, b.adopt(ctx, k, id)
}
