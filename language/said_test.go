package language

import (
	"go/ast"
	source "go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The program's source is read: every text that it says is there, is given just the values it shows, and no other text is kept.
func TestEveryTextExistsAndIsUsed(t *testing.T) {
	texts := map[string]map[string]bool{} // values by key
	unused := map[string]bool{}
	for _, m := range New()[English]().messages {
		s, err := parse(m.Other)
		if err != nil {
			t.Fatalf("%s %v", m.ID, err)
		}
		texts[m.ID], unused[m.ID] = s.values(), true
	}
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := source.ParseFile(set, path, nil, source.SkipObjectResolution)
		if err != nil || !speaks(file) {
			return err
		}
		files++
		ast.Inspect(file, func(n ast.Node) bool {
			key, values, ok := said(n)
			if !ok {
				return true
			}
			want, known := texts[key]
			if !known {
				t.Errorf("%s: there is no text %q", set.Position(n.Pos()), key)
				return true
			}
			delete(unused, key)
			if given, shown := slices.Sorted(slices.Values(values)), slices.Sorted(maps.Keys(want)); !slices.Equal(given, shown) {
				t.Errorf("%s: %s is given %q and shows %q", set.Position(n.Pos()), key, given, shown)
			}
			return true
		})
		return nil
	})
	if err != nil || files < 4 {
		t.Fatalf("%d files were read: %v", files, err)
	}
	for key := range unused {
		t.Errorf("nothing says %s", key)
	}
}

// speaks tells whether a file may say something to people. In the sandbox people say something.
func speaks(f *ast.File) bool {
	return !slices.Contains([]string{"sandbox", "web", "bench"}, f.Name.Name)
}

// said reads a call of Say or Short. A key that is put together shows as one that does not exist, and so do values.
func said(n ast.Node) (key string, values []string, ok bool) {
	call, isCall := n.(*ast.CallExpr)
	if !isCall || len(call.Args) < 2 {
		return "", nil, false
	}
	method, isMethod := call.Fun.(*ast.SelectorExpr)
	if !isMethod || !slices.Contains([]string{"Say", "Short", "count"}, method.Sel.Name) {
		return "", nil, false
	}
	if name, isName := call.Args[0].(*ast.Ident); isName && name.Name == "key" && method.Sel.Name == "Say" {
		return "", nil, false // how Short is made
	}
	key = "(not written out)"
	if literal, isLiteral := call.Args[0].(*ast.BasicLit); isLiteral {
		key, _ = strconv.Unquote(literal.Value)
	}
	if method.Sel.Name == "count" {
		return key, []string{"count"}, true
	}
	switch given := call.Args[1].(type) {
	case *ast.CompositeLit:
		for _, e := range given.Elts {
			name, _ := strconv.Unquote(e.(*ast.KeyValueExpr).Key.(*ast.BasicLit).Value)
			values = append(values, name)
		}
	case *ast.Ident:
		if given.Name != "nil" {
			values = []string{"(not written out)"}
		}
	}
	return key, values, true
}
