package rooms

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The bounds are far above what the code aims at (CONTRIBUTING.md): they catch
// the function that absorbs every case, not the one that is a line too long.
const (
	maxFileLines = 600
	maxFuncLines = 100
)

// source is one parsed Go file.
type source struct {
	path string
	test bool
	file *ast.File
}

func sources(t *testing.T) (*token.FileSet, []source) {
	t.Helper()
	fset := token.NewFileSet()
	var out []source
	for _, p := range list(t) {
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			path := filepath.Join(p.Dir, name)
			file, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, source{path, strings.HasSuffix(name, "_test.go"), file})
		}
	}
	return fset, out
}

func TestSizes(t *testing.T) {
	fset, files := sources(t)
	for _, s := range files {
		if n := fset.File(s.file.Pos()).LineCount(); n > maxFileLines {
			t.Errorf("%s has %d lines; split it by purpose (at most %d)", s.path, n, maxFileLines)
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1; n > maxFuncLines {
				t.Errorf("%s: %s has %d lines (at most %d)", fset.Position(f.Pos()), f.Name.Name, n, maxFuncLines)
			}
		}
	}
}

// TestDocs wants a doc comment at every exported name of the product.
func TestDocs(t *testing.T) {
	fset, files := sources(t)
	for _, s := range files {
		if s.test {
			continue
		}
		for _, n := range undocumented(fset, s.file) {
			t.Errorf("%s: exported %s has no doc comment", fset.Position(n.Pos()), n.Name)
		}
	}
}

// undocumented returns the exported names of a file that have no comment.
func undocumented(fset *token.FileSet, f *ast.File) []*ast.Ident {
	var out []*ast.Ident
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) && !wellKnown(d) {
				out = append(out, d.Name)
			}
		case *ast.GenDecl:
			out = append(out, undocumentedSpecs(fset, d)...)
		}
	}
	return out
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	typ := f.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	switch t := typ.(type) {
	case *ast.IndexExpr:
		typ = t.X
	case *ast.IndexListExpr:
		typ = t.X
	}
	id, ok := typ.(*ast.Ident)
	return ok && id.IsExported()
}

// wellKnown says whether a method is one whose meaning every reader knows.
func wellKnown(f *ast.FuncDecl) bool {
	return f.Recv != nil && slices.Contains([]string{"Error", "String", "Unwrap"}, f.Name.Name)
}

// undocumentedSpecs takes the comment above a group of constants or variables
// as the comment of each, and so does it with that above the first of several
// on adjoining lines.
func undocumentedSpecs(fset *token.FileSet, d *ast.GenDecl) []*ast.Ident {
	var out []*ast.Ident
	lastDocumented := -1
	for _, spec := range d.Specs {
		first, last := fset.Position(spec.Pos()).Line, fset.Position(spec.End()).Line
		names, doc := specNames(spec)
		if doc || d.Doc != nil || lastDocumented == first-1 {
			lastDocumented = last
			continue
		}
		for _, name := range names {
			if name.IsExported() {
				out = append(out, name)
			}
		}
	}
	return out
}

func specNames(spec ast.Spec) (names []*ast.Ident, documented bool) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		return []*ast.Ident{s.Name}, s.Doc != nil
	case *ast.ValueSpec:
		return s.Names, s.Doc != nil || s.Comment != nil
	}
	return nil, true
}

// TestHabits looks for what the project does without: init functions, and
// os.Exit or log.Fatal outside main and tests.
func TestHabits(t *testing.T) {
	fset, files := sources(t)
	for _, s := range files {
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil && n.Name.Name == "init" {
					t.Errorf("%s: an init function; construct in main and pass down", fset.Position(n.Pos()))
				}
				return n.Name.Name != "main" && n.Name.Name != "TestMain"
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && exits(x.Name, n.Sel.Name) {
					t.Errorf("%s: %s.%s outside main", fset.Position(n.Pos()), x.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

func exits(pkg, name string) bool {
	return pkg == "os" && name == "Exit" || pkg == "log" && strings.HasPrefix(name, "Fatal")
}
