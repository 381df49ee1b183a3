// Package examples holds the scripts of this directory for programs, so that what runs in `latchkey quickstart` and in the tests is what people read here.
// They use the variables of sqlcmd, $(NAME); each begins with the command that runs it.
package examples

import "embed"

//go:embed *.sql
var scripts embed.FS

// Names of the scripts.
const (
	SetUp       = "01-set-up.sql"
	Encrypt     = "02-encrypt.sql"
	Rotate      = "03-rotate.sql"
	RenewSecret = "04-renew-secret.sql"
	Look        = "05-look.sql"
	CleanUp     = "09-clean-up.sql"
)

// Script is the text of a script.
func Script(name string) (string, error) {
	b, err := scripts.ReadFile(name)
	return string(b), err
}
