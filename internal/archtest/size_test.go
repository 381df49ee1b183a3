package archtest

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// The limits on what one person reads at once, in lines of non-test code with comments.
const (
	maxFile    = 500
	maxPackage = 2000
	maxMethods = 4
	maxMain    = 40
)

// large lists what may exceed a limit: a file or package by path, an interface as "package.Name".
var large = map[string]string{
	"azure":              "a vault's host, its identities, their tokens and its connections replace each other under one set of locks; what parses and classifies is in the packages beside",
	"connector":          "sessions and what those of one identity share, with its locks; what shares nothing is in the packages beside",
	"engine/databases":   "open, close, heal, bar and attach share one entry for each database and its locks; what has none is in the packages beside",
	"engine/tde":         "the DB, its keys, scans, snapshots and kept log share one set of locks, whose order DESIGN.md gives",
	"engine/tde/sealvfs": "the main file and the log as SQLite sees them, under one set of locks",
	"internal/bench":     "sections, one or two files each, that share nothing but the frame in main.go and server.go",
	"app/cli":            "a family of commands, one file each, that share nothing but the small frame in cli.go, help.go and errors.go",
}

func TestSizes(t *testing.T) {
	tr := load(t)
	used := make(map[string]bool)
	over := func(what string, n, limit int, unit string) {
		if n <= limit {
			return
		}
		if large[what] == "" {
			t.Errorf("%s has %d %s, over %d: split it, or list it with a reason", what, n, unit, limit)
		}
		used[what] = true
	}
	for pkg, files := range tr.packages() {
		total := 0
		for _, f := range files {
			if f.generated() {
				continue
			}
			total += f.lines
			over(f.path, f.lines, maxFile, "lines")
			for _, d := range f.ast.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.TYPE {
					continue
				}
				for _, s := range g.Specs {
					ts := s.(*ast.TypeSpec)
					if it, ok := ts.Type.(*ast.InterfaceType); ok {
						over(pkg+"."+ts.Name.Name, methods(it), maxMethods, "methods")
					}
				}
			}
		}
		over(pkg, total, maxPackage, "lines")
	}
	for what := range large {
		if !used[what] {
			t.Errorf("%s is listed as large but is not: remove the exception", what)
		}
	}
}

func methods(it *ast.InterfaceType) int {
	n := 0
	for _, f := range it.Methods.List {
		n += max(len(f.Names), 0)
	}
	return n
}

func TestMainIsSmall(t *testing.T) {
	for _, f := range load(t).files {
		if f.pkg == "cmd/latchkey" && !f.test && f.lines > maxMain {
			t.Errorf("%s has %d lines, over %d: what it does belongs in app/cli", f.path, f.lines, maxMain)
		}
	}
}

// Names that say nothing collect everything.
func TestNames(t *testing.T) {
	for _, f := range load(t).files {
		for part := range strings.SplitSeq(f.pkg, "/") {
			if slices.Contains([]string{"util", "utils", "common", "core", "pkg", "types", "helpers", "misc", "lib", "base", "shared"}, part) {
				t.Errorf("%s: a package named %q says nothing about what lives there", f.path, part)
			}
		}
		if name := f.ast.Name.Name; name != "main" && !f.test && name != strings.ReplaceAll(path.Base(f.pkg), "-", "") {
			t.Errorf("%s: package %s in directory %s", f.path, name, f.pkg)
		}
	}
}

// Every package says what it is for. 40 lines are the most that somebody reads.
func TestPackageComments(t *testing.T) {
	tr := load(t)
	for pkg, files := range tr.packages() {
		n := 0
		for _, f := range files {
			if f.ast.Doc == nil {
				continue
			}
			if n > 0 {
				t.Errorf("%s: a second package comment", f.path)
			}
			start, end := tr.fset.Position(f.ast.Doc.Pos()).Line, tr.fset.Position(f.ast.Doc.End()).Line
			n = end - start + 1
		}
		switch {
		case n == 0:
			t.Errorf("package %s has no package comment", pkg)
		case n > 40:
			t.Errorf("the package comment of %s has %d lines, over 40: the rest belongs in a DESIGN.md", pkg, n)
		}
	}
}

// Every exported name tells what it is.
func TestExportedNamesAreDocumented(t *testing.T) {
	tr := load(t)
	for _, f := range tr.files {
		if f.test || f.generated() || f.pkg == "e2e" {
			continue
		}
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || exportedReceiver(d.Recv)) {
					t.Errorf("%s: %s has no comment", tr.position(d), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.IsExported() && d.Doc == nil && ts.Doc == nil && ts.Comment == nil {
						t.Errorf("%s: type %s has no comment", tr.position(ts), ts.Name.Name)
					}
					if vs, ok := s.(*ast.ValueSpec); ok && vs.Names[0].IsExported() && d.Doc == nil && vs.Doc == nil && vs.Comment == nil {
						t.Errorf("%s: %s has no comment", tr.position(vs), vs.Names[0].Name)
					}
				}
			}
		}
	}
}

func exportedReceiver(r *ast.FieldList) bool {
	typ := r.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}
