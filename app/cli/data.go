package cli

import (
	"errors"
	"flag"
	"path/filepath"
	"runtime"

	"latchkey/app/running"
)

// dataFlag adds --data with the directory that `latchkey up` uses by default.
func dataFlag(f *flag.FlagSet, dir *string) {
	f.StringVar(dir, "data", "", "the data directory, `DIR`; default $LATCHKEY_DATA, else latchkey in the user's data directory")
}

// dataDir is the directory that a --data flag means, absolute.
func (c *call) dataDir(flagValue string) (string, error) {
	dir := flagValue
	if dir == "" {
		dir, _ = c.LookupEnv("LATCHKEY_DATA")
	}
	if dir == "" {
		base, home := "XDG_DATA_HOME", []string{"HOME", ".local", "share"}
		if runtime.GOOS == "windows" {
			base, home = "LOCALAPPDATA", []string{"USERPROFILE", "AppData", "Local"}
		}
		dir, _ = c.LookupEnv(base)
		if dir == "" {
			h, _ := c.LookupEnv(home[0])
			if h == "" {
				return "", &usageError{msg: "no data directory: neither --data nor $" + home[0] + " is set", hint: "latchkey ... --data DIR"}
			}
			dir = filepath.Join(append([]string{h}, home[1:]...)...)
		}
		dir = filepath.Join(dir, "latchkey")
	}
	return filepath.Abs(dir)
}

// running reads what a server in the directory of --data wrote about itself.
func (c *call) running(flagValue string) (*running.Info, error) {
	dir, err := c.dataDir(flagValue)
	if err != nil {
		return nil, err
	}
	r, err := running.Read(c.FS, dir)
	if errors.Is(err, running.ErrNotRunning) {
		return nil, withHint(err, "start it with: latchkey up --data %s", dir)
	}
	return r, err
}
