package strict_test

import (
	"errors"
	"strings"
	"testing"

	"latchkey/app/strict"
)

type inner struct {
	Name string   `json:"name"`
	Keys []string `json:"keys"`
}

type config struct {
	State   string           `json:"state"`
	Count   int              `json:"count"`
	Servers []inner          `json:"servers"`
	By      map[string]inner `json:"by"`
	inner2
}

type inner2 struct {
	Embedded bool `json:"embedded"`
}

const good = `{
  "state": "/x", "count": 3,
  "servers": [
    {"name": "a", "keys": ["k"]},
    {"name": "b",
     "keys": []}
  ],
  "by": {"any name": {"name": "c"}}, "embedded": true
}`

func TestLines(t *testing.T) {
	var c config
	lines, err := strict.Decode([]byte(good), &c)
	if err != nil || c.Servers[1].Name != "b" || c.By["any name"].Name != "c" || !c.Embedded {
		t.Fatalf("%+v, %v", c, err)
	}
	for path, want := range map[string]string{
		"state": "line 2: state: ", "servers[1].keys": "line 6: servers[1].keys: ", "servers[1].missing": "line 5: servers[1].missing: ", "servers[0].keys[0]": "line 4: servers[0].keys[0]: ", "nothing": "nothing: ",
	} {
		if got := lines.At(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// What is wrong is named with its line, and no value is repeated.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		strings.Replace(good, `"name": "b"`, `"nmae": "canary"`, 1):      `line 5: "servers[1].nmae" is not known here; known are keys, name`,
		strings.Replace(good, `"name": "b"`, `"Name": "canary"`, 1):      `it is written "name"`,
		strings.Replace(good, `"count": 3`, `"count": "canary"`, 1):      "line 2: count: a string stands where a number is wanted",
		strings.Replace(good, `"count": 3`, `"count": 3, "count": 4`, 1): `line 2: "count" stands there twice`,
		strings.Replace(good, `"keys": []`, `"keys": [`, 1):              "line 6: it is no JSON",
		good + ` {"canary": 1}`: "line 9: something follows",
		good[:60]:               "ends too early",
		``:                      "ends too early",
		strings.Replace(good, `"by": {`, `"by": {"x": {"canary": [{}]},`, 1):       `line 8: "by.x.canary" is not known here`,
		`{"servers": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`: "lie in each other",
	} {
		var c config
		_, err := strict.Decode([]byte(text), &c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(strings.ReplaceAll(err.Error(), `by.x.canary`, ""), "canary") {
			t.Errorf("a value is in %v", err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"servers":[{"x":{"y":[1,null,true]}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c config
		lines, err := strict.Decode(b, &c)
		if err == nil {
			for path := range lines {
				_ = lines.At(path + ".x")
			}
		} else if errors.Unwrap(err) == nil && err.Error() == "" {
			t.Error("an error says nothing")
		}
	})
}
