package spec

import (
	"fmt"
	"strings"

	"g2c/internal/fault"
)

// Pos is a place in a spec: a file with line and column from 1, or a --set flag,
// which has no lines.
type Pos struct {
	File         string
	Line, Column int
}

// setFlag begins the "file" of what a --set flag holds.
const setFlag = "--set "

// String is file:line:column, the form editors jump to; of a flag, the flag.
func (p Pos) String() string {
	if p.Line == 0 || strings.HasPrefix(p.File, setFlag) {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// fault is an error of the spec at a place.
func (p Pos) fault(format string, a ...any) *fault.Error {
	return fault.New(fault.ErrSpec, "%s: "+format, append([]any{p}, a...)...)
}

type nodeKind int

const (
	scalarNode nodeKind = iota
	listNode
	mappingNode
	nullNode
)

// node is a piece of a document.
type node struct {
	kind    nodeKind
	pos     Pos
	text    string // scalar
	quoted  bool   // scalar in quotes or a block: text, whatever it looks like
	items   []*node
	entries []entry
}

type entry struct {
	key   string
	pos   Pos // of the key
	value *node
}

func (n *node) find(key string) *entry {
	for i := range n.entries {
		if n.entries[i].key == key {
			return &n.entries[i]
		}
	}
	return nil
}

// take removes an entry and returns its value, nil if there is none.
func (n *node) take(key string) *node {
	for i, e := range n.entries {
		if e.key == key {
			n.entries = append(n.entries[:i:i], n.entries[i+1:]...)
			return e.value
		}
	}
	return nil
}

func (n *node) clone() *node {
	c := *n
	c.items = make([]*node, len(n.items))
	for i, item := range n.items {
		c.items[i] = item.clone()
	}
	c.entries = make([]entry, len(n.entries))
	for i, e := range n.entries {
		c.entries[i] = entry{e.key, e.pos, e.value.clone()}
	}
	return &c
}

// describe names what a node is, for errors.
func (n *node) describe() string {
	switch n.kind {
	case listNode:
		if len(n.items) == 0 {
			return "an empty list"
		}
		return "a list"
	case mappingNode:
		return "a mapping"
	case nullNode:
		return "nothing"
	}
	if n.quoted || strings.TrimSpace(n.text) == "" {
		return fmt.Sprintf("the text %q", shorten(n.text))
	}
	return shorten(n.text)
}

// shorten keeps a message on one line whatever the file holds.
func shorten(s string) string {
	const limit = 60
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "…"
}
