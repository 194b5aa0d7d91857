package scenario

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/state"
	"g2c/internal/golden"
)

// World is a state and what led to it.
type World struct {
	State *state.State
	Now   int64 // unix milliseconds
	Log   []command.Entry

	works map[string]api.Work
}

// New is an empty world at the hour 0.
func New() *World { return &World{State: state.New(), works: map[string]api.Work{}} }

// Verb does what a line says and answers with text, possibly none.
type Verb func(w *World, a *Args) string

// Run plays a file and holds the answers to it. After every verb the state's
// invariants are checked, and at the end that replay and restore make the same.
func Run(t *testing.T, path string, extra map[string]Verb) *World {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	w := New()
	var out, answers strings.Builder
	skip := false
	for i, line := range strings.Split(strings.TrimRight(string(b), "\n"), "\n") {
		switch {
		case line == "----":
			fmt.Fprintf(&out, "----\n%s", answers.String())
			answers.Reset()
			skip = true
		case line == "":
			out.WriteString("\n")
			skip = false
		case skip:
		default:
			out.WriteString(line + "\n")
			if !strings.HasPrefix(line, "#") {
				answers.WriteString(w.do(t, fmt.Sprintf("%s:%d", path, i+1), line, extra))
			}
		}
	}
	golden.Check(t, path, out.String())
	w.CheckReplay(t)
	return w
}

// do plays a line.
func (w *World) do(t *testing.T, place, line string, extra map[string]Verb) string {
	t.Helper()
	a := parse(line)
	verb := verbs[a.verb]
	if v := extra[a.verb]; v != nil {
		verb = v
	}
	if verb == nil {
		t.Fatalf("%s: no verb %q", place, a.verb)
	}
	said := verb(w, a)
	if a.err != nil {
		t.Fatalf("%s: %v", place, a.err)
	}
	if len(a.values) > 0 || len(a.words) > 0 {
		t.Fatalf("%s: %v %v not understood", place, a.words, a.values)
	}
	if err := w.State.Check(); err != nil {
		t.Fatalf("%s: %v", place, err)
	}
	if said != "" && !strings.HasSuffix(said, "\n") {
		said += "\n"
	}
	return said
}

// Apply adds an entry to the log and applies it. What cannot stand in a log is
// refused before.
func (w *World) Apply(e command.Entry) state.Result {
	e.At = w.Now
	if _, err := command.Encode(e); err != nil {
		return state.Result{Err: err}
	}
	w.Log = append(w.Log, e)
	return w.State.Apply(w.State.Index()+1, e)
}

// Work is a task that the file defined.
func (w *World) Work(name string) (api.Work, bool) {
	work, ok := w.works[name]
	return work, ok
}

// Args are what a line says after its verb. Taking one removes it; what is left
// over is an error.
type Args struct {
	verb   string
	words  []string
	values map[string]string
	err    error
}

func parse(line string) *Args {
	fields := strings.Fields(line)
	a := &Args{verb: fields[0], values: map[string]string{}}
	for _, f := range fields[1:] {
		if name, value, ok := strings.Cut(f, "="); ok {
			a.values[name] = strings.ReplaceAll(value, "_", " ")
		} else {
			a.words = append(a.words, f)
		}
	}
	return a
}

// Word takes the next plain word; empty if there is none.
func (a *Args) Word() string {
	if len(a.words) == 0 {
		return ""
	}
	w := a.words[0]
	a.words = a.words[1:]
	return w
}

// Text takes a value; empty if it is not there.
func (a *Args) Text(name string) string {
	v := a.values[name]
	delete(a.values, name)
	return v
}

// Int takes a number; 0 if it is not there. "10s" is 10,000 milliseconds.
func (a *Args) Int(name string) int64 {
	v := a.Text(name)
	if v == "" {
		return 0
	}
	scale := int64(1)
	if s, ok := strings.CutSuffix(v, "s"); ok {
		v, scale = s, 1000
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		a.err = err
	}
	return n * scale
}

// List takes names with commas between.
func (a *Args) List(name string) []string { return split(a.Text(name)) }

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// key is that of a task of a name.
func (a *Args) key(w *World, name string) api.Key {
	work, ok := w.works[name]
	if !ok && name != "unknown" {
		a.err = fmt.Errorf("no task %q", name)
	}
	return work.Key
}

func (a *Args) keys(w *World, names []string) []api.Key {
	var out []api.Key
	for _, n := range names {
		out = append(out, a.key(w, n))
	}
	return out
}

// data is the sorted fingerprints of named data.
func data(names []string) []api.Key {
	var out []api.Key
	for _, n := range names {
		out = append(out, fixture.Data(n))
	}
	slices.SortFunc(out, api.Key.Compare)
	return out
}
