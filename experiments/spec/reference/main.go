// Command reference writes what is generated of the format of specs: between its marks in
// docs/spec.md the defaults and the table of fields, and docs/spec.schema.json.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"g2c/experiments/spec"
)

func main() {
	docs := flag.String("docs", "docs", "the folder of spec.md")
	flag.Parse()
	if err := write(*docs); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

func write(docs string) error {
	page := filepath.Join(docs, "spec.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	out := string(text)
	for _, part := range []struct{ name, text string }{
		{"defaults", "```yaml\n" + spec.DumpDefaults() + "```\n"},
		{"fields", spec.Reference()},
	} {
		if out, err = replace(out, part.name, part.text); err != nil {
			return fmt.Errorf("%s: %w", page, err)
		}
	}
	if err := os.WriteFile(page, []byte(out), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "spec.schema.json"), spec.Schema(), 0o644)
}

// replace puts a text between the marks of a part.
func replace(page, name, text string) (string, error) {
	begin, end := "<!-- generated: "+name+" -->\n", "<!-- end: "+name+" -->\n"
	before, rest, ok := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return "", fmt.Errorf("it has no marks of the part %s", name)
	}
	return before + begin + text + end + after, nil
}
