package e2e

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/app/running"
	"latchkey/internal/fsys"
)

// Plain HTTP on the vault's port gets the vault's own error, and nothing of what was asked for.
func TestPlainHTTP(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := up(t, dir)
	info, err := running.Read(fsys.OS{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{Proxy: nil}}
	for _, body := range []string{"", strings.Repeat("x", 200_000)} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+info.Addresses.Vault+"/keys/k/create?api-version=7.4", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "latchkey-dev.vault.azure.net"
		req.Header.Set("Authorization", "Bearer x")
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(got), `"code":"HttpsRequired"`) {
			t.Errorf("%d %s %v", resp.StatusCode, got, err)
		}
	}
	// What is neither gets no answer.
	c, err := net.Dial("tcp", info.Addresses.Vault)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "\x00\x01rubbish\r\n\r\n")
	if b, err := io.ReadAll(io.LimitReader(c, 4096)); err == nil && strings.Contains(string(b), "HTTP") {
		t.Errorf("rubbish was answered: %q", b)
	}
	s.stop(t)
}
