package main

import (
	"os"
	"strings"
	"testing"
)

// Every command in docs/cluster.md is one: its verb exists, and takes the flags and as
// many arguments as stand there.
func TestCommandsOfTheDocsExist(t *testing.T) {
	text, err := os.ReadFile("../../docs/cluster.md")
	if err != nil {
		t.Fatal(err)
	}
	found, code := 0, false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			code = !code
			continue
		}
		_, command, ok := strings.Cut(line, "g2c ")
		if !code || !ok {
			continue
		}
		found++
		command, _, _ = strings.Cut(command, "#")
		c, rest, err := newRoot().Find(words(command))
		if err != nil || !c.Runnable() {
			t.Errorf("g2c %s: %v", strings.TrimSpace(command), err)
			continue
		}
		if err := c.ParseFlags(rest); err != nil {
			t.Errorf("g2c %s: %v", strings.TrimSpace(command), err)
			continue
		}
		if c.Args != nil {
			if err := c.Args(c, c.Flags().Args()); err != nil {
				t.Errorf("g2c %s: %v", strings.TrimSpace(command), err)
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d commands found: the search is broken", found)
	}
}

// words splits a command as a shell does, as far as the docs need it.
func words(command string) []string {
	var out []string
	for i, part := range strings.Split(strings.TrimSpace(command), `"`) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}
