package spec

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/internal/golden"
)

// errorCase is one case of errors.golden.
type errorCase struct {
	comments, edits, want []string
	name                  string
}

func readCases(t *testing.T, path string) (cases []errorCase) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var comments []string
	for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
		lines := strings.Split(block, "\n")
		if strings.HasPrefix(lines[0], "#") {
			comments = append(comments, block)
			continue
		}
		c := errorCase{comments: comments, name: lines[0]}
		comments = nil
		for _, line := range lines[1:] {
			if word, _, _ := strings.Cut(line, " "); slices.Contains([]string{"-", "+", "set", "class"}, word) {
				c.edits = append(c.edits, line)
				continue
			}
			c.want = append(c.want, line)
		}
		cases = append(cases, c)
	}
	return cases
}

// run carries out a case's edits and parses.
func (c *errorCase) run(t *testing.T, base string) string {
	lines := strings.Split(base, "\n")
	var sets []string
	class, at := "", 0
	for _, e := range c.edits {
		kind, arg, _ := strings.Cut(e, " ")
		switch kind {
		case "-":
			if at = slices.Index(lines, arg); at < 0 {
				t.Fatalf("%s: the base has no line %q", c.name, arg)
			}
			lines = slices.Delete(lines, at, at+1)
		case "+":
			lines = slices.Insert(lines, at, arg)
			at++
		case "set":
			sets = append(sets, arg)
		case "class":
			class = arg
		}
	}
	f, err := Parse("spec.yaml", []byte(strings.Join(lines, "\n")), sets...)
	if err == nil && class != "" {
		err = f.CheckClass(class, api.HasBF16(class))
	}
	if err == nil {
		return "fine"
	}
	if !errors.Is(err, fault.ErrSpec) {
		t.Errorf("%s: not an error of the spec: %v", c.name, err)
	}
	return err.Error()
}

// TestErrors holds every message to testdata/errors.golden, to the letter: the
// place, the reason and the suggestion are what a user gets.
func TestErrors(t *testing.T) {
	const path = "testdata/errors.golden"
	base, err := os.ReadFile("testdata/base.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cases := readCases(t, path)
	for _, c := range cases {
		got := c.run(t, string(base))
		if want := strings.Join(c.want, "\n"); got != want && !golden.Rewriting() {
			t.Errorf("%s\n got: %s\nwant: %s", c.name, got, want)
		}
		for _, comment := range c.comments {
			out.WriteString(comment + "\n\n")
		}
		out.WriteString(strings.Join(append(append([]string{c.name}, c.edits...), got), "\n") + "\n\n")
	}
	if len(cases) < 90 {
		t.Errorf("only %d cases were read", len(cases))
	}
	golden.Check(t, path, strings.TrimSpace(out.String())+"\n")
}
