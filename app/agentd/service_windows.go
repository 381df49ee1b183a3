package agentd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"latchkey/agent/peer"
)

// AsService runs run under the service manager of Windows if that started this process; otherwise ran is false. run's context ends
// when the service is to stop; its log is the Application log.
func AsService(name string, run func(ctx context.Context, log *slog.Logger) error) (ran bool, err error) {
	is, err := svc.IsWindowsService()
	if err != nil || !is {
		return false, err
	}
	log, closeLog := eventLogger()
	defer closeLog()
	h := &handler{run: run, log: log}
	if err := svc.Run(name, h); err != nil {
		return true, fmt.Errorf("running as the service %q: %w", name, err)
	}
	return true, h.err
}

// serviceAccount is the account that Install gives the service, where it is installed. The library trusts it too.
func serviceAccount() []peer.Account {
	a, err := peer.LookupAccounts([]string{`NT SERVICE\` + ServiceName})
	if err != nil {
		return nil
	}
	return a
}

// handler is what the service manager talks to.
type handler struct {
	run func(ctx context.Context, log *slog.Logger) error
	log *slog.Logger
	err error
}

// Execute runs the agent and answers the manager; it is called by it.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	const accepts = svc.AcceptStop | svc.AcceptShutdown
	status <- svc.Status{State: svc.StartPending}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- h.run(ctx, h.log) }()
	status <- svc.Status{State: svc.Running, Accepts: accepts}
	for {
		select {
		case h.err = <-done:
			if h.err != nil {
				h.log.Error("the agent ended", "error", h.err.Error())
				return false, uint32(windows.ERROR_SERVICE_SPECIFIC_ERROR)
			}
			return false, 0
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending, WaitHint: uint32((70 * time.Second).Milliseconds())}
				cancel()
			}
		}
	}
}

// eventLogger logs to the Application log; without a source, to nowhere: a service has no terminal.
func eventLogger() (*slog.Logger, func()) {
	l, err := eventlog.Open(EventSource)
	if err != nil {
		return slog.New(slog.DiscardHandler), func() {}
	}
	return slog.New(&eventHandler{log: l, level: slog.LevelInfo}), func() { _ = l.Close() }
}

// eventHandler writes records as events. Ids are 100 plus: those below are the connector's.
type eventHandler struct {
	log   *eventlog.Log
	level slog.Level
	attrs string
}

// Enabled reports whether a level is written.
func (h *eventHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle writes one record.
func (h *eventHandler) Handle(_ context.Context, r slog.Record) error {
	text := r.Message + h.attrs
	r.Attrs(func(a slog.Attr) bool {
		text += "\r\n" + a.Key + ": " + a.Value.String()
		return true
	})
	const id = 100
	switch {
	case r.Level >= slog.LevelError:
		return h.log.Error(id+2, text)
	case r.Level >= slog.LevelWarn:
		return h.log.Warning(id+1, text)
	}
	return h.log.Info(id, text)
}

// WithAttrs adds attributes to every record.
func (h *eventHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	for _, a := range attrs {
		c.attrs += "\r\n" + a.Key + ": " + a.Value.String()
	}
	return &c
}

// WithGroup is not told apart in a text.
func (h *eventHandler) WithGroup(string) slog.Handler { return h }

// Install makes the service, to be started at boot, and the source of its events. It changes a service of that name that is there.
func Install(c ServiceConfig) error {
	c.fill()
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("opening the service manager: %w; run this as an administrator", err)
	}
	defer func() { _ = m.Disconnect() }()
	config := mgr.Config{
		DisplayName: "Latchkey agent", StartType: mgr.StartAutomatic, ServiceStartName: c.Account,
		Description: "Reaches key vaults for the cryptographic provider of SQL Server. Databases that are encrypted cannot be opened while it is stopped.",
	}
	s, err := m.OpenService(c.Name)
	if err == nil {
		defer s.Close()
		config.BinaryPathName = command(c)
		config.ServiceType, config.ErrorControl = windows.SERVICE_WIN32_OWN_PROCESS, mgr.ErrorNormal
		if err := s.UpdateConfig(config); err != nil {
			return fmt.Errorf("changing the service %q: %w", c.Name, err)
		}
	} else {
		if s, err = m.CreateService(c.Name, c.Program, config, c.Args...); err != nil {
			return fmt.Errorf("making the service %q: %w", c.Name, err)
		}
		defer s.Close()
	}
	again := []mgr.RecoveryAction{
		{Type: mgr.ServiceRestart, Delay: time.Second}, {Type: mgr.ServiceRestart, Delay: 5 * time.Second}, {Type: mgr.ServiceRestart, Delay: 30 * time.Second},
	}
	if err := s.SetRecoveryActions(again, 3600); err != nil {
		return fmt.Errorf("setting what happens when the service fails: %w", err)
	}
	// The levels' names in the registry; the message file is the system's own, which has one text for every id below 1000.
	if err := eventlog.InstallAsEventCreate(EventSource, eventlog.Error|eventlog.Warning|eventlog.Info); err != nil && !isThere(err) {
		return fmt.Errorf("registering the source %q of events: %w", EventSource, err)
	}
	return tellLibrary(c)
}

func (c *ServiceConfig) fill() {
	if c.Name == "" {
		c.Name = ServiceName
	}
	if c.Account == "" {
		c.Account = `NT SERVICE\` + c.Name
	}
}

// libraryKey is where the library of SQL Server looks for what only an administrator may say: who may own the pipe (AgentOwner, a SID) and
// its address where that is not the default (Agent). What program may serve it (AgentImage) is left to the administrator: the library can check it
// only where SQL Server's account may look at the agent's process, which it may not by default.
const libraryKey = `SOFTWARE\Latchkey`

func tellLibrary(c ServiceConfig) error {
	values := map[string]string{}
	if !strings.EqualFold(c.Account, `NT SERVICE\`+ServiceName) { // whom it trusts without being told
		sid, _, _, err := windows.LookupSID("", c.Account)
		if err != nil {
			return fmt.Errorf("finding the account %q: %w", c.Account, err)
		}
		values["AgentOwner"] = sid.String()
	}
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, libraryKey, registry.SET_VALUE)
	if err != nil {
		return fmt.Errorf("telling the library of the agent: %w", err)
	}
	defer k.Close()
	if c.Listen != "" {
		values["Agent"] = c.Listen
	}
	for name, v := range values {
		if err := k.SetStringValue(name, v); err != nil {
			return fmt.Errorf("telling the library of the agent: %s: %w", name, err)
		}
	}
	for _, name := range []string{"Agent", "AgentOwner"} { // of an installation before this one
		if values[name] == "" {
			_ = k.DeleteValue(name)
		}
	}
	return nil
}

func untellLibrary() {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, libraryKey, registry.SET_VALUE)
	if err != nil {
		return
	}
	defer k.Close()
	for _, name := range []string{"Agent", "AgentOwner"} {
		_ = k.DeleteValue(name)
	}
}

// isThere reports the error of a source that was registered before, which the package gives as a text alone.
func isThere(err error) bool {
	return err != nil && err.Error() == `SYSTEM\CurrentControlSet\Services\EventLog\Application\`+EventSource+" registry key already exists"
}

func command(c ServiceConfig) string {
	s := windows.EscapeArg(c.Program)
	for _, a := range c.Args {
		s += " " + windows.EscapeArg(a)
	}
	return s
}

// Uninstall stops and removes the service and the source of its events.
func Uninstall(name string) error {
	if name == "" {
		name = ServiceName
	}
	m, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("opening the service manager: %w; run this as an administrator", err)
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(name)
	if err != nil {
		return fmt.Errorf("opening the service %q: %w", name, err)
	}
	defer s.Close()
	if _, err := s.Control(svc.Stop); err != nil && !errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return fmt.Errorf("stopping the service %q: %w", name, err)
	}
	if err := s.Delete(); err != nil {
		return fmt.Errorf("removing the service %q: %w", name, err)
	}
	_ = eventlog.Remove(EventSource) // it may have been gone
	untellLibrary()
	return nil
}
