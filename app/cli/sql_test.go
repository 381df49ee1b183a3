package cli_test

import (
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"latchkey/app/cli"
)

// What failed is explained with the provider's code in it, and nothing is promised that the catalogue does not know.
func TestFailedMessageIsExplained(t *testing.T) {
	for _, c := range []struct {
		number int32
		text   string
		want   string
	}{
		{33028, "Cannot open session for cryptographic provider 'P'. Provider error code: 3303. (Provider Error - No explanation is available, consult EKM Provider for details)", "latchkey explain 33028 3303"},
		{3241, "The media family on device 'x' is incorrectly formed.", "latchkey explain 3241"},
		{4305, "The log in this backup set begins at LSN 7, which is too recent to apply to the database.", "latchkey explain 4305"},
		{40517, "Keyword or statement option 'x' is not supported in this version of SQL Server.", "latchkey explain 40517"},
		{102, "Incorrect syntax near 'x'.", ""},
	} {
		if got := cli.ExplainedForTesting(mssql.Error{Number: c.number, Message: c.text}); got != c.want {
			t.Errorf("Msg %d: %q, want %q", c.number, got, c.want)
		}
	}
}
