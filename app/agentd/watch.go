package agentd

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"time"

	"latchkey/agent/peer"
	"latchkey/internal/clock"
	"latchkey/internal/fsys"
)

// lookEvery is how often the settings' file is looked at.
const lookEvery = 2 * time.Second

// watch takes changed settings over.
func (d *daemon) watch(ctx context.Context) {
	hup, stop := hangups() // caught without a file too: it must not end the process
	defer stop()
	for {
		if d.cfg.File == "" {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				d.cfg.Log.Info("there is no settings' file to read again (--config)")
			}
			continue
		}
		t := d.cfg.Clock.NewTimer(lookEvery)
		asked := false
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-hup:
			t.Stop()
			asked = true
		case <-t.C():
		}
		now := d.sum()
		if now == d.seen && !asked {
			continue
		}
		d.seen = now
		if err := d.reload(); err != nil {
			d.cfg.Log.Error("the changed settings cannot be used; the old ones go on", "file", d.cfg.File, "error", err.Error())
		}
	}
}

// sum identifies the file's content; that of a file that cannot be read is its own.
func (d *daemon) sum() [sha256.Size]byte {
	b, err := fsys.ReadFile(d.cfg.FS, d.cfg.File, 1<<20)
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(b)
}

// reload reads the settings and makes them take effect.
func (d *daemon) reload() error {
	s, err := d.cfg.Load()
	if err != nil {
		return err
	}
	accounts, err := peer.LookupAccounts(s.Allow)
	if err != nil {
		return fmt.Errorf("allow: %w", err)
	}
	old := d.current.Load()
	if s.Listen != old.Listen || s.Limits.Calls != old.Limits.Calls {
		d.cfg.Log.Warn("listen and limits.calls take effect with a restart")
	}
	if old.sameService(s) {
		d.current.Store(s)
		d.gate.Set(accounts)
		d.cfg.Log.Info("settings read again", "file", d.cfg.File)
		return nil
	}
	p, err := d.provider(s)
	if err != nil {
		return err
	}
	if err := d.server.Change(p, s.limits()); err != nil {
		return err
	}
	d.current.Store(s)
	d.gate.Set(accounts)
	d.cfg.Log.Info("settings changed: sessions move to them with their next call", "file", d.cfg.File)
	return nil
}

// watchdog tells systemd that the agent lives, as WATCHDOG_USEC asks: while its state can be read, which a deadlock would not let.
func (d *daemon) watchdog(ctx context.Context) {
	text, _ := d.cfg.LookupEnv("WATCHDOG_USEC")
	usec, err := strconv.ParseInt(text, 10, 64)
	if err != nil || usec <= 0 {
		return
	}
	for clock.Sleep(ctx, d.cfg.Clock, time.Duration(usec)*time.Microsecond/3) == nil {
		s := d.server.Status()
		d.notify(fmt.Sprintf("WATCHDOG=1\nSTATUS=%d sessions, %d calls run", s.Sessions, s.Running))
	}
}
