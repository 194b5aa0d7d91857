package spec

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"g2c/internal/fault"
	"g2c/internal/userpath"
)

// pathFields are the fields that hold paths.
var pathFields = regexp.MustCompile(`^(store|generators\.[^.]+|data\.(unlabelled|paired)\.[^.]+|data\.labelled\.(train|test|validation))$`)

// expandHome puts the home directory in place of a leading ~/ of every path in a document,
// also where an arm or the sweep sets it.
func expandHome(root *node, home string) {
	for _, e := range root.entries {
		switch {
		case e.key == "arms" && e.value.kind == listNode:
			for _, arm := range e.value.items {
				arm.expandHome("", home)
			}
		case e.key == "sweep":
			e.value.expandHome("", home)
		default:
			e.value.expandHome(e.key, home)
		}
	}
}

// expandHome does so below a path.
func (n *node) expandHome(path, home string) {
	for _, e := range n.entries {
		e.value.expandHome(join(path, e.key), home)
	}
	for _, item := range n.items {
		item.expandHome(path, home)
	}
	if n.kind != scalarNode || !strings.HasPrefix(n.text, "~") || !pathFields.MatchString(path) {
		return
	}
	if text, err := userpath.Expand(n.text, home); err == nil { // else it is refused where it is read
		n.text, n.quoted = text, true
	}
}

// checkLocal refuses what only a shell, or another system, makes a path of.
func checkLocal(at Pos, path, s string) *fault.Error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return at.fault("%s: %s holds a control character", path, strconv.Quote(shorten(s))).
			WithHint(`in double quotes \t and the like mean one: write / between folders, or single quotes`)
	}
	_, err := userpath.Expand(s, "")
	if e, ok := err.(*userpath.Error); ok {
		return at.fault("%s: %s: %s", path, shorten(s), e.Why).WithHint("%s", e.Remedy)
	}
	return nil
}
