// Package specs holds the specs that come with g2c, so that a user's first
// command needs no files: the quick start on synthetic tissue, the glomeruli
// shown in the documents, and the paper's tables. They are read like any other
// spec, by experiments/spec.
package specs

import (
	"embed"
	"io/fs"
	"slices"
	"strings"
)

//go:embed *.yaml */*.yaml
var files embed.FS

// Lookup is the text of a built-in spec, by its name with or without .yaml; ok
// says whether there is one. Specs that belong together have a name with a folder before
// it: paper/table5.
func Lookup(name string) (text []byte, ok bool) {
	name = strings.TrimSuffix(name, ".yaml")
	if !slices.Contains(Names(), name) {
		return nil, false
	}
	text, err := files.ReadFile(name + ".yaml")
	return text, err == nil
}

// Head is what a spec says of itself: the comment that it begins with, without its marks.
func Head(text []byte) string {
	var head strings.Builder
	for line := range strings.Lines(string(text)) {
		said, isComment := strings.CutPrefix(line, "#")
		if !isComment {
			break
		}
		head.WriteString(strings.TrimPrefix(said, " "))
	}
	return head.String()
}

// Names are the built-in specs, sorted.
func Names() []string {
	var names []string
	err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimSuffix(path, ".yaml"))
		}
		return err
	})
	if err != nil {
		panic("specs: the embedded folder cannot be read")
	}
	slices.Sort(names) // "a-b.yaml" comes before "a.yaml" in the folder
	return names
}
