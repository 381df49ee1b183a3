package akv_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"latchkey/akv"
)

func TestBytes(t *testing.T) {
	for in, want := range map[string]string{`"AQID"`: "\x01\x02\x03", `"AQI"`: "\x01\x02", `"AQI="`: "\x01\x02", `"AQ=="`: "\x01", `""`: "", `"_-8"`: "\xff\xef", `"\u0041Q"`: "\x01"} {
		var b akv.Bytes
		if err := json.Unmarshal([]byte(in), &b); err != nil || string(b) != want || b == nil {
			t.Errorf("%s: %x, %v", in, b, err)
		}
	}
	for _, in := range []string{`"+/"`, `"A"`, `"A==="`, `"AQ="`, `"A Q"`, `"AQ\n"`, `7`, `["AQ"]`, `"AQ==="`, `"=AQ="`} {
		var b akv.Bytes
		if err := json.Unmarshal([]byte(in), &b); err == nil {
			t.Errorf("%s is taken for %x", in, b)
		}
	}
	out, err := json.Marshal(struct {
		A, B akv.Bytes
		C    akv.Bytes `json:",omitempty"`
	}{A: akv.Bytes{255}, B: nil})
	if err != nil || string(out) != `{"A":"_w","B":null}` {
		t.Errorf("%s, %v", out, err)
	}
}

func TestParseKeyID(t *testing.T) {
	v := strings.Repeat("a1", 16)
	for in, want := range map[string]akv.KeyID{
		"https://kv.vault.azure.net/keys/K/" + v:                  {Base: "https://kv.vault.azure.net", Collection: "keys", Name: "K", Version: v},
		"https://kv.vault.localhost:8443/Keys/K/":                 {Base: "https://kv.vault.localhost:8443", Collection: "keys", Name: "K"},
		"https://kv.vault.azure.net/deletedkeys/K":                {Base: "https://kv.vault.azure.net", Collection: "deletedkeys", Name: "K"},
		"https://kv.vault.azure.net/keys/K/" + strings.ToUpper(v): {Base: "https://kv.vault.azure.net", Collection: "keys", Name: "K", Version: v},
	} {
		got, err := akv.ParseKeyID(in)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"", "keys/K", "http://kv/keys/K", "https:///keys/K", "https://kv/secrets/K", "https://kv/keys", "https://kv/keys/a_b", "https://kv/keys/K/zz",
		"https://kv/keys/K/" + v + "/x", "https://u:p@kv/keys/K", "https://kv/keys/K?x=1", "https://kv/keys/K#x",
	} {
		if got, err := akv.ParseKeyID(in); err == nil {
			t.Errorf("%s is taken for %+v", in, got)
		}
	}
}

func FuzzParseKeyID(f *testing.F) {
	f.Add("https://kv.vault.azure.net/keys/K/" + strings.Repeat("0", 32))
	f.Add("https://kv/keys/%2e%2e")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := akv.ParseKeyID(s)
		if err != nil {
			return
		}
		again, err := akv.ParseKeyID(id.String())
		if err != nil || again != id {
			t.Fatalf("%q reads as %+v, which reads as %+v (%v)", s, id, again, err)
		}
	})
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"kv1": true, "Contoso-Key-Vault": true, "ab": false, "1ab": false, "a--b": false, "ab-": false, strings.Repeat("a", 24): true, strings.Repeat("a", 25): false, "a.b": false} {
		if got := akv.ValidVaultName(name); got != want {
			t.Errorf("vault name %q: %t", name, got)
		}
	}
	for name, want := range map[string]bool{"k": true, "-": true, "A-1": true, "": false, "a_b": false, "a/b": false, strings.Repeat("a", 127): true, strings.Repeat("a", 128): false, "é": false} {
		if got := akv.ValidKeyName(name); got != want {
			t.Errorf("key name %q: %t", name, got)
		}
	}
}

func TestVersions(t *testing.T) {
	var p akv.VersionParser
	last := akv.Level(0)
	for _, name := range akv.Versions() {
		v, ok := p.Parse(name)
		if !ok || v.Level < last || v.Name != name {
			t.Errorf("%s: %+v, %t", name, v, ok)
		}
		last = v.Level
	}
	for name, level := range map[string]akv.Level{"7.4-preview": akv.V74, "7.6-preview.2": akv.V76, "7.0": akv.V70} {
		if v, ok := p.Parse(name); !ok || v.Level != level {
			t.Errorf("%s: %+v, %t", name, v, ok)
		}
	}
	for _, name := range []string{"", "7", "7.", "7.7", "7.-1", "7.4-beta", "7.4-preview.", "7.4-preview.x", "2027-01-01", "2025-07-02", strings.Repeat("7", 100)} {
		if v, ok := p.Parse(name); ok {
			t.Errorf("%q is taken for %+v", name, v)
		}
	}
	newer := akv.VersionParser{AcceptNewer: true}
	for _, name := range []string{"7.7", "2027-01-01", "2099-12-31-preview"} {
		if _, ok := newer.Parse(name); !ok {
			t.Errorf("%s is not taken though newer ones are", name)
		}
	}
	for _, name := range []string{"2025-07-02", "soon", "9999"} {
		if _, ok := newer.Parse(name); ok {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestDuration(t *testing.T) {
	at := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	for in, want := range map[string]string{"P90D": "2026-05-01", "P2Y": "2028-01-31", "P1Y6M": "2027-07-31", "P4W": "2026-02-28", "P1W1D": "2026-02-08"} {
		d, err := akv.ParseDuration(in)
		if got := d.After(at).Format(time.DateOnly); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"", "P", "90D", "PD", "P90", "PT8H", "P-1D", "P1D1Y", "P1D1D", "P999999D", "p90D", "P1.5D", "P 1D"} {
		if d, err := akv.ParseDuration(in); err == nil {
			t.Errorf("%q is taken for %+v", in, d)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	f.Add("P1Y2M3W4D")
	f.Fuzz(func(t *testing.T, s string) {
		if d, err := akv.ParseDuration(s); err == nil && (d.Years < 0 || d.Months < 0 || d.Days < 0) {
			t.Fatalf("%q is negative: %+v", s, d)
		}
	})
}

func TestErrorEnvelope(t *testing.T) {
	e := &akv.Error{Status: 403, Code: "Forbidden", Inner: "KeyDisabled", Message: "no"}
	text, err := json.Marshal(e)
	if err != nil || string(text) != `{"error":{"code":"Forbidden","message":"no","innererror":{"code":"KeyDisabled"}}}` {
		t.Errorf("%s, %v", text, err)
	}
	if got := akv.ReadError(403, text); *got != *e {
		t.Errorf("read back %+v", got)
	}
	if got := akv.ReadError(502, []byte("<html>")); got.Status != 502 || got.Code != "" {
		t.Errorf("from HTML: %+v", got)
	}
	if got := akv.ReadError(403, []byte(`{"error":{"code":"a","innererror":{"code":"b","innererror":{"code":"c"}}}}`)); got.Inner != "c" {
		t.Errorf("nested: %+v", got)
	}
	var as *akv.Error
	if !errors.As(fmt.Errorf("getting: %w", e), &as) || as.Error() != "403 Forbidden (KeyDisabled): no" {
		t.Errorf("as error: %v", as)
	}
}

func FuzzReadError(f *testing.F) {
	f.Add([]byte(`{"error":{"code":"a","message":"b","innererror":{"code":"c"}}}`))
	f.Fuzz(func(t *testing.T, b []byte) { _ = akv.ReadError(500, b).Error() })
}

// Nothing secret is printed by accident.
func TestRedaction(t *testing.T) {
	for _, v := range []any{akv.JWK{K: akv.Bytes("canary")}, &akv.JWK{D: akv.Bytes("canary")}, akv.OpParams{Value: akv.Bytes("canary")}, akv.OpResult{Value: akv.Bytes("canary")}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if s := fmt.Sprintf(verb, v); strings.Contains(s, "canary") || strings.Contains(s, "63616e617279") || strings.Contains(s, "0x63") || strings.Contains(s, "99 97") {
				t.Errorf("%s of %T prints %s", verb, v, s)
			}
		}
	}
}
