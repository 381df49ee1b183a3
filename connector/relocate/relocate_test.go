package relocate_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"latchkey/connector/keymap"
	"latchkey/connector/relocate"
	"latchkey/ekm"
	"latchkey/ekm/code"
	"latchkey/ekm/keystore"
	"latchkey/internal/fsys"
	"latchkey/internal/secret"
	"latchkey/keywrap"
)

const oldVault, newVault = "https://old.vault.azure.net", "https://new.vault.azure.net"

// vault is one in memory.
type vault struct {
	keys                   map[string]*keywrap.Key // by name/version
	noList                 bool
	noGet                  bool // no right at all was given yet, or a firewall
	disabled               map[string]bool
	garbled                bool
	down                   bool
	lists, gets, unwrapped int
}

func (v *vault) URL() string { return newVault }

func failed(c code.Code, class keystore.Class) error {
	return code.Wrap(c, "calling", "v", &keystore.Failure{Class: class})
}

func (v *vault) GetKey(_ context.Context, name, version string) (keystore.Key, error) {
	v.gets++
	if v.down {
		return keystore.Key{}, failed(code.HTTPConnectSession, keystore.Outage)
	}
	if v.noGet {
		return keystore.Key{}, failed(code.HTTPOperationForbidden, keystore.Refused)
	}
	k := v.keys[name+"/"+version]
	if k == nil {
		return keystore.Key{}, failed(code.HTTPResourceNotFound, keystore.Missing)
	}
	return keystore.Key{Name: name, Version: version, URI: uri(newVault, name+"/"+version), Bits: 2048, Public: public(k)}, nil
}

func (v *vault) list(name string) (out []keystore.Version, err error) {
	if v.down {
		return nil, failed(code.HTTPConnectSession, keystore.Outage)
	}
	if v.noList {
		return nil, failed(code.HTTPOperationForbidden, keystore.Refused)
	}
	v.lists++
	for at := range v.keys {
		n, version, _ := strings.Cut(at, "/")
		if name == "" {
			version = ""
		}
		if name == "" || n == name {
			out = append(out, keystore.Version{Name: n, Version: version})
		}
	}
	return out, nil
}

func (v *vault) Keys(context.Context) ([]keystore.Version, error) { return v.list("") }

func (v *vault) Versions(_ context.Context, name string) ([]keystore.Version, error) {
	return v.list(name)
}

func (v *vault) Unwrap(_ context.Context, name, version, alg string, blob []byte) (*secret.Bytes, error) {
	v.unwrapped++
	if v.disabled[name+"/"+version] {
		return nil, failed(code.HTTPOperationForbidden, keystore.Refused)
	}
	plain, err := v.keys[name+"/"+version].UnwrapKey(keywrap.Algorithm(alg), blob)
	if v.garbled {
		plain[0]++
	}
	return secret.Take(plain), err
}

func uri(vault, at string) string { return vault + "/keys/" + at }

func public(k *keywrap.Key) ekm.PublicKey {
	p, _ := k.Public().RSA()
	var e uint32
	for _, b := range p.E {
		e = e<<8 | uint32(b)
	}
	return ekm.PublicKey{N: p.N, E: e}
}

func thumb(t *testing.T, k *keywrap.Key) ekm.Thumbprint {
	t.Helper()
	got, err := public(k).Thumbprint()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// version makes a version id.
func version(n int) string { return fmt.Sprintf("%032x", n) }

// keys are a few keys, made once for each test.
func keys(t *testing.T, n int) (out []*keywrap.Key) {
	t.Helper()
	for range n {
		k, err := keywrap.Generate(keywrap.Spec{Kind: keywrap.RSA, Bits: 2048})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, k)
	}
	return out
}

func mapOf(t *testing.T, files fsys.FS, entries ...keymap.Entry) *keymap.File {
	t.Helper()
	m := keymap.OpenFile(files, "/map/keys", nil, nil)
	for _, e := range entries {
		if err := m.Put(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestMake(t *testing.T) {
	k := keys(t, 4)
	at := func(vault string, i int, place string) keymap.Entry {
		return keymap.Entry{Vault: vault, Thumbprint: thumb(t, k[i]), URI: uri(vault, place)}
	}
	one := "k1/" + version(1)
	for name, c := range map[string]struct {
		entries []keymap.Entry
		vault   *vault
		from    string
		extra   []ekm.Thumbprint
		want    []relocate.Step // Thumbprint and Err left out
		says    string
		err     string
	}{
		"restored as it was": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{keys: map[string]*keywrap.Key{one: k[0]}},
			want: []relocate.Step{{Old: uri(oldVault, one), New: uri(newVault, one), State: relocate.Ready}},
		},
		"without the right to list": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{noList: true, keys: map[string]*keywrap.Key{one: k[0]}},
			want: []relocate.Step{{Old: uri(oldVault, one), New: uri(newVault, one), State: relocate.Ready}},
		},
		"mapped already": {
			entries: []keymap.Entry{at(oldVault, 0, one), at(newVault, 0, one)}, vault: &vault{keys: map[string]*keywrap.Key{one: k[0]}},
			want: []relocate.Step{{Old: uri(oldVault, one), Have: uri(newVault, one), New: uri(newVault, one), State: relocate.Done}},
		},
		"imported anew, so under another version": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{keys: map[string]*keywrap.Key{"k1/" + version(8): k[0], "k1/" + version(9): k[1]}},
			want: []relocate.Step{{Old: uri(oldVault, one), New: uri(newVault, "k1/"+version(8)), State: relocate.Ready}},
		},
		"under another name": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{keys: map[string]*keywrap.Key{"other/" + version(8): k[0]}},
			want: []relocate.Step{{Old: uri(oldVault, one), New: uri(newVault, "other/"+version(8)), State: relocate.Ready}},
		},
		"the map says another place": {
			entries: []keymap.Entry{at(oldVault, 0, one), at(newVault, 0, "gone/"+version(3))}, vault: &vault{keys: map[string]*keywrap.Key{one: k[0]}},
			want: []relocate.Step{{Old: uri(oldVault, one), Have: uri(newVault, "gone/"+version(3)), New: uri(newVault, one), State: relocate.Replace}},
		},
		"another key of the same name and version": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{keys: map[string]*keywrap.Key{one: k[1]}},
			want: []relocate.Step{{Old: uri(oldVault, one), State: relocate.Missing}}, says: "restore the key's backup",
		},
		"not restored, and nobody may list": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{noList: true},
			want: []relocate.Step{{Old: uri(oldVault, one), State: relocate.Missing}}, says: "cannot list",
		},
		"restored, but the right is not given yet": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{noGet: true, noList: true, keys: map[string]*keywrap.Key{one: k[0]}},
			want: []relocate.Step{{Old: uri(oldVault, one), State: relocate.Unusable}}, says: "refused",
		},
		"disabled": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{keys: map[string]*keywrap.Key{one: k[0]}, disabled: map[string]bool{one: true}},
			want: []relocate.Step{{Old: uri(oldVault, one), New: uri(newVault, one), State: relocate.Unusable}}, says: "refused",
		},
		"it unwraps to something else": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{keys: map[string]*keywrap.Key{one: k[0]}, garbled: true},
			want: []relocate.Step{{Old: uri(oldVault, one), New: uri(newVault, one), State: relocate.Unusable}}, says: "something else",
		},
		"the new vault does not answer": {
			entries: []keymap.Entry{at(oldVault, 0, one)}, vault: &vault{down: true},
			want: []relocate.Step{{Old: uri(oldVault, one), State: relocate.Unknown}}, says: "outage",
		},
		"of one old vault alone": {
			entries: []keymap.Entry{at(oldVault, 0, one), at("https://third.example", 1, one)}, from: "OLD.vault.azure.net/", vault: &vault{keys: map[string]*keywrap.Key{one: k[0]}},
			want: []relocate.Step{{Old: uri(oldVault, one), New: uri(newVault, one), State: relocate.Ready}},
		},
		"the map is lost too": {
			extra: []ekm.Thumbprint{thumb(t, k[0])}, vault: &vault{keys: map[string]*keywrap.Key{one: k[0]}},
			want: []relocate.Step{{New: uri(newVault, one), State: relocate.Ready}},
		},
		"nothing to do":       {vault: &vault{}, err: "knows no key"},
		"from itself":         {entries: []keymap.Entry{at(newVault, 0, one)}, from: newVault, vault: &vault{}, err: "both"},
		"keys of the new one": {entries: []keymap.Entry{at(newVault, 0, one)}, vault: &vault{}, err: "knows no key"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fsys.NewMem()
			m := mapOf(t, files, c.entries...)
			was, _ := m.Entries(t.Context())
			p, err := relocate.Make(t.Context(), relocate.Config{Map: m, Vault: c.vault, From: c.from, Thumbprints: c.extra})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for i := range p.Steps {
				if e := p.Steps[i].Err; (e == nil) != (c.says == "") || e != nil && !strings.Contains(e.Error(), c.says) {
					t.Errorf("it says %v", e)
				}
				p.Steps[i].Thumbprint, p.Steps[i].Err = "", nil
			}
			if d := cmp.Diff(c.want, p.Steps); d != "" {
				t.Error(d)
			}
			if now, _ := m.Entries(t.Context()); !cmp.Equal(was, now) {
				t.Error("a plan changed the map")
			}
		})
	}
}

// What is missing keeps no other key from being mapped, the list of all keys is read once, and the journal tells of each entry before and after.
func TestApply(t *testing.T) {
	k := keys(t, 4)
	v := &vault{keys: map[string]*keywrap.Key{"k0/" + version(1): k[0], "elsewhere/" + version(2): k[1]}}
	var entries []keymap.Entry
	for i := range k {
		entries = append(entries, keymap.Entry{Vault: oldVault, Thumbprint: thumb(t, k[i]), URI: uri(oldVault, fmt.Sprintf("k%d/%s", i, version(1)))})
	}
	files := fsys.NewMem()
	m := mapOf(t, files, entries...)
	p, err := relocate.Make(t.Context(), relocate.Config{Map: m, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	if p.Open() != 2 {
		t.Errorf("%d cannot be mended", p.Open())
	}
	var told []string
	note := func(what string) func(relocate.Step) error {
		return func(s relocate.Step) error { told = append(told, what+" "+s.New); return nil }
	}
	if err := p.Apply(t.Context(), note("begin"), note("done")); err != nil {
		t.Fatal(err)
	}
	if len(told) != 4 || strings.Replace(told[0], "begin", "done", 1) != told[1] {
		t.Errorf("the journal has %q", told)
	}
	again := keymap.OpenFile(files, "/map/keys", nil, nil)
	for i, want := range []string{uri(newVault, "k0/"+version(1)), uri(newVault, "elsewhere/"+version(2)), "", ""} {
		if got, err := again.Get(t.Context(), newVault, thumb(t, k[i])); got != want || (err != nil) != (want == "") {
			t.Errorf("key %d: %q, %v", i, got, err)
		}
		if got, err := again.Get(t.Context(), oldVault, thumb(t, k[i])); err != nil || got != entries[i].URI {
			t.Errorf("key %d of the old vault: %q, %v", i, got, err)
		}
	}
	refusing := errors.New("the journal's disk is full")
	m = mapOf(t, fsys.NewMem(), entries...)
	if p, err = relocate.Make(t.Context(), relocate.Config{Map: m, Vault: v}); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(t.Context(), func(relocate.Step) error { return refusing }, nil); !errors.Is(err, refusing) {
		t.Errorf("%v", err)
	}
	if got, _ := m.Entries(t.Context()); len(got) != len(entries) {
		t.Error("something was written that the journal has nothing of")
	}
}

// Cut short at any step of the disk's, the map is sound and says the old or the new; made again, it is done.
func TestApplyCutAtEveryStep(t *testing.T) {
	k := keys(t, 2)
	v := &vault{keys: map[string]*keywrap.Key{"k0/" + version(1): k[0], "k1/" + version(1): k[1]}}
	for step := 1; ; step++ {
		files := fsys.NewMem()
		mapOf(t, files,
			keymap.Entry{Vault: oldVault, Thumbprint: thumb(t, k[0]), URI: uri(oldVault, "k0/"+version(1))},
			keymap.Entry{Vault: oldVault, Thumbprint: thumb(t, k[1]), URI: uri(oldVault, "k1/"+version(1))},
			keymap.Entry{Vault: newVault, Thumbprint: thumb(t, k[1]), URI: uri(newVault, "gone/"+version(9))})
		n := 0
		cut := keymap.OpenFile(fsys.NewFaulty(files, func(fsys.Op) error {
			if n++; n >= step {
				return syscall.EIO
			}
			return nil
		}), "/map/keys", nil, nil)
		p, err := relocate.Make(t.Context(), relocate.Config{Map: cut, Vault: v})
		if err == nil {
			err = p.Apply(t.Context(), nil, nil)
		}
		after := files.CrashClone(fsys.Crash{Rand: rand.New(rand.NewPCG(uint64(step), 1)), Keep: 0.5, Torn: 0.5})
		m := keymap.OpenFile(after, "/map/keys", nil, func(err error) { t.Errorf("step %d: damaged: %v", step, err) })
		if uri, gerr := m.Get(t.Context(), newVault, thumb(t, k[1])); gerr != nil || !strings.Contains(uri, "gone/") && !strings.Contains(uri, "k1/") {
			t.Errorf("step %d: %q, %v", step, uri, gerr)
		}
		again, aerr := relocate.Make(t.Context(), relocate.Config{Map: m, Vault: v})
		if aerr == nil {
			aerr = again.Apply(t.Context(), nil, nil)
		}
		if aerr != nil {
			t.Fatalf("step %d: again: %v", step, aerr)
		}
		for i := range k {
			if got, gerr := m.Get(t.Context(), newVault, thumb(t, k[i])); gerr != nil || got != uri(newVault, fmt.Sprintf("k%d/%s", i, version(1))) {
				t.Errorf("step %d: key %d: %q, %v", step, i, got, gerr)
			}
		}
		if err == nil {
			break
		}
	}
}
