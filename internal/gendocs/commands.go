package main

import (
	"io"

	"latchkey/app/cli"
)

// writeCommands writes every command with its flags, from the table that runs them.
func writeCommands(w io.Writer) error {
	_, err := io.WriteString(w, cli.Reference())
	return err
}
