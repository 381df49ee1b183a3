package agentd

import (
	"context"
	"errors"
	"net"
	"time"

	"latchkey/agent/client"
	"latchkey/agent/peer"
	"latchkey/ekm/code"
)

// Status is what an agent says of itself.
type Status struct {
	Address     string        `json:"address"`
	Version     string        `json:"version"`
	Uptime      time.Duration `json:"-"`
	UptimeMS    int64         `json:"uptimeMs"`
	Connections int           `json:"connections"`
	Sessions    int           `json:"sessions"`
	Running     int           `json:"runningCalls"`
	Going       bool          `json:"leaving"`
	RoundTrip   time.Duration `json:"-"`
	RoundTripUS int64         `json:"roundTripUs"`
	Provider    string        `json:"provider"`
}

// Ask asks the agent at an address how it is, as the library would: with the same checks of who listens.
func Ask(ctx context.Context, address string, owners []string, insecure bool, now func() time.Time) (*Status, error) {
	a, err := peer.ParseAddress(address)
	if err != nil {
		return nil, code.Wrap(code.ConfigInvalid, "asking the agent", "", err)
	}
	accounts, err := peer.LookupAccounts(owners)
	if err != nil {
		return nil, err
	}
	accounts = append(accounts, serviceAccount()...)
	cfg := client.Config{
		Name: "latchkey agent status", ConnectWait: time.Nanosecond,
		Dial: func(ctx context.Context) (net.Conn, error) {
			return peer.Dial(ctx, peer.DialConfig{Address: a, Owners: accounts, Insecure: insecure})
		},
	}
	s := &Status{Address: a.String()}
	from := now()
	p, err := client.Ping(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.RoundTrip = now().Sub(from)
	s.Version, s.Uptime, s.Connections, s.Sessions = p.Version, time.Duration(p.Uptime)*time.Millisecond, int(p.Connections), int(p.Sessions)
	s.Running, s.Going = int(p.Running), p.Going
	s.UptimeMS, s.RoundTripUS = s.Uptime.Milliseconds(), s.RoundTrip.Microseconds()
	provider, err := client.New(ctx, cfg)
	if err != nil {
		return nil, err
	}
	s.Provider = provider.Info().Name
	return s, errors.Join(provider.Close())
}
