package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"latchkey/ekm/code"
)

func TestPagesAreUpToDate(t *testing.T) {
	root, err := moduleDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range pages() {
		want, err := p.text()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p.path)))
		if err != nil || !bytes.Equal(bytes.ReplaceAll(got, []byte("\r\n"), []byte("\n")), want) {
			t.Errorf("%s is out of date (%v); refresh it with: %s", p.path, err, command)
		}
		again, err := p.text()
		if err != nil || !bytes.Equal(again, want) {
			t.Errorf("%s differs from one writing to the next", p.path)
		}
	}
}

func TestEveryCodeIsOnThePageOnce(t *testing.T) {
	var b strings.Builder
	if err := writeCodes(&b); err != nil {
		t.Fatal(err)
	}
	for _, e := range code.All() {
		if n := strings.Count(b.String(), `<a id="`+anchor(e.Code)+`"></a>`); n != 1 {
			t.Errorf("%v is on the page %d times", e.Code, n)
		}
	}
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "| <a id") {
			continue
		}
		if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 6 {
			t.Errorf("a row has %d bars, want 6: %q", n, line)
		}
	}
}

func TestCell(t *testing.T) {
	for in, want := range map[string]string{
		"a | b":               `a \| b`,
		"<vault> and `<key>`": "\\<vault\\> and `<key>`",
		"scp_err_*x":          `scp_err_\*x`,
	} {
		if got := cell(in); got != want {
			t.Errorf("cell(%q) = %q, want %q", in, got, want)
		}
	}
}
