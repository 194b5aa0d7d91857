package spec

import (
	"strconv"
	"strings"
)

// Difference is a field in which two specs differ, with its values in one line of YAML, in
// normal form. A value is empty where a spec does not have the field.
type Difference struct {
	Path string `json:"path"` // finetune.epochs, arms[PAS_ALL+].stains, sweep.seed
	A    string `json:"a"`
	B    string `json:"b"`
}

// Differences lists the fields in which two specs differ, in the order of the reference;
// what arms set, by their names, and the sweep come last. What is written in another way
// and means the same is no difference.
func Differences(a, b *File) []Difference {
	x, y := a.flat(), b.flat()
	paths := x.paths
	for _, p := range y.paths {
		if _, both := x.values[p]; !both {
			paths = append(paths, p)
		}
	}
	out := []Difference{}
	for _, p := range paths {
		if x.values[p] != y.values[p] {
			out = append(out, Difference{p, x.values[p], y.values[p]})
		}
	}
	return out
}

// flat is a spec as values by their paths.
type flat struct {
	paths  []string
	values map[string]string
}

func (f *flat) add(path, value string) {
	f.paths = append(f.paths, path)
	f.values[path] = value
}

// flat lists what a spec says. Tasks and arms are called by their names: one more of them
// moves no other.
func (f *File) flat() *flat {
	out := &flat{values: map[string]string{}}
	for _, x := range Fields(&f.Spec) {
		out.add(f.byName(x.Path), x.Value)
	}
	for _, a := range f.arms {
		for _, l := range a.normal[whole].leaves() {
			out.add("arms["+a.name+"]."+pathString(l.path), flow(l.value))
		}
	}
	for _, x := range f.axes {
		out.add("sweep."+x.path, flow(x.normal[whole]))
	}
	return out
}

// byName is the path of a field with the names of tasks in place of their numbers.
func (f *File) byName(path string) string {
	rest, ok := strings.CutPrefix(path, "tasks[")
	if !ok {
		return path
	}
	number, rest, _ := strings.Cut(rest, "]")
	i, err := strconv.Atoi(number)
	if err != nil {
		return path
	}
	return "tasks[" + f.Spec.Tasks[i].Name + "]" + rest
}
