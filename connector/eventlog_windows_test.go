package connector_test

import (
	"errors"
	"testing"

	"latchkey/connector"
	"latchkey/ekm/code"
)

// TestSystemLog writes to the Application log. Wine drops the records, so shim/shimtest reads them from its trace; here it shows that writing does
// not fail, and what is written at which level.
func TestSystemLog(t *testing.T) {
	for _, level := range []connector.LogLevel{connector.LogInfo, connector.LogError, connector.LogNone} {
		write, log, err := connector.SystemLog("", level)
		if err != nil {
			t.Fatal(err)
		}
		at := map[connector.LogLevel]string{connector.LogInfo: "info", connector.LogError: "error", connector.LogNone: "none"}[level]
		write(connector.Event{Kind: connector.SessionOpened, Op: "open", Vault: "https://" + at + "-opened.example", Identity: "somebody"})
		write(connector.Event{
			Kind: connector.CallDone, Op: "unwrap", Vault: "https://" + at + "-failed.example", Key: "key", Code: code.HTTPOperationForbidden,
			Err: errors.New("refused"),
		})
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
}
