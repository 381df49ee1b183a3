package code

// Load parses the embedded catalogue and reports what is wrong with it.
func Load() ([]Entry, []Pair, error) {
	t, err := load()
	return t.entries, t.pairs, err
}
