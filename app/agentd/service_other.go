//go:build !windows

package agentd

import (
	"context"
	"errors"
	"log/slog"

	"latchkey/agent/peer"
)

// ErrNotWindows means that something is for Windows.
var ErrNotWindows = errors.New("for Windows; on Linux install the units of packaging/systemd")

// serviceAccount is nobody: the socket's directory says who may listen.
func serviceAccount() []peer.Account { return nil }

// AsService runs run under the service manager of Windows if that started this process; ran is false here.
func AsService(string, func(ctx context.Context, log *slog.Logger) error) (ran bool, err error) {
	return false, nil
}

// Install and Uninstall are ErrNotWindows.
func Install(ServiceConfig) error { return ErrNotWindows }

// Uninstall is ErrNotWindows.
func Uninstall(string) error { return ErrNotWindows }
