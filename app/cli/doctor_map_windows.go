package cli

import "latchkey/connector/keymap"

// systemMap is the thumbprint map that database servers on Windows share: the documented branch of the registry.
func systemMap() (checkedMap, error) { return keymap.OpenRegistry(), nil }
