package store

import "fmt"

// Check holds a commit against the bounds, and refuses one that names a key twice: what every implementation does before
// anything else.
func Check(conds []Cond, ops []Op) error {
	if n := len(conds) + len(ops); n > MaxOps {
		return fmt.Errorf("committing %d conditions and operations, more than %d: %w", n, MaxOps, ErrTooLarge)
	}
	for _, c := range conds {
		if err := CheckKey(c.Key); err != nil {
			return err
		}
	}
	seen := make(map[string]bool, len(ops))
	for _, op := range ops {
		if err := CheckKey(op.Key); err != nil {
			return err
		}
		if len(op.Value) > MaxValueLen {
			return fmt.Errorf("writing %q: %d bytes, more than %d: %w", op.Key, len(op.Value), MaxValueLen, ErrTooLarge)
		}
		if seen[op.Key] {
			return fmt.Errorf("writing %q twice in one commit: %w", op.Key, ErrInvalid)
		}
		seen[op.Key] = true
	}
	return nil
}

// CheckKey holds a key against its bounds: 1 to MaxKeyLen printable ASCII characters.
func CheckKey(key string) error {
	if len(key) > MaxKeyLen {
		return fmt.Errorf("a key of %d bytes, more than %d: %w", len(key), MaxKeyLen, ErrTooLarge)
	}
	for i := range len(key) {
		if key[i] < ' ' || key[i] > '~' {
			return fmt.Errorf("key %q: %w: a character is not printable ASCII", key, ErrInvalid)
		}
	}
	if key == "" {
		return fmt.Errorf("an empty key: %w", ErrInvalid)
	}
	return nil
}
