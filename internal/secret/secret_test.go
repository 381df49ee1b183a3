package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"latchkey/internal/secret"
)

const canary = "canary-7d1f"

func TestNothingPrintsASecret(t *testing.T) {
	s := secret.FromString(canary)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", struct{ S *secret.Bytes }{s})
		fmt.Fprintf(&out, verb+"\n", fmt.Errorf("wrapped %v", s))
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "s", s)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "s", s, "in", struct{ S *secret.Bytes }{s})
	if err := json.NewEncoder(&out).Encode(map[string]any{"s": s}); err != nil {
		t.Fatal(err)
	}
	hex := fmt.Sprintf("%x", canary)
	dec := strings.Trim(fmt.Sprint([]byte(canary)), "[]")
	for _, leak := range []string{canary, hex, dec} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("output holds %q:\n%s", leak, out.String())
		}
	}
	if !strings.Contains(out.String(), secret.Redacted) {
		t.Error("output does not say that something was redacted")
	}
}

func TestTakeWipesAndDestroyForgets(t *testing.T) {
	for _, tc := range []struct {
		name string
		make func([]byte) *secret.Bytes
	}{{"heap", secret.Take}, {"locked", secret.NewLocked}} {
		t.Run(tc.name, func(t *testing.T) {
			src := []byte(canary)
			s := tc.make(src)
			if !bytes.Equal(src, make([]byte, len(src))) {
				t.Error("the source still holds the secret")
			}
			if !s.Equal([]byte(canary)) || s.Equal([]byte("x")) {
				t.Error("Equal is wrong")
			}
			c := s.Clone()
			s.Destroy()
			s.Destroy()
			if s.Len() != 0 || s.Expose() != nil {
				t.Error("destroyed secret still exposes bytes")
			}
			if string(c.Expose()) != canary {
				t.Error("a clone went with its source")
			}
			c.Destroy()
		})
	}
	var none *secret.Bytes
	none.Destroy()
	if none.Len() != 0 || none.String() != secret.Redacted {
		t.Error("nil secret misbehaves")
	}
}
