//go:build !windows

package cli

import (
	"context"

	"latchkey/ops/install"
)

// machineSteps are those of this system.
func machineSteps(ctx context.Context, _ *call, o install.Options) ([]install.Step, string, error) {
	steps, err := install.Linux(ctx, o)
	return steps, o.Library(), err
}
