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

//go:embed *.yaml paper/*.yaml
var files embed.FS

// Lookup is the text of a built-in spec, by its name with or without .yaml; ok
// says whether there is one.
func Lookup(name string) (text []byte, ok bool) {
	name = strings.TrimSuffix(name, ".yaml")
	if !slices.Contains(Names(), name) {
		return nil, false
	}
	text, err := files.ReadFile(name + ".yaml")
	return text, err == nil
}

// Experiment is the name of the experiment that a built-in spec describes: a folder's name
// and the spec's, joined by a hyphen.
func Experiment(name string) (experiment string, ok bool) {
	_, ok = Lookup(name)
	return strings.ReplaceAll(strings.TrimSuffix(name, ".yaml"), "/", "-"), ok
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

// Names are the built-in specs, sorted: those of the paper's tables with their folder, as
// paper/table2.
func Names() []string {
	var names []string
	for _, pattern := range []string{"*.yaml", "*/*.yaml"} {
		paths, err := fs.Glob(files, pattern)
		if err != nil {
			panic("specs: the embedded folder cannot be read")
		}
		for _, path := range paths {
			names = append(names, strings.TrimSuffix(path, ".yaml"))
		}
	}
	slices.Sort(names) // "a-b.yaml" comes before "a.yaml" in the folder
	return names
}
