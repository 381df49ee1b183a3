package exec_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what batches answer into testdata")

// TestScripts runs testdata/*.txt: batches, each behind a line of === and followed by what a client sees behind a line of ---. A batch that
// begins with "-- as NAME PASSWORD" runs on a connection of that login; each file is a server of its own.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, files)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".txt"), func(t *testing.T) {
			t.Parallel()
			script(t, f)
		})
	}
}

func script(t *testing.T, file string) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t)
	conns := map[string]queryer{"": s.one()}
	var out strings.Builder
	for i, part := range strings.Split("\n"+string(b), "\n===\n") {
		if i == 0 {
			out.WriteString(strings.TrimPrefix(part, "\n"))
			if part != "" {
				out.WriteByte('\n')
			}
			continue
		}
		batch, _, _ := strings.Cut(part+"\n", "\n---\n")
		who := ""
		if first, _, _ := strings.Cut(batch, "\n"); strings.HasPrefix(first, "-- as ") {
			who = first
			if conns[who] == nil {
				f := strings.Fields(first)
				c, err := s.as(f[2], f[3]).Conn(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				conns[who] = c
			}
		}
		out.WriteString("===\n" + batch + "\n---\n" + show(t, conns[who], batch))
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(strings.TrimRight(string(b), "\n"), strings.TrimRight(out.String(), "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s", file, d)
	}
}
