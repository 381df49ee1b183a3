package json_test

import (
	stdjson "encoding/json"
	"testing"

	"latchkey/engine/fn/json"
)

// A path never leads outside the text: what it finds is JSON, and its members are.
func FuzzFind(f *testing.F) {
	f.Add(`{"a":{"b":[10,"xA"]}}`, "$.a.b[1]")
	f.Add(`[[],{},"\\\"",-1e5,true]`, `strict $."a b"[3]`)
	f.Add("\"\\ud83d\\ude00\"", "lax $")
	f.Add("{\"\xff\":1}", "$.x")
	f.Fuzz(func(t *testing.T, text, path string) {
		if len(text) > 5000 {
			return
		}
		raw, _, ok, err := json.Find(text, path)
		if err != nil || !ok {
			return
		}
		if !stdjson.Valid([]byte(raw)) {
			t.Fatalf("%q in %q is %q", path, text, raw)
		}
		json.Scalar(raw)
		if json.Kind(raw) >= 4 {
			for _, m := range json.Members(raw) {
				if !stdjson.Valid([]byte(m.Raw)) {
					t.Fatalf("%q has the member %q", raw, m.Raw)
				}
			}
		}
	})
}
