package connector

import (
	"fmt"
	"io"

	"golang.org/x/sys/windows/svc/eventlog"
)

// SystemLog makes an observer that writes to the Windows Application log under source, and what closes it. An empty source is
// "Latchkey". The source is registered once by an administrator (eventlog.InstallAsEventCreate does it; the installer too).
func SystemLog(source string, level LogLevel) (func(Event), io.Closer, error) {
	if source == "" {
		source = "Latchkey"
	}
	log, err := eventlog.Open(source)
	if err != nil {
		return nil, nil, fmt.Errorf("opening the event log as %q: %w", source, err)
	}
	return func(e Event) {
		bad := e.Kind.bad(&e)
		if level == LogNone || level == LogError && !bad {
			return
		}
		text := e.Kind.String()
		for _, a := range e.attrs() {
			text += "\r\n" + a.Key + ": " + a.Value.String()
		}
		id := uint32(e.Kind)
		if bad {
			_ = log.Error(id, text)
		} else {
			_ = log.Info(id, text)
		}
	}, log, nil
}
