package main

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every message in the page on troubleshooting is one that the program can say: a text of its
// source has the words, with a verb of a format or a name where the page has an ellipsis.
func TestMessagesOfTheDocsAreSaid(t *testing.T) {
	page, err := os.ReadFile("../../docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	said := textsOfSource(t, "../..")
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
	rows := row.FindAllStringSubmatch(string(page), -1)
	if len(rows) < 40 {
		t.Fatalf("only %d messages found: the search is broken", len(rows))
	}
	for _, r := range rows {
		if !isSaid(r[1], said) {
			t.Errorf("no text of the source says %q", r[1])
		}
	}
	if isSaid("the moon … is made of cheese", said) {
		t.Error("the search finds what nobody says")
	}
}

// isSaid looks for a text that has a message's parts in order.
func isSaid(message string, texts []string) bool {
	parts := strings.FieldsFunc(message, func(r rune) bool { return r == '…' })
	for _, text := range texts {
		at := 0
		for _, part := range parts {
			i := strings.Index(text[at:], strings.Trim(part, " :;,"))
			if i < 0 {
				at = -1
				break
			}
			at += i + len(strings.Trim(part, " :;,"))
		}
		if at >= 0 {
			return true
		}
	}
	return false
}

// textsOfSource lists the string literals of the program's source, tests left out.
func textsOfSource(t *testing.T, root string) (texts []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != ".." && path != root || d.Name() == "build") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == gotoken.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil && len(text) > 8 {
					texts = append(texts, text)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts
}
