package spec

import (
	"strings"
)

// set puts a value at a path: mappings merge entry by entry, anything else
// replaces what was there, and so does an empty mapping. It is the one way in which arms, the sweep and --set
// edit a spec. The value is copied.
func set(root *node, path []entry, value *node) {
	at := root
	for _, part := range path[:len(path)-1] {
		e := at.find(part.key)
		if e == nil || e.value.kind != mappingNode {
			at.put(part.key, part.pos, &node{kind: mappingNode, pos: part.pos})
			e = at.find(part.key)
		}
		at = e.value
	}
	last := path[len(path)-1]
	old := at.find(last.key)
	if old != nil && old.value.kind == mappingNode && len(value.entries) > 0 {
		merge(old.value, value)
		return
	}
	at.put(last.key, last.pos, value.clone())
}

func merge(into, from *node) {
	for _, e := range from.entries {
		set(into, []entry{e}, e.value)
	}
}

func (n *node) put(key string, pos Pos, value *node) {
	if e := n.find(key); e != nil {
		e.pos, e.value = pos, value
		return
	}
	n.entries = append(n.entries, entry{key, pos, value})
}

// splitPath cuts a dotted path; every part gets the position it has in the text.
func splitPath(path string, pos Pos) ([]entry, error) {
	var parts []entry
	for _, part := range strings.Split(path, ".") {
		if part == "" {
			return nil, pos.fault("%q is not a path", shorten(path)).WithHint("a path is names joined by dots: finetune.freezeEpochs")
		}
		parts = append(parts, entry{key: part, pos: pos})
		if pos.Line > 0 {
			pos.Column += len(part) + 1
		}
	}
	if len(parts) > maxDepth {
		return nil, pos.fault("nested deeper than %d levels", maxDepth)
	}
	return parts, nil
}

// expandDotted turns dotted keys of a mapping into nested mappings:
// {finetune.augment: true} into {finetune: {augment: true}}. Setting a field
// twice is an error, whichever way it is written.
func expandDotted(n *node) (*node, error) {
	out := &node{kind: mappingNode, pos: n.pos}
	for _, e := range n.entries {
		path, err := splitPath(e.key, e.pos)
		if err != nil {
			return nil, err
		}
		value := e.value
		if value.kind == mappingNode {
			if value, err = expandDotted(value); err != nil {
				return nil, err
			}
		}
		if err := addOnce(out, path, value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func addOnce(root *node, path []entry, value *node) error {
	at := root
	for i, part := range path {
		e := at.find(part.key)
		switch {
		case e == nil:
			set(at, path[i:], value)
			return nil
		case e.value.kind != mappingNode || (i == len(path)-1 && value.kind != mappingNode):
			return part.pos.fault("%s is given twice, first at %s", part.key, e.pos)
		}
		at = e.value
	}
	for _, e := range value.entries {
		if err := addOnce(at, []entry{e}, e.value); err != nil {
			return err
		}
	}
	return nil
}

// leaf is a node that is not a mapping, or an empty one, with its path.
type leaf struct {
	path  []entry
	value *node
}

// leaves are the leaves below a mapping.
func (n *node) leaves(prefix ...entry) []leaf {
	var out []leaf
	for _, e := range n.entries {
		path := append(prefix[:len(prefix):len(prefix)], e)
		if e.value.kind == mappingNode && len(e.value.entries) > 0 {
			out = append(out, e.value.leaves(path...)...)
			continue
		}
		out = append(out, leaf{path, e.value})
	}
	return out
}

func (n *node) leafPaths() []string {
	var out []string
	for _, l := range n.leaves() {
		out = append(out, pathString(l.path))
	}
	return out
}

func pathString(path []entry) string {
	parts := make([]string, len(path))
	for i, e := range path {
		parts[i] = e.key
	}
	return strings.Join(parts, ".")
}
