package archtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// file is one Go source file of the module, on any platform.
type file struct {
	path    string // relative to the module's root, with slashes
	pkg     string // the directory: "vault/store", "." for the root
	test    bool
	lines   int
	ast     *ast.File
	content []byte
}

// tree is the whole module, parsed once for all tests.
type tree struct {
	root  string
	fset  *token.FileSet
	files []*file
}

func load(t *testing.T) *tree {
	t.Helper()
	tr, err := parseOnce()
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

var parseOnce = sync.OnceValues(parseTree)

func parseTree() (*tree, error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return nil, err
	}
	tr := &tree{root: root, fset: token.NewFileSet()}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // an editor's file that came and went
		}
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(tr.fset, path, content, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		pkg := "."
		if i := strings.LastIndexByte(rel, '/'); i >= 0 {
			pkg = rel[:i]
		}
		tr.files = append(tr.files, &file{
			path: rel, pkg: pkg, test: strings.HasSuffix(name, "_test.go"),
			lines: bytes.Count(content, []byte("\n")), ast: parsed, content: content,
		})
		return nil
	})
	return tr, err
}

// generated reports whether the file says that a program wrote it (go help generate).
func (f *file) generated() bool { return ast.IsGenerated(f.ast) }

// packages lists the directories that hold non-test code.
func (tr *tree) packages() map[string][]*file {
	m := make(map[string][]*file)
	for _, f := range tr.files {
		if !f.test {
			m[f.pkg] = append(m[f.pkg], f)
		}
	}
	return m
}

// position of a node as "path:line".
func (tr *tree) position(n ast.Node) string {
	p := tr.fset.Position(n.Pos())
	rel, err := filepath.Rel(tr.root, p.Filename)
	if err != nil {
		rel = p.Filename
	}
	p.Filename, p.Column = filepath.ToSlash(rel), 0
	return p.String()
}

// checked is a package with types, as this platform builds it, without tests.
type checked struct {
	path  string // relative import path
	fset  *token.FileSet
	files []*ast.File
	info  *types.Info
	pkg   *types.Package
}

// check type-checks every package of the module from source; what they import comes from the compiler's export data.
func check(t *testing.T) []*checked {
	t.Helper()
	pkgs, err := checkOnce()
	if err != nil {
		t.Fatal(err)
	}
	return pkgs
}

var checkOnce = sync.OnceValues(checkTree)

func checkTree() ([]*checked, error) {
	cmd := exec.Command("go", "list", "-pgo=off", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,CgoFiles,Module,Standard", "./...")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, errors.New("go list: " + stderr.String())
	}
	type listed struct {
		ImportPath, Dir, Export string
		GoFiles                 []string
		Standard                bool
		Module                  *struct{ Main bool }
	}
	exports := make(map[string]string)
	var ours []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		exports[l.ImportPath] = l.Export
		if l.Module != nil && l.Module.Main {
			ours = append(ours, l)
		}
	}
	fset := token.NewFileSet()
	imp := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var pkgs []*checked
	for _, l := range ours {
		if len(l.GoFiles) == 0 {
			continue
		}
		c := &checked{path: strings.TrimPrefix(l.ImportPath, module+"/"), fset: fset, info: &types.Info{
			Defs: make(map[*ast.Ident]types.Object), Uses: make(map[*ast.Ident]types.Object),
			Types: make(map[ast.Expr]types.TypeAndValue), Selections: make(map[*ast.SelectorExpr]*types.Selection),
		}}
		for _, name := range l.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(l.Dir, name), nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, err
			}
			c.files = append(c.files, f)
		}
		c.pkg, err = (&types.Config{Importer: imp}).Check(l.ImportPath, fset, c.files, c.info)
		if err != nil {
			return nil, err
		}
		pkgs = append(pkgs, c)
	}
	return pkgs, nil
}
