package dataset

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"g2c/internal/fault"
	"g2c/internal/remote"
)

// listing is what was found while the sources of a set were listed.
type listing struct {
	sources  int      // that were read
	twice    []string // sources that were listed twice
	repeated int      // files that two sources of a set reach
	example  string   // one of them
	prefixed []string // sentences on sets whose images are named @n/…
	notes    []Check  // on tables and patterns
}

// distinct drops paths that lead where an earlier one of the same set does.
func (l *listing) distinct(set string, paths []string, find *finder) []string {
	first := map[string]string{}
	var kept []string
	for _, p := range paths {
		real := filepath.Clean(p)
		if found := find.find(p); !remote.Is(p) && exists(found) {
			real = realPath(found)
		}
		if other, ok := first[real]; ok {
			text := fmt.Sprintf("%s is listed twice", Show(p))
			if other != p {
				text = fmt.Sprintf("%s and %s are one place", Show(other), Show(p))
			}
			l.twice = append(l.twice, set+": "+text)
			continue
		}
		first[real] = p
		kept = append(kept, p)
	}
	l.sources += len(kept)
	return kept
}

// merge makes one list of the files of a set's sources: each file once, as the first
// that reaches it has it, and each name once. Names stay as they are unless two
// sources share one; then those of the n-th source become @n/name.
func (l *listing) merge(set string, list [][]file) ([]file, error) {
	at := map[string]int{} // of real paths in all
	var all []file
	var from []int // the source of each
	for n, files := range list {
		if err := oneForm(files); err != nil {
			return nil, err
		}
		for _, f := range files {
			i, ok := at[f.real]
			if !ok {
				at[f.real] = len(all)
				all, from = append(all, f), append(from, n+1)
				continue
			}
			if err := all[i].join(f); err != nil {
				return nil, err
			}
			if l.repeated == 0 {
				l.example = fmt.Sprintf("%s in %s", Show(f.path), set)
			}
			l.repeated++
		}
	}
	if shared := sharedName(all); shared != "" {
		for i := range all {
			all[i].image.Name = fmt.Sprintf("@%d/%s", from[i], all[i].image.Name)
		}
		l.prefixed = append(l.prefixed, fmt.Sprintf("%s: two of its %d sources hold a %s, so the images of the n-th are named @n/…", set, len(list), Show(shared)))
	}
	for i := range all {
		all[i].image.Group = all[i].image.group()
	}
	return all, nil
}

// join takes over what another way to the same file knows of it, and refuses what
// contradicts.
func (f *file) join(g file) error {
	for _, x := range []struct {
		what string
		a, b *string
	}{
		{"label", &f.image.Label, &g.image.Label}, {"patient", &f.image.Patient, &g.image.Patient}, {"slide", &f.image.Slide, &g.image.Slide},
	} {
		switch {
		case *x.a == "":
			*x.a = *x.b
		case *x.b != "" && *x.a != *x.b:
			return fault.New(fault.ErrData, "image %s has the %s %s, and as %s the %s %s", Show(f.path), x.what, Show(*x.a), Show(g.path), x.what, Show(*x.b)).
				WithHint("both lead to one file: name it once")
		}
	}
	return nil
}

// sharedName is the first name that two files have; empty if none.
func sharedName(files []file) string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = f.image.Name
	}
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			return names[i]
		}
	}
	return ""
}

// checks are the findings as checks, in the order of a verdict.
func (l *listing) checks() []Check {
	sources := Check{Name: "sources", State: OK, Text: fmt.Sprintf("%s, each listed once.", count(l.sources, "folder, file or table was read", "folders, files or tables were read"))}
	if len(l.twice) > 0 || l.repeated > 0 {
		var parts []string
		if len(l.twice) > 0 {
			parts = append(parts, strings.Join(l.twice, "; ")+": what is listed twice counts once.")
		}
		if l.repeated > 0 {
			parts = append(parts, fmt.Sprintf("%s, the first %s: each counts once.", count(l.repeated, "file is reached twice", "files are reached twice"), l.example))
		}
		sources.State, sources.Text = Note, strings.Join(parts, " ")
	}
	names := Check{Name: "names", State: OK, Text: "No two images of a set share a name."}
	if len(l.prefixed) > 0 {
		names.State, names.Text = Note, strings.Join(l.prefixed, "; ")+"."
	}
	return append([]Check{sources, names}, l.notes...)
}

// count is a number with the words for one or for several.
func count(n int, one, several string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, several)
}
