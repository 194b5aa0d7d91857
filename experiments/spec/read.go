package spec

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"g2c/internal/fault"
	"g2c/internal/filekind"
)

// Limits of a document. The YAML library recurses, and takes quadratic time on
// brackets that do not close; within these it stays under a second.
const (
	maxBytes     = 256 << 10 // two thousand paths of a hundred characters
	maxLineBytes = 8 << 10
	maxDepth     = 32 // the deepest field lies at 5
)

// read turns a document into nodes. Anchors, aliases, tags and merge keys are
// refused: arms and the sweep do what they would be used for.
func read(file string, text []byte) (root *node, err error) {
	start := Pos{file, 1, 1}
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // editors on Windows begin a file with it
	if err := checkText(file, text); err != nil {
		return nil, err
	}
	defer func() {
		// A panic here is the YAML library's; the document is at fault for
		// all a user can do about it.
		if r := recover(); r != nil {
			root, err = nil, start.fault("not YAML: the reader gave up: %v", r)
		}
	}()
	if err := checkFlowDepth(file, text); err != nil {
		return nil, err
	}
	doc, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxFault(start, err, text)
	}
	var bodies []ast.Node
	for _, d := range doc.Docs {
		if d.Body != nil && d.Body.Type() != ast.CommentType {
			bodies = append(bodies, d.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, start.fault("the spec is empty").WithHint("`g2c run quickstart` shows one that works")
	case 1:
		return convert(file, bodies[0], 0)
	}
	return nil, position(file, bodies[1]).fault("a second document").WithHint("one file holds one spec")
}

// checkKind refuses files that are no text, by their name.
func checkKind(file string, text []byte) error {
	start := Pos{file, 1, 1}
	switch kind := filekind.Of(text); kind {
	case filekind.Text, filekind.JSON, filekind.Empty, filekind.Kind{}:
	default:
		err := start.fault("it is %s, not a spec", kind.Name)
		if kind.Remedy != "" {
			return err.WithHint("%s", kind.Remedy)
		}
		return err
	}
	const wide = 4
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.IndexByte(text[:min(len(text), wide)], 0) >= 0 {
		return start.fault("it is UTF-16 text, and specs are UTF-8").WithHint("save it as UTF-8")
	}
	return nil
}

func checkText(file string, text []byte) error {
	start := Pos{file, 1, 1}
	if len(text) > maxBytes {
		return start.fault("the spec has %d bytes, at most %d", len(text), maxBytes)
	}
	for i, line := range bytes.Split(text, []byte("\n")) {
		at := Pos{file, i + 1, 1}
		if len(line) > maxLineBytes {
			return at.fault("a line of %d bytes, at most %d", len(line), maxLineBytes)
		}
		if !utf8.Valid(line) {
			return at.fault("text that is not UTF-8")
		}
		if i := bytes.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' }); i >= 0 {
			at.Column = i + 1
			return at.fault("a control character")
		}
	}
	return nil
}

func checkFlowDepth(file string, text []byte) error {
	depth := 0
	for _, t := range lexer.Tokenize(string(text)) {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		if depth > maxDepth {
			return Pos{file, t.Position.Line, t.Position.Column}.fault("nested deeper than %d levels", maxDepth)
		}
	}
	return nil
}

// syntaxFault takes place and words from the library's error, without its
// drawing of the source.
func syntaxFault(start Pos, err error, text []byte) error {
	var ye yaml.Error
	if !errors.As(err, &ye) {
		return start.fault("not YAML: %w", err)
	}
	at := start
	if t := ye.GetToken(); t != nil && t.Position != nil {
		at.Line, at.Column = t.Position.Line, t.Position.Column
	}
	failed := at.fault("not YAML: %s", ye.GetMessage())
	for i, line := range bytes.Split(text, []byte("\n")) {
		if at := bytes.IndexAny(line, "\u00a0\u200b\u202f\u2007"); at >= 0 {
			return failed.WithHint("line %d has a space of another kind than YAML's at column %d: type it again", i+1, at+1)
		}
	}
	return failed
}

func position(file string, n ast.Node) Pos {
	t := n.GetToken()
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		t = m.Values[0].Key.GetToken()
	}
	if t == nil || t.Position == nil {
		return Pos{file, 1, 1}
	}
	return Pos{file, t.Position.Line, t.Position.Column}
}

func convert(file string, n ast.Node, depth int) (*node, error) {
	if depth > maxDepth {
		return nil, position(file, n).fault("nested deeper than %d levels", maxDepth)
	}
	out := &node{pos: position(file, n)}
	switch n := n.(type) {
	case *ast.MappingNode:
		out.kind = mappingNode
		return out, convertMapping(file, n, out, depth)
	case *ast.SequenceNode:
		out.kind = listNode
		for _, v := range n.Values {
			item, err := convert(file, v, depth+1)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, item)
		}
	case *ast.StringNode:
		out.text = n.Value
		out.quoted = n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType
	case *ast.LiteralNode:
		out.text, out.quoted = n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		out.text = n.GetToken().Value
	case *ast.NullNode:
		out.kind = nullNode
	default:
		return nil, refuse(out.pos, n)
	}
	return out, nil
}

func convertMapping(file string, n *ast.MappingNode, out *node, depth int) error {
	for _, v := range n.Values {
		at := position(file, v.Key)
		key, ok := v.Key.(ast.ScalarNode)
		if !ok || v.Key.Type() == ast.MergeKeyType {
			return refuse(at, v.Key)
		}
		name := strings.Trim(key.GetToken().Value, " ")
		if old := out.find(name); old != nil {
			return at.fault("%s is given twice, first at %s", name, old.pos)
		}
		value, err := convert(file, v.Value, depth+1)
		if err != nil {
			return err
		}
		out.entries = append(out.entries, entry{name, at, value})
	}
	return nil
}

func refuse(at Pos, n ast.Node) *fault.Error {
	what := fmt.Sprintf("YAML of the kind %q is", strings.ToLower(n.Type().String()))
	switch {
	case n.Type() == ast.AnchorType || n.Type() == ast.AliasType || n.Type() == ast.MergeKeyType:
		what = "anchors, aliases and merge keys are"
	case n.Type() == ast.TagType:
		what = "tags are"
	}
	return at.fault("%s not used in specs", what).WithHint("arms and sweep repeat a spec with changes")
}
