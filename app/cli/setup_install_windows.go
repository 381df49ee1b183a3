package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"latchkey/app/agentd"
	"latchkey/internal/fsys"
	"latchkey/ops/install"
)

// libraryName is what SQL Server loads.
const libraryName = "latchkey-ekm.dll"

// machineSteps are those of this system.
func machineSteps(_ context.Context, c *call, o install.Options) ([]install.Step, string, error) {
	if o.Root != "" {
		return nil, "", usagef("--root is for Linux: the service and the registry are the machine's own")
	}
	programs, _ := c.LookupEnv("ProgramFiles")
	data, _ := c.LookupEnv("ProgramData")
	if programs == "" || data == "" {
		return nil, "", errors.New("the environment has no ProgramFiles and ProgramData")
	}
	programs, data = filepath.Join(programs, "Latchkey"), filepath.Join(data, "Latchkey")
	library, program, settings := filepath.Join(programs, libraryName), filepath.Join(programs, "latchkey.exe"), filepath.Join(data, "agent.json")
	source, err := install.OpenSource(o.FS, o.Source)
	if err != nil {
		return nil, "", err
	}
	dll, err := source.Read(libraryName)
	if err != nil {
		return nil, "", err
	}
	exe, err := fsys.ReadFile(o.FS, o.Program, 0)
	if err != nil {
		return nil, "", err
	}
	config, err := fsys.ReadFile(o.FS, settings, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		if len(o.Allow) == 0 {
			return nil, "", fmt.Errorf("%s is not there, and nobody is named whom the agent is to serve", settings)
		}
		config, err = install.Settings(o.Allow)
	}
	if err != nil {
		return nil, "", err
	}
	service := agentd.ServiceConfig{Name: agentd.ServiceName, Program: program, Args: []string{"agent", "serve", "--config", settings}}
	disk := install.Disk{FS: o.FS, Machine: o.Machine}
	var steps []install.Step
	for _, make := range []func() (install.Step, error){
		func() (install.Step, error) { return disk.Directory(programs, 0o755) }, // inherits that administrators alone may write
		func() (install.Step, error) { return disk.File(library, dll, 0o644) },
		func() (install.Step, error) { return disk.File(program, exe, 0o755) },
		func() (install.Step, error) { return disk.Directory(data, 0o755) },
		func() (install.Step, error) { return protectStep(data) },
		func() (install.Step, error) { return disk.File(settings, config, 0o644) },
		keymapStep,
		func() (install.Step, error) { return serviceStep(service) },
		func() (install.Step, error) { return eventsStep(library) },
	} {
		s, err := make()
		if err != nil {
			return nil, "", err
		}
		steps = append(steps, s)
	}
	return steps, library, nil
}

func protectStep(dir string) (install.Step, error) {
	done, err := agentd.DirectoryProtected(dir)
	return install.Step{
		Title: "access list of " + dir + ": administrators write, the agent reads", Done: done,
		Do: func(context.Context) error { return agentd.ProtectDirectory(dir) },
	}, err
}

func keymapStep() (install.Step, error) {
	done, err := agentd.KeymapGranted()
	return install.Step{
		Title: `access of the agent to HKLM\` + agentd.KeymapKey, Done: done,
		Do: func(context.Context) error { return agentd.GrantKeymap() }, // what is mapped there is never taken back
	}, err
}

func serviceStep(service agentd.ServiceConfig) (install.Step, error) {
	there, same, err := agentd.Installed(service)
	s := install.Step{
		Title: "service " + service.Name + ", and where the library finds it", Done: same,
		Do: func(context.Context) error { return agentd.Install(service) },
	}
	if !there {
		s.Undo = func(context.Context) error {
			if there, _, err := agentd.Installed(service); err != nil || !there {
				return err
			}
			return agentd.Uninstall(service.Name)
		}
	}
	return s, err
}

func eventsStep(library string) (install.Step, error) {
	was, err := agentd.MessageFile()
	return install.Step{
		Title: "source " + agentd.EventSource + " of events, with their texts", Done: was == library,
		Do:   func(context.Context) error { return agentd.SetMessageFile(library) },
		Undo: func(context.Context) error { return agentd.SetMessageFile(was) },
	}, err
}
