package keymap_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"latchkey/connector/keymap"
	"latchkey/ekm"
	"latchkey/ekm/code"
)

const root = `SOFTWARE\Microsoft\SQL Server Cryptographic Provider`

// inWine skips tests that change the machine's registry where that is somebody's machine.
func inWine(t *testing.T) {
	t.Helper()
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() != nil {
		t.Skip("changes HKEY_LOCAL_MACHINE: only in Wine")
	}
}

// removeTree takes a key and all below it away.
func removeTree(t *testing.T, path string) {
	t.Helper()
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, path, registry.ENUMERATE_SUB_KEYS)
	if err != nil {
		return
	}
	names, _ := k.ReadSubKeyNames(-1)
	_ = k.Close()
	for _, name := range names {
		removeTree(t, path+`\`+name)
	}
	if err := registry.DeleteKey(registry.LOCAL_MACHINE, path); err != nil {
		t.Errorf("removing %s: %v", path, err)
	}
}

func TestRegistry(t *testing.T) {
	inWine(t)
	removeTree(t, root)
	t.Cleanup(func() { removeTree(t, root) })
	m := keymap.OpenRegistry()

	// The first key is the administrator's to make: without it nothing is written, and nothing found.
	if err := m.Put(t.Context(), entry(1)); code.Of(err) != code.FailureInRegistry {
		t.Errorf("Put without the root key: %v, want 2058", err)
	}
	if err := m.Check(t.Context()); code.Of(err) != code.FailureInRegistry {
		t.Errorf("Check without the root key: %v, want 2058", err)
	}
	if _, err := m.Get(t.Context(), vault, entry(1).Thumbprint); !errors.Is(err, keymap.ErrNotFound) {
		t.Errorf("Get without the root key: %v", err)
	}
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, root, registry.ALL_ACCESS)
	if err != nil {
		t.Fatal(err)
	}
	_ = k.Close()

	if err := m.Check(t.Context()); err != nil {
		t.Errorf("Check: %v", err)
	}
	for i := range 5 {
		for range 2 { // the second time it is there
			if err := m.Put(t.Context(), entry(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := entry(3)
	other.URI = entry(4).URI
	if err := m.Put(t.Context(), other); code.Of(err) != code.ThumbprintExistedInRegistry || !strings.Contains(err.Error(), entry(3).URI) {
		t.Errorf("another URI: %v, want 2057", err)
	}
	again := keymap.OpenRegistry()
	if uri, err := again.Get(t.Context(), vault, entry(2).Thumbprint); err != nil || uri != entry(2).URI {
		t.Errorf("Get = %q, %v", uri, err)
	}

	// It lies where the documents say.
	path := root + `\Azure Key Vault\` + vault + `\` + entry(2).Thumbprint.Hex()
	k, err = registry.OpenKey(registry.LOCAL_MACHINE, path, registry.QUERY_VALUE)
	if err != nil {
		t.Fatalf("opening %s: %v", path, err)
	}
	uri, kind, err := k.GetStringValue("KeyUri")
	_ = k.Close()
	if err != nil || uri != entry(2).URI || kind != registry.SZ {
		t.Errorf("KeyUri = %q of type %d, %v", uri, kind, err)
	}

	// Entries of another connector: the vault's URL with a slash, or without its scheme.
	for i, form := range map[int]string{71: vault + "/", 72: strings.TrimPrefix(vault, "https://")} {
		p := root + `\Azure Key Vault\` + form + `\` + entry(i).Thumbprint.Hex()
		k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, p, registry.SET_VALUE)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.SetStringValue("KeyUri", entry(i).URI); err != nil {
			t.Fatal(err)
		}
		_ = k.Close()
		if uri, err := m.Get(t.Context(), vault, entry(i).Thumbprint); err != nil || uri != entry(i).URI {
			t.Errorf("an entry under %q: %q, %v", form, uri, err)
		}
	}

	all, err := m.Entries(t.Context())
	if err != nil || len(all) != 7 {
		t.Errorf("%d entries, %v, want 7", len(all), err)
	}
	if err := m.Remove(t.Context(), vault, entry(2).Thumbprint); err != nil {
		t.Error(err)
	}
	if err := m.Remove(t.Context(), vault, entry(2).Thumbprint); !errors.Is(err, keymap.ErrNotFound) {
		t.Errorf("removing it again: %v", err)
	}
	if _, err := m.Get(t.Context(), vault, entry(2).Thumbprint); !errors.Is(err, keymap.ErrNotFound) {
		t.Errorf("Get after Remove: %v", err)
	}
	left := map[ekm.Thumbprint]bool{}
	all, err = m.Entries(t.Context())
	for _, e := range all {
		left[e.Thumbprint] = true
	}
	want := map[ekm.Thumbprint]bool{}
	for _, i := range []int{0, 1, 3, 4, 71, 72} {
		want[entry(i).Thumbprint] = true
	}
	if diff := cmp.Diff(want, left); err != nil || diff != "" {
		t.Errorf("what is left, %v (-want +got):\n%s", err, diff)
	}
}
