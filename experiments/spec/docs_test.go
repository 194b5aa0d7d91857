package spec

import (
	"os"
	"strings"
	"testing"
)

// The defaults that users read are the program's.
func TestDocumentedDefaults(t *testing.T) {
	text, err := os.ReadFile("../../docs/spec.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("docs/spec.md has no block of defaults")
	}
	if got := strings.TrimSpace(DumpDefaults()); got != strings.TrimSpace(block) {
		t.Errorf("docs/spec.md does not show the defaults, which are\n%s", got)
	}
}
