package keymap

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sys/windows/registry"

	"latchkey/ekm"
)

// The documented branch below HKEY_LOCAL_MACHINE. The vault's URL is one key's name, so its slashes stay and its backslashes,
// which it cannot have, would not.
const (
	branchRoot = `SOFTWARE\Microsoft\SQL Server Cryptographic Provider`
	branch     = branchRoot + `\Azure Key Vault\`
	valueName  = "KeyUri"
)

// Registry is the map in the Windows registry, under
// HKLM\SOFTWARE\Microsoft\SQL Server Cryptographic Provider\Azure Key Vault\<vault URL>\<thumbprint>, value KeyUri. An
// administrator makes the first key and gives the service account full control of it.
type Registry struct{}

// OpenRegistry gives the registry's map.
func OpenRegistry() *Registry { return &Registry{} }

func path(vault string, t ekm.Thumbprint) string { return branch + vault + `\` + t.Hex() }

// Get finds the URI of a thumbprint at a vault. Entries that another connector wrote with a slash after the vault's URL, or
// without its scheme, are found too.
func (r *Registry) Get(_ context.Context, vault string, t ekm.Thumbprint) (string, error) {
	for _, form := range []string{vault, vault + "/", strings.TrimPrefix(vault, "https://")} {
		uri, err := read(path(form, t))
		if errors.Is(err, registry.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", failure("reading the registry", path(form, t), err)
		}
		return uri, nil
	}
	return "", ErrNotFound
}

func read(p string) (string, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, p, registry.QUERY_VALUE)
	if err != nil {
		return "", err
	}
	defer k.Close()
	uri, _, err := k.GetStringValue(valueName)
	return uri, err
}

// Put adds an entry.
func (r *Registry) Put(ctx context.Context, e Entry) error {
	if err := e.check(); err != nil {
		return failure("registering the key", e.URI, err)
	}
	have, err := r.Get(ctx, e.Vault, e.Thumbprint)
	switch {
	case err == nil && strings.EqualFold(have, e.URI):
		return nil
	case err == nil:
		return conflict(Entry{e.Vault, e.Thumbprint, have}, e)
	case !errors.Is(err, ErrNotFound):
		return err
	}
	return r.write(e)
}

// Replace puts an entry in the place of what the map says of its thumbprint at its vault, if it says anything: for a key that lives elsewhere now.
// Whoever calls it has shown that it is the same key. The value is changed in one step, under the form of the vault's name that is there.
func (r *Registry) Replace(_ context.Context, e Entry) error {
	if err := e.check(); err != nil {
		return failure("registering the key", e.URI, err)
	}
	for _, form := range []string{e.Vault, e.Vault + "/", strings.TrimPrefix(e.Vault, "https://")} {
		if _, err := read(path(form, e.Thumbprint)); err == nil {
			e.Vault = form
			break
		} else if !errors.Is(err, registry.ErrNotExist) {
			return failure("reading the registry", path(form, e.Thumbprint), err)
		}
	}
	return r.write(e)
}

func (r *Registry) write(e Entry) error {
	root, err := registry.OpenKey(registry.LOCAL_MACHINE, branchRoot, registry.CREATE_SUB_KEY)
	if err != nil { // as documented: the first key is the administrator's to make
		return failure("opening the registry key", branchRoot, err)
	}
	_ = root.Close()
	p := path(e.Vault, e.Thumbprint)
	k, _, err := registry.CreateKey(registry.LOCAL_MACHINE, p, registry.SET_VALUE)
	if err != nil {
		return failure("writing the registry", p, err)
	}
	defer k.Close()
	if err := k.SetStringValue(valueName, e.URI); err != nil {
		return failure("writing the registry", p, err)
	}
	return nil
}

// Remove takes an entry out.
func (r *Registry) Remove(_ context.Context, vault string, t ekm.Thumbprint) error {
	err := registry.DeleteKey(registry.LOCAL_MACHINE, path(vault, t))
	switch {
	case errors.Is(err, registry.ErrNotExist):
		return ErrNotFound
	case err != nil:
		return failure("writing the registry", path(vault, t), err)
	}
	return nil
}

// Entries lists the map.
func (r *Registry) Entries(context.Context) ([]Entry, error) {
	var out []Entry
	vaults, err := subkeys(strings.TrimSuffix(branch, `\`))
	if err != nil {
		return nil, failure("reading the registry", branch, err)
	}
	for _, vault := range vaults {
		thumbs, err := subkeys(branch + vault)
		if err != nil {
			return nil, failure("reading the registry", branch+vault, err)
		}
		for _, name := range thumbs {
			t, err := ekm.ParseThumbprint(name)
			if err != nil {
				continue
			}
			if uri, err := read(path(vault, t)); err == nil {
				out = append(out, Entry{vault, t, uri})
			}
		}
	}
	return out, nil
}

func subkeys(p string) ([]string, error) {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, p, registry.ENUMERATE_SUB_KEYS)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer k.Close()
	return k.ReadSubKeyNames(-1)
}

// Check shows that the branch can be written, by making and removing a key of its own.
func (r *Registry) Check(context.Context) error {
	root, err := registry.OpenKey(registry.LOCAL_MACHINE, branchRoot, registry.CREATE_SUB_KEY|registry.SET_VALUE)
	if err != nil {
		return failure("opening the registry key", branchRoot, err)
	}
	defer root.Close()
	const probe = "Latchkey write test"
	k, _, err := registry.CreateKey(root, probe, registry.SET_VALUE)
	if err != nil {
		return failure("writing the registry", branchRoot, err)
	}
	_ = k.Close()
	if err := registry.DeleteKey(root, probe); err != nil {
		return failure("writing the registry", branchRoot, err)
	}
	return nil
}

// String is the branch.
func (r *Registry) String() string { return `HKLM\` + strings.TrimSuffix(branch, `\`) }
