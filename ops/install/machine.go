package install

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// OS is this machine. Its zero value is ready.
type OS struct{}

// Run runs a program to its end; the error has what it said.
func (OS) Run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(out))
	if said != "" {
		said = ": " + said
	}
	return fmt.Errorf("%s %s: %w%s", name, strings.Join(args, " "), err, said)
}
