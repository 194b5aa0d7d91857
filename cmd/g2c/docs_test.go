package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// Every command in the pages is one: its verb exists, and takes the flags and
// as many arguments as stand there.
func TestCommandsOfTheDocsExist(t *testing.T) {
	checkPage(t, "../../docs/cluster.md", 30)
	checkPage(t, "../../docs/kubernetes.md", 2)
	checkPage(t, "../../docs/tutorial.md", 8)
	checkPage(t, "../../docs/paper.md", 7)
	checkPage(t, "../../docs/weights.md", 7)
	checkPage(t, "../../docs/kid.md", 2)
}

func checkPage(t *testing.T, page string, least int) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	found, code := 0, false
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "```") {
			code = !code
			continue
		}
		if !code {
			continue
		}
		for _, command := range commands(line) {
			found++
			checkCommand(t, command)
		}
	}
	if found < least {
		t.Errorf("%s: only %d commands found: the search is broken", page, found)
	}
}

// commands are those of this program in a line of a shell.
func commands(line string) (out []string) {
	line, _, _ = strings.Cut(line, "#")
	for _, command := range strings.Split(" "+line, " g2c ")[1:] {
		for _, end := range []string{";", "&", ")", "|"} {
			command, _, _ = strings.Cut(command, end)
		}
		out = append(out, command)
	}
	return out
}

func checkCommand(t *testing.T, command string) {
	t.Helper()
	c, rest, err := newRoot().Find(words(command))
	if err == nil && !c.Runnable() {
		err = errors.New("it is a group of commands")
	}
	if err == nil {
		err = c.ParseFlags(rest)
	}
	if err == nil && c.Args != nil {
		err = c.Args(c, c.Flags().Args())
	}
	if err != nil {
		t.Errorf("g2c %s: %v", strings.TrimSpace(command), err)
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
		for _, word := range strings.Fields(part) {
			if !strings.HasPrefix(word, "${") { // flags that stand elsewhere
				out = append(out, word)
			}
		}
	}
	return out
}
