package install

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"latchkey/internal/fsys"
)

// Options say what to install.
type Options struct {
	FS      fsys.FS
	Machine Machine
	Source  string // a directory as make dist makes it
	Program string // path of the latchkey that is installed
	// Root is put before all paths; "" is the machine itself, whose systemd is told.
	Root string
	// Allow are the accounts of database servers, for settings that are not there yet.
	Allow []string
}

// LibraryName is what a database server loads on Linux.
const LibraryName = "liblatchkey-ekm.so"

// Where things go on Linux.
const (
	libraryDir  = "/usr/lib/latchkey"
	settings    = "/etc/latchkey/agent.json"
	units       = "/etc/systemd/system"
	serviceUnit = "latchkey-agent.service"
	socketUnit  = "latchkey-agent.socket"
)

// Library is where the library lies after Linux, as a server on this machine names it.
func (o Options) Library() string { return filepath.Join(o.Root, libraryDir, LibraryName) }

// Linux gives the steps for a machine with systemd.
func Linux(ctx context.Context, o Options) ([]Step, error) {
	source, err := OpenSource(o.FS, o.Source)
	if err != nil {
		return nil, err
	}
	p := &planner{o: o, disk: Disk{FS: o.FS, Machine: o.Machine}, source: source}
	p.directory(libraryDir, 0o755)
	p.copy(libraryDir+"/"+LibraryName, LibraryName, 0o755, false)
	p.copy(libraryDir+"/latchkey-ekm-loader", "latchkey-ekm-loader", 0o755, true)
	program, err := fsys.ReadFile(o.FS, o.Program, limit)
	if err != nil {
		return nil, err
	}
	p.parent("/usr/bin")
	p.file("/usr/bin/latchkey", program, 0o755)
	p.parent("/usr/lib/sysusers.d")
	p.copy("/usr/lib/sysusers.d/latchkey.conf", "systemd/latchkey.sysusers", 0o644, false)
	p.directory("/etc/latchkey", 0o755)
	p.settings()
	p.parent(units)
	p.copy(units+"/"+socketUnit, "systemd/"+socketUnit, 0o644, false)
	p.copy(units+"/"+serviceUnit, "systemd/"+serviceUnit, 0o644, false)
	if p.err != nil {
		return nil, p.err
	}
	if o.Root == "" {
		p.service(ctx)
	}
	return p.steps, p.err
}

type planner struct {
	o      Options
	disk   Disk
	source *Source
	steps  []Step
	err    error
}

func (p *planner) add(s Step, err error) {
	if err != nil {
		p.err = errors.Join(p.err, err)
		return
	}
	p.steps = append(p.steps, s)
}

func (p *planner) directory(name string, mode fs.FileMode) {
	p.add(p.disk.Directory(filepath.Join(p.o.Root, name), mode))
}

// parent makes a directory of the system only where it is missing; its permissions are the system's matter.
func (p *planner) parent(name string) {
	if _, err := p.o.FS.Stat(filepath.Join(p.o.Root, name)); errors.Is(err, fs.ErrNotExist) {
		p.directory(name, 0o755)
	}
}

func (p *planner) file(name string, content []byte, mode fs.FileMode) {
	p.add(p.disk.File(filepath.Join(p.o.Root, name), content, mode))
}

func (p *planner) copy(to, from string, mode fs.FileMode, optional bool) {
	content, err := p.source.Read(from)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		p.err = errors.Join(p.err, err)
		return
	}
	p.file(to, content, mode)
}

// settings are written where there are none: what an administrator wrote stays, but must not be writable for others.
func (p *planner) settings() {
	name := filepath.Join(p.o.Root, settings)
	content, err := fsys.ReadFile(p.o.FS, name, 1<<20)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if len(p.o.Allow) == 0 {
			p.err = errors.Join(p.err, fmt.Errorf("%s is not there, and nobody is named whom the agent is to serve", name))
			return
		}
		content, err = Settings(p.o.Allow)
	case err == nil:
		var have struct {
			Allow []string `json:"allow"`
		}
		if err = json.Unmarshal(content, &have); err == nil {
			for _, a := range p.o.Allow {
				if !slices.Contains(have.Allow, a) {
					err = fmt.Errorf("%s is there and does not allow %q: add it there", name, a)
				}
			}
		}
	}
	if err != nil {
		p.err = errors.Join(p.err, err)
		return
	}
	p.file(settings, content, 0o644)
}

// Settings are those of an agent that serves these accounts.
func Settings(allow []string) ([]byte, error) {
	b, err := json.MarshalIndent(map[string]any{"allow": allow}, "", "  ")
	return append(b, '\n'), err
}

// service makes the agent's account and starts the units. An agent that runs already is restarted if anything of it changed: sessions go on over that.
func (p *planner) service(ctx context.Context) {
	m := p.o.Machine
	changed := Left(p.steps) > 0
	_, err := p.o.FS.Stat("/run/systemd/system") // as sd_booted(3) asks
	if errors.Is(err, fs.ErrNotExist) {
		p.err = errors.New("systemd does not run here: install below another root, or start latchkey agent serve in your own way")
		return
	}
	is := func(what string) bool {
		return m.Run(ctx, "systemctl", "--quiet", what, socketUnit) == nil && m.Run(ctx, "systemctl", "--quiet", what, serviceUnit) == nil
	}
	enabled, active := is("is-enabled"), is("is-active")
	p.add(Step{
		Title: "account latchkey, and systemd's view of the units", Done: !changed && enabled,
		Do: func(ctx context.Context) error {
			if err := m.Run(ctx, "systemd-sysusers", "/usr/lib/sysusers.d/latchkey.conf"); err != nil {
				return err
			}
			return m.Run(ctx, "systemctl", "daemon-reload")
		},
		// The account stays: files may belong to it. This runs before the files are taken back, and the manager reads them when it is asked next.
		Undo: nil,
	}, nil)
	p.add(Step{
		Title: "settings that the agent accepts",
		Done:  !changed && active,
		Do: func(ctx context.Context) error {
			return m.Run(ctx, "/usr/bin/latchkey", "agent", "serve", "--check", "--config", settings)
		},
	}, nil)
	p.add(Step{
		Title: "start the agent, now and with the machine", Done: !changed && enabled && active,
		Do: func(ctx context.Context) error {
			if err := m.Run(ctx, "systemctl", "enable", "--now", socketUnit, serviceUnit); err != nil {
				return err
			}
			if active {
				return m.Run(ctx, "systemctl", "restart", serviceUnit)
			}
			return nil
		},
		Undo: func(ctx context.Context) error {
			if enabled {
				return nil
			}
			return m.Run(ctx, "systemctl", "disable", "--now", socketUnit, serviceUnit)
		},
	}, nil)
	p.add(Step{
		Title: "the agent answers", Done: !changed && active,
		Do: func(ctx context.Context) error { return m.Run(ctx, "/usr/bin/latchkey", "agent", "status") },
	}, nil)
}
