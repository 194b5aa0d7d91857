package torchfile

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"g2c/checkpoint/safetensors"
)

// Contents is what a file holds.
type Contents struct {
	// Tensors come sorted by name, row-major. A name is the keys and numbers that lead to
	// the tensor, joined by dots: state_dict.head.weight, 0.head.weight.
	Tensors []safetensors.Tensor
	// Passed are objects that were passed over, unbuilt. Plain values are not listed.
	Passed []Passed
}

// Passed is an object of a class that is not read.
type Passed struct{ Name, Class string }

// String implements fmt.Stringer.
func (p Passed) String() string {
	if p.Name == "" {
		return "an object of class " + p.Class
	}
	return p.Name + ", of class " + p.Class
}

// Limits of what is looked at. The same dict may stand in many places of a file, so
// that the ways through it could be more than its bytes.
const (
	maxDepth   = 32 // far deeper than any training script nests its dicts
	maxVisited = 1 << 24
	maxTensors = 1 << 16
	maxName    = 1 << 10
	maxPassed  = 64
	overlap    = 16 // how often the bytes of a file may stand in its tensors, which are views
)

// collector walks the containers of a file.
type collector struct {
	out     Contents
	numbers map[string][]byte
	left    int64 // bytes that tensors may still take
	visited int
}

var errTooMany = errors.New("its dicts refer to each other too often")

// collect finds the tensors of an object.
func collect(top any, numbers map[string][]byte, fileBytes int64) (*Contents, error) {
	c := &collector{numbers: numbers, left: overlap * fileBytes}
	if err := c.walk("", top, 0); err != nil {
		return nil, err
	}
	if len(c.out.Tensors) == 0 {
		return nil, c.nothing()
	}
	slices.SortStableFunc(c.out.Tensors, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	for i, t := range c.out.Tensors[1:] {
		if t.Name == c.out.Tensors[i].Name {
			return nil, fmt.Errorf("two tensors named %q", t.Name)
		}
	}
	return &c.out, nil
}

// nothing says why there are no tensors.
func (c *collector) nothing() error {
	if len(c.out.Passed) == 0 {
		return fmt.Errorf("it holds no tensors")
	}
	return fmt.Errorf("it holds no tensors but %s, which would have to be run: save model.state_dict(), not the model", c.out.Passed[0])
}

func (c *collector) walk(name string, v any, depth int) error {
	switch {
	case depth > maxDepth:
		return errTooMany
	case len(name) > maxName:
		return fmt.Errorf("a name of %d bytes", len(name))
	}
	switch v := v.(type) {
	case *tensor:
		if len(c.out.Tensors) == maxTensors {
			return fmt.Errorf("more than %d tensors", maxTensors)
		}
		t, err := v.make(name, c.numbers, c.left)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		c.left -= int64(len(t.Data))
		c.out.Tensors = append(c.out.Tensors, t)
	case *opaque:
		if len(c.out.Passed) < maxPassed {
			c.out.Passed = append(c.out.Passed, Passed{name, v.class})
		}
	case *dict:
		if err := c.visit(len(v.entries)); err != nil {
			return err
		}
		for _, e := range v.entries {
			if key, ok := keyText(e.key); ok && !plain(e.value) {
				if err := c.walk(join(name, key), e.value, depth+1); err != nil {
					return err
				}
			}
		}
	case *list:
		return c.walkAll(name, v.items, depth)
	case tuple:
		return c.walkAll(name, v, depth)
	}
	return nil
}

func (c *collector) walkAll(name string, items []any, depth int) error {
	if err := c.visit(len(items)); err != nil {
		return err
	}
	for i, x := range items {
		if plain(x) {
			continue
		}
		if err := c.walk(join(name, strconv.Itoa(i)), x, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// visit counts what is looked at.
func (c *collector) visit(n int) error {
	if c.visited += n + 1; c.visited > maxVisited {
		return errTooMany
	}
	return nil
}

// plain says whether a value is no container, tensor or object.
func plain(v any) bool {
	switch v.(type) {
	case *tensor, *opaque, *dict, *list, tuple:
		return false
	}
	return true
}

func keyText(key any) (string, bool) {
	switch k := key.(type) {
	case string:
		return k, true
	case int:
		return strconv.Itoa(k), true
	}
	return "", false
}

func join(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}
