//go:build unix

package agentd

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"latchkey/connector"
)

// hangups tells of SIGHUP, which asks for the settings to be read at once.
func hangups() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// systemLog is nothing here: the connector's events go to the agent's own log.
func systemLog(string, connector.LogLevel) (func(connector.Event), func() error, error) {
	return nil, func() error { return nil }, nil
}

func registryMap() (connector.Map, error) { return nil, errors.ErrUnsupported }
