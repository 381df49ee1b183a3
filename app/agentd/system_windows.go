package agentd

import (
	"os"

	"latchkey/connector"
	"latchkey/connector/keymap"
)

// hangups is nothing here: the file is looked at every two seconds.
func hangups() (<-chan os.Signal, func()) { return nil, func() {} }

// systemLog writes the connector's events to the Application log.
func systemLog(source string, level connector.LogLevel) (func(connector.Event), func() error, error) {
	f, c, err := connector.SystemLog(source, level)
	if err != nil {
		return nil, func() error { return nil }, err
	}
	return f, c.Close, nil
}

func registryMap() (connector.Map, error) { return keymap.OpenRegistry(), nil }
