//go:build !windows

package cli

// systemMap is the registry on Windows; elsewhere the map is a file, which must be named.
func systemMap() (checkedMap, error) {
	return nil, usagef("--map registry is for Windows; name the map's file here")
}
