//go:build !windows

package install_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/internal/fsys"
	"latchkey/ops/install"
)

// dist makes a directory as make dist does, with contents that tell a version.
func dist(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	sums := ""
	for _, name := range []string{"liblatchkey-ekm.so", "latchkey-ekm-loader", "systemd/latchkey-agent.service", "systemd/latchkey-agent.socket", "systemd/latchkey.sysusers"} {
		content := []byte(name + " " + version)
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o600)); err != nil {
			t.Fatal(err)
		}
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(content), name)
	}
	if err := os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func options(t *testing.T) install.Options {
	t.Helper()
	program := filepath.Join(t.TempDir(), "latchkey")
	if err := os.WriteFile(program, []byte("the program"), 0o700); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(t.TempDir(), "root")
	return install.Options{FS: fsys.OS{}, Machine: install.OS{}, Source: dist(t, "1"), Program: program, Root: root, Allow: []string{"mssql"}}
}

// tree is what is below a directory: permissions and content by path.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := "directory"
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b)
		}
		got[strings.TrimPrefix(path, root)] = fmt.Sprintf("%04o %s", info.Mode().Perm(), content)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return got
}

func plan(t *testing.T, o install.Options) []install.Step {
	t.Helper()
	steps, err := install.Linux(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

func apply(t *testing.T, steps []install.Step) func(context.Context) error {
	t.Helper()
	undo, err := install.Apply(t.Context(), steps, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return undo
}

func TestLinux(t *testing.T) {
	o := options(t)
	steps := plan(t, o)
	if got := tree(t, o.Root); len(got) != 0 {
		t.Errorf("a plan changed %v", got)
	}
	apply(t, steps)
	want := map[string]string{
		"/usr/lib/latchkey":                          "0755 directory",
		"/usr/lib/latchkey/liblatchkey-ekm.so":       "0755 liblatchkey-ekm.so 1",
		"/usr/lib/latchkey/latchkey-ekm-loader":      "0755 latchkey-ekm-loader 1",
		"/usr/bin":                                   "0755 directory",
		"/usr/bin/latchkey":                          "0755 the program",
		"/usr/lib/sysusers.d/latchkey.conf":          "0644 systemd/latchkey.sysusers 1",
		"/etc/latchkey":                              "0755 directory",
		"/etc/latchkey/agent.json":                   "0644 {\n  \"allow\": [\n    \"mssql\"\n  ]\n}\n",
		"/etc/systemd/system/latchkey-agent.socket":  "0644 systemd/latchkey-agent.socket 1",
		"/etc/systemd/system/latchkey-agent.service": "0644 systemd/latchkey-agent.service 1",
	}
	got := tree(t, o.Root)
	for path, w := range want {
		if got[path] != w {
			t.Errorf("%s is %q, want %q", path, got[path], w)
		}
	}
	// Again: nothing is left, also after an administrator changed the settings.
	if left := install.Left(plan(t, o)); left != 0 {
		t.Errorf("%d steps are left", left)
	}
	settings := filepath.Join(o.Root, "etc/latchkey/agent.json")
	mine := `{"allow": ["mssql", "other"], "budgetSeconds": 20}`
	if err := os.WriteFile(settings, []byte(mine), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Allow = nil
	if left := install.Left(plan(t, o)); left != 0 {
		t.Errorf("with settings of one's own %d steps are left", left)
	}
	// Permissions that others widened are narrowed, and that alone is left.
	if err := errors.Join(os.Chmod(settings, 0o666), os.Chmod(filepath.Dir(o.Library()), 0o777)); err != nil {
		t.Fatal(err)
	}
	steps = plan(t, o)
	if left := install.Left(steps); left != 2 {
		t.Errorf("%d steps are left, want those of two permissions", left)
	}
	apply(t, steps)
	if got := tree(t, o.Root); got["/etc/latchkey/agent.json"] != "0644 "+mine || got["/usr/lib/latchkey"] != "0755 directory" {
		t.Errorf("%v", got)
	}
	// An upgrade replaces what is of the build, and can be taken back.
	before := tree(t, o.Root)
	o.Source = dist(t, "2")
	undo := apply(t, plan(t, o))
	if got := tree(t, o.Root)["/usr/lib/latchkey/liblatchkey-ekm.so"]; got != "0755 liblatchkey-ekm.so 2" {
		t.Errorf("after the upgrade the library is %q", got)
	}
	if err := undo(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, tree(t, o.Root)); diff != "" {
		t.Errorf("taken back (-before +after):\n%s", diff)
	}
}

// Whatever fails, everything is as it was.
func TestFailures(t *testing.T) {
	fresh := options(t)
	old := options(t)
	apply(t, plan(t, old))
	old.Source = dist(t, "2")
	for name, o := range map[string]install.Options{"nothing was there": fresh, "an upgrade": old} {
		t.Run(name, func(t *testing.T) {
			before := tree(t, o.Root)
			files := func() map[string]string { // directories of the system's that were made may stay
				got := tree(t, o.Root)
				for path, v := range got {
					if _, was := before[path]; !was && strings.HasSuffix(v, " directory") {
						delete(got, path)
					}
				}
				return got
			}
			boom := errors.New("the disk is full")
			for n := 1; ; n++ {
				seen, broke := 0, false
				faulty := o
				faulty.FS = fsys.NewFaulty(fsys.OS{}, func(op fsys.Op) error {
					if op.Kind&(fsys.OpWrite|fsys.OpRename) == 0 || broke {
						return nil // taking back must work
					}
					if seen++; seen == n {
						broke = true
						return boom
					}
					return nil
				})
				steps, err := install.Linux(t.Context(), faulty)
				if err != nil {
					t.Fatal(err)
				}
				undo, err := install.Apply(t.Context(), steps, io.Discard)
				if !broke {
					broke = true // no fault any more
					if err != nil || n < 5 {
						t.Fatalf("%d: %v", n, err)
					}
					if err := undo(t.Context()); err != nil {
						t.Fatal(err)
					}
					return
				}
				if !errors.Is(err, boom) {
					t.Errorf("%d: %v", n, err)
				}
				if diff := cmp.Diff(before, files()); diff != "" {
					t.Errorf("%d: (-before +after):\n%s", n, diff)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	cases := map[string]struct {
		change func(*install.Options)
		want   string
	}{
		"nobody to serve": {func(o *install.Options) { o.Allow = nil }, "nobody is named"},
		"a changed file": {func(o *install.Options) {
			if err := os.WriteFile(filepath.Join(o.Source, "liblatchkey-ekm.so"), []byte("evil"), 0o600); err != nil {
				t.Error(err)
			}
		}, "was changed or is not whole"},
		"a file without a checksum": {func(o *install.Options) {
			if err := os.WriteFile(filepath.Join(o.Source, "SHA256SUMS"), nil, 0o600); err != nil {
				t.Error(err)
			}
		}, "is not in SHA256SUMS"},
		"a missing library": {func(o *install.Options) { o.Source = t.TempDir() }, "liblatchkey-ekm.so"},
		"settings without the account": {func(o *install.Options) {
			dir := filepath.Join(o.Root, "etc/latchkey")
			if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "agent.json"), []byte(`{"allow":["sql2"]}`), 0o644)); err != nil {
				t.Error(err)
			}
		}, `does not allow "mssql"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			c.change(&o)
			if _, err := install.Linux(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// machine notes what is run on it, over a file system in memory: systemd's part.
type machine struct {
	ran             []string
	enabled, active bool
	fail            string
}

func (*machine) Sound(string, fs.FileMode) (bool, error) { return true, nil }
func (*machine) Secure(string, fs.FileMode) error        { return nil }

func (m *machine) Run(_ context.Context, name string, args ...string) error {
	line := strings.Join(append([]string{name}, args...), " ")
	switch {
	case strings.Contains(line, "is-enabled"):
		return yes(m.enabled)
	case strings.Contains(line, "is-active"):
		return yes(m.active)
	}
	m.ran = append(m.ran, line)
	if m.fail != "" && strings.Contains(line, m.fail) {
		return errors.New("it failed")
	}
	switch {
	case strings.Contains(line, "enable --now"):
		m.enabled, m.active = true, true
	case strings.Contains(line, "disable --now"):
		m.enabled, m.active = false, false
	}
	return nil
}

func yes(b bool) error {
	if b {
		return nil
	}
	return errors.New("no")
}

func TestService(t *testing.T) {
	disk := fsys.NewMem()
	copyTo := func(from string) {
		for name, v := range tree(t, from) {
			_, content, _ := strings.Cut(v, " ")
			if content == "directory" {
				continue
			}
			if err := errors.Join(disk.MkdirAll(filepath.Dir("/dist"+name), 0o755), fsys.WriteFile(disk, "/dist"+name, []byte(content), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
	}
	copyTo(dist(t, "1"))
	if err := fsys.WriteFile(disk, "/dist/latchkey", []byte("the program"), 0o755); err != nil {
		t.Fatal(err)
	}
	m := &machine{}
	o := install.Options{FS: disk, Machine: m, Source: "/dist", Program: "/dist/latchkey", Allow: []string{"mssql"}}
	if _, err := install.Linux(t.Context(), o); err == nil || !strings.Contains(err.Error(), "systemd does not run here") {
		t.Errorf("without systemd: %v", err)
	}
	if err := disk.MkdirAll("/run/systemd/system", 0o755); err != nil {
		t.Fatal(err)
	}
	m.fail = "agent status" // the last: everything is taken back
	if _, err := install.Apply(t.Context(), plan(t, o), io.Discard); err == nil {
		t.Error("an agent that does not answer is none")
	}
	if m.enabled || m.active {
		t.Error("the service stayed")
	}
	if _, err := disk.Stat(o.Library()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the library stayed: %v", err)
	}
	m.fail = ""
	apply(t, plan(t, o))
	if !m.enabled || !m.active {
		t.Error("the service does not run")
	}
	m.ran = nil
	apply(t, plan(t, o))
	if len(m.ran) != 0 {
		t.Errorf("again, it ran %q", m.ran)
	}
	copyTo(dist(t, "2"))
	apply(t, plan(t, o))
	if !slices.Contains(m.ran, "systemctl restart latchkey-agent.service") {
		t.Errorf("an upgrade ran %q", m.ran)
	}
}
