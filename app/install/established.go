package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"latchkey/ekm/code"
)

// Files that are made after the store, in any order.
var afterStore = [...]string{AuditDir + "/head", entraDir + "/" + authorityFile, clientsFile, "ca.key"}

const authorityFile = "entra.json"

func (in *Installation) exists(name string) (bool, error) {
	_, err := in.FS.Stat(filepath.Join(in.Dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// storeIsNotLost refuses to make a new store where one has been: everything else in the directory belongs to the old one.
func (in *Installation) storeIsNotLost() error {
	there, err := in.exists(storeFile)
	if there || err != nil {
		return err
	}
	for _, name := range afterStore {
		if there, err := in.exists(name); err != nil {
			return err
		} else if there {
			return code.Wrap(code.StoreDamaged, "opening the store", filepath.Join(in.Dir, storeFile),
				fmt.Errorf("it is gone, and %s is there: put it back from a copy, or begin anew in another directory: %w", name, fs.ErrNotExist))
		}
	}
	return nil
}

// authorityIsNotLost refuses to make a new token authority where one has been: its tenant would be another, and no vault would know it.
func (in *Installation) authorityIsNotLost() error {
	if !in.record.Authority {
		return nil
	}
	there, err := in.exists(entraDir + "/" + authorityFile)
	if there || err != nil {
		return err
	}
	return code.Wrap(code.EntraStateDamaged, "opening the token authority", filepath.Join(in.Dir, entraDir, authorityFile),
		fmt.Errorf("it is gone: put it back from a copy (or take \"authority\" out of %s for an empty one, whose new tenant no vault knows): %w", installationFile, fs.ErrNotExist))
}

// noteAuthority notes durably that there is a token authority.
func (in *Installation) noteAuthority() error {
	if in.record.Authority {
		return nil
	}
	there, err := in.exists(entraDir + "/" + authorityFile)
	if err != nil || !there {
		return err
	}
	in.record.Authority = true
	return in.writeRecord()
}

// tighten takes the right to write to the directory from everybody but its owner: who may put files there administers the vault.
func (in *Installation) tighten() error {
	if runtime.GOOS == "windows" { // where modes say nothing
		return nil
	}
	fi, err := in.FS.Stat(in.Dir)
	if err != nil {
		return fmt.Errorf("looking at the data directory: %w", err)
	}
	const others = 0o022
	was := fi.Mode()
	if was.Perm()&others == 0 {
		return nil
	}
	if err := os.Chmod(in.Dir, was&^others); err != nil {
		return code.Wrap(code.ConfigInvalid, "opening the data directory", in.Dir,
			fmt.Errorf("others may write to it (mode %#o), and that cannot be changed: take a directory of its own: %w", was.Perm(), err))
	}
	in.Log.Warn("others could write to the data directory; now its owner alone can", "dir", in.Dir, "mode was", fmt.Sprintf("%#o", was.Perm()))
	return nil
}
