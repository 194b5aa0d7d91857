package dataset

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"g2c/internal/fault"
)

// special are the characters of a pattern that stand for others.
const special = "*?[{"

func isGlob(path string) bool { return strings.ContainsAny(path, special) }

// pattern is what is wanted below a folder: * and ? stand for characters of a name, [ab]
// for one of some, {a,b} for one of some texts, ** for any number of folders.
type pattern struct {
	whole   string
	parts   []string // between slashes; nil where a brace holds a slash
	folders bool     // alone: it ends with a slash
}

func newPattern(below string) (*pattern, error) {
	p := &pattern{whole: NFC(filepath.ToSlash(below))}
	if trimmed := strings.TrimRight(p.whole, "/"); trimmed != p.whole {
		p.whole, p.folders = trimmed, true
	}
	if !doublestar.ValidatePattern(p.whole) {
		return nil, doublestar.ErrBadPattern
	}
	parts := strings.Split(p.whole, "/")
	for _, part := range parts {
		if !doublestar.ValidatePattern(part) {
			return p, nil
		}
	}
	p.parts = parts
	return p, nil
}

// matches tells whether a name is wanted.
func (p *pattern) matches(name string) bool {
	ok, _ := doublestar.Match(p.whole, NFC(name)) // its one error, a bad pattern, was met before
	return ok
}

// reaches tells whether something below a folder may be wanted.
func (p *pattern) reaches(folder string) bool {
	if p.parts == nil {
		return true
	}
	names := strings.Split(NFC(folder), "/")
	for i, name := range names {
		if i+1 >= len(p.parts) {
			return slices.Contains(p.parts, "**")
		}
		if p.parts[i] == "**" {
			return true
		}
		if ok, _ := doublestar.Match(p.parts[i], name); !ok {
			return false
		}
	}
	return true
}

// listGlob takes names below the part of the pattern before its first special
// character. A pattern that nothing matches may have been written on Windows.
func listGlob(given string, find *finder, r *Report) ([]file, error) {
	for _, text := range []string{given, strings.ReplaceAll(given, `\`, "/")} {
		all, unread, err := listPattern(text, find, r)
		if err == nil && len(all) == 0 && len(unread) > 0 {
			return nil, noImage("data "+Show(given), unread)
		}
		if err != nil || len(all) > 0 {
			sortFiles(all)
			return all, err
		}
	}
	return nil, fault.New(fault.ErrData, "data %s: no image matches", Show(given)).WithHint("%s", readHint)
}

// listPattern lists what a pattern matches, and counts images of kinds that are not read.
func listPattern(text string, find *finder, r *Report) ([]file, map[string]int, error) {
	fixed := text[:strings.IndexAny(text, special)]
	root := find.find(filepath.Dir(fixed + "x"))
	p, err := newPattern(text[strings.LastIndexByte(fixed, filepath.Separator)+1:])
	if err != nil {
		return nil, nil, fault.New(fault.ErrData, "data %s: %w", Show(text), err).WithHint(`a special character of a name is written with a backslash before it`)
	}
	if info, err := os.Stat(root); err != nil || !info.IsDir() {
		return nil, nil, nil
	}
	w := &walker{root: root, pattern: p, r: r}
	err = w.walk(root, false)
	return w.found, w.unread, err
}
