package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"latchkey/internal/secret"
)

// AskPassphrase asks at the terminal of standard input, without echo, and is Env.Prompt of the real program. Without a
// terminal it fails.
func AskPassphrase(context.Context) (*secret.Bytes, error) {
	fd := int(os.Stdin.Fd())
	if !term.IsTerminal(fd) {
		return nil, errors.New("standard input is no terminal")
	}
	fmt.Fprint(os.Stderr, "passphrase: ")
	b, err := term.ReadPassword(fd)
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return nil, err
	}
	return secret.Take(b), nil
}
