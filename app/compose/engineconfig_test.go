package compose_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/app/compose"
	"latchkey/ekm/code"
	"latchkey/internal/fsys"
)

func readEngine(t *testing.T, text string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "engine.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := compose.ReadEngineConfig(fsys.OS{}, file)
	if err != nil {
		return err
	}
	return c.Check()
}

// Every problem is named, and the page's example has none.
func TestEngineConfig(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "sql.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```json\n")
	example, _, ok := strings.Cut(rest, "```")
	if err := readEngine(t, example); err != nil || !ok {
		t.Errorf("the page's example: %v", err)
	}
	const good = `"data": "/d", "listen": ["127.0.0.1:1433"], "tls": {"ownNames": ["a"]}`
	for text, want := range map[string]string{
		`{` + good + `}`:                         "",
		`{`:                                      "line 1: the file ends too early",
		`{} {}`:                                  "line 1: something follows",
		`{"lisen": []}`:                          `line 1: "lisen" is not known here`,
		`{"data": "d", "listen": [], "tls": {}}`: "no absolute path",
		`{"data": "/d", "listen": []}`:           "listen is empty",
		`{"data": "/d", "listen": ["1433"]}`:     "not HOST:PORT",
		`{"data": "/d", "tls": {"cert": "c"}}`:   "belong together",
		`{"data": "/d", "tls": {}}`:              "ownNames",
		`{` + good + `, "limits": {"connections": -1}}`:                               "connections: -1",
		`{` + good + `, "limits": {"unwraps": 99999999}}`:                             "unwraps",
		`{` + good + `, "limits": {"memoryMebibytes": 4096, "spillMebibytes": 1}}`:    "",
		`{` + good + `, "limits": {"memoryMebibytes": -1}}`:                           "memoryMebibytes: -1",
		`{` + good + `, "limits": {"memoryMebibytes": 255, "cacheMebibytes": 1}}`:     "memoryMebibytes: 255 is not 0 or at least 256",
		`{` + good + `, "limits": {"memoryMebibytes": 512}}`:                          "beside a cacheMebibytes of 512",
		`{` + good + `, "limits": {"memoryMebibytes": 2048, "cacheMebibytes": 2048}}`: "beside a cacheMebibytes of 2048",
		`{` + good + `, "limits": {"memoryMebibytes": 2000000}}`:                      "memoryMebibytes: 2000000",
		`{` + good + `, "limits": {"spillMebibytes": -1}}`:                            "spillMebibytes: -1",
		`{` + good + `, "limits": {"spillMebibytes": 2000000}}`:                       "spillMebibytes: 2000000",
		`{` + good + `, "limits": {"spillMebibytes": "4"}}`:                           "spillMebibytes",
		`{` + good + `, "limits": {"memory": 4096}}`:                                  `"limits.memory" is not known here`,
		`{` + good + `, "serviceKeyDir": "k"}`:                                        "serviceKeyDir",
		`{` + good + `, "monitor": {"profile": "azure", "windowSeconds": -1}}`:        "",
		`{` + good + `, "monitor": {"profile": "x"}}`:                                 "known are latchkey",
		`{` + good + `, "monitor": {"pollSeconds": 1}}`:                               "is longer than poll",
		`{` + good + `, "monitor": {"tries": -1}}`:                                    "tries",
		`{` + good + `, "provider": {"algorithm": "RSA"}}`:                            "RSA-OAEP-256",
	} {
		err := readEngine(t, text)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (!errors.Is(err, code.ConfigInvalid) || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
