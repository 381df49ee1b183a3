package connector_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"latchkey/azure/azuretest"
	"latchkey/keywrap"
)

func keywrapAlgorithm(s string) keywrap.Algorithm { return keywrap.Algorithm(s) }

func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// holdUnwraps says on arrived that the first unwrap came, and lets none go before release is closed.
func holdUnwraps(arrived, release chan struct{}) azuretest.Hook {
	var once sync.Once
	return func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/unwrapkey") {
			once.Do(func() { close(arrived) })
			<-release
		}
		return false
	}
}

// patience is how long a test waits for what must come, at most, and what a call may take that no test wants to see cut. It is no bound of anything: who reaches
// it hangs, however busy the machine is.
const patience = 5 * time.Minute

// waitFor polls what another goroutine brings about.
func waitFor(t testing.TB, ok func() bool) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.NewTimer(patience)
	defer tick.Stop()
	defer end.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatal("it does not come about")
		}
	}
}

func encode64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func decode64(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }
