package spec

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// value is a field with a form of its own.
type value interface {
	decode(n *node, path string) error
	encode() *node
	// words are its type and its range for the reference, schema the same for editors.
	words() (kind, limits string)
	schema() schema
}

// Paths are folders, globs or files: one, or a list of them.
type Paths []string

func (p *Paths) decode(n *node, path string) error {
	items := []*node{n}
	if n.kind == listNode {
		items = n.items
	}
	*p = nil
	for _, item := range items {
		s, err := item.str(path)
		if err != nil {
			return err
		}
		if err := checkPath(item.pos, path, s); err != nil {
			return err
		}
		*p = append(*p, s)
	}
	if len(*p) == 0 {
		return n.pos.fault("%s: the list is empty", path).WithHint("name a path, or leave the field out")
	}
	return nil
}

// checkPath refuses what no file can be called.
func checkPath(at Pos, path, s string) error {
	if s == "" {
		return at.fault("%s: the path is empty", path)
	}
	if err := checkLocal(at, path, s); err != nil {
		return err
	}
	return nil
}

func (p *Paths) words() (kind, limits string) { return "path, or a list of paths", "" }

func (p *Paths) schema() schema {
	one := schema{"type": "string", "minLength": 1, "pattern": localText}
	return schema{"anyOf": []any{one, schema{"type": "array", "items": one, "minItems": 1}}}
}

func (p *Paths) encode() *node {
	if len(*p) == 1 {
		return textNode((*p)[0])
	}
	return textsNode(*p)
}

// Validation is a part of the training set, paths of its own, or none.
type Validation struct {
	None     bool
	Paths    Paths
	Fraction float64
	By       string
}

// validationPart is the mapping form of Validation.
type validationPart struct {
	Fraction float64 `yaml:"fraction" default:"0.15" rule:"above=0,below=1" doc:"of train"`
	By       string  `yaml:"by" default:"group" rule:"one=group" doc:"what stays together"`
}

func (v *Validation) decode(n *node, path string) error {
	if n.kind == scalarNode && n.text == "none" {
		*v = Validation{None: true}
		return nil
	}
	if n.kind == scalarNode && !n.quoted && floatForm.MatchString(n.text) {
		return n.pos.fault("%s: want `{fraction: …}`, paths or `none`, got %s", path, n.text).WithHint("a share of train is {fraction: %s}", n.text)
	}
	if n.kind != mappingNode {
		*v = Validation{}
		return v.Paths.decode(n, path)
	}
	var part validationPart
	setDefaults(reflect.ValueOf(&part).Elem())
	if err := decodeInto(&part, n, path); err != nil {
		return err
	}
	*v = Validation{Fraction: part.Fraction, By: part.By}
	return nil
}

func (v *Validation) encode() *node {
	switch {
	case v.None:
		return textNode("none")
	case len(v.Paths) > 0:
		return v.Paths.encode()
	}
	part := validationPart{v.Fraction, v.By}
	return encodeStruct(reflect.ValueOf(&part).Elem(), whole)
}

func (v *Validation) words() (kind, limits string) {
	return "`{fraction, by: group}`, paths, or `none`", "0 < fraction < 1"
}

func (v *Validation) schema() schema {
	part := (&schemas{}).section(reflect.TypeFor[validationPart](), asFile, "")
	return schema{"anyOf": []any{schema{"const": "none"}, new(Paths).schema(), part}}
}

// Every is a cadence: exactly one of the two is positive.
type Every struct{ Epochs, Steps int }

var everyForm = regexp.MustCompile(`^([1-9][0-9]{0,8}) (epoch|step)s?$`)

func (e *Every) decode(n *node, path string) error {
	m := everyForm.FindStringSubmatch(n.text)
	if n.kind != scalarNode || m == nil {
		return n.pos.fault("%s: want `1 epoch` or `500 steps`, got %s", path, n.describe())
	}
	count, err := strconv.Atoi(m[1])
	if err != nil {
		return n.pos.fault("%s: %w", path, err)
	}
	*e = Every{Epochs: count}
	if m[2] == "step" {
		*e = Every{Steps: count}
	}
	return nil
}

func (e *Every) encode() *node {
	count, unit := e.Epochs, "epoch"
	if e.Steps > 0 {
		count, unit = e.Steps, "step"
	}
	if count != 1 {
		unit += "s"
	}
	return textNode(fmt.Sprintf("%d %s", count, unit))
}

func (e *Every) words() (kind, limits string) { return "`1 epoch`, `500 steps`", "at least 1" }

func (e *Every) schema() schema { return schema{"type": "string", "pattern": everyForm.String()} }

// Device is auto, cpu, ref, cuda, or cuda:0,1 for some of the cards.
type Device string

var deviceForm = regexp.MustCompile(`^(auto|cpu|ref|cuda(:[0-9]{1,3}(,[0-9]{1,3})*)?)$`)

func (d *Device) decode(n *node, path string) error {
	if n.kind != scalarNode || !deviceForm.MatchString(n.text) {
		return n.pos.fault("%s: want auto, cpu, cuda, cuda:0,1 or ref, got %s", path, n.describe())
	}
	_, list, _ := strings.Cut(n.text, ":")
	cards := strings.Split(list, ",")
	for i, card := range cards {
		if slices.Contains(cards[:i], card) {
			return n.pos.fault("%s: card %s is there twice in %s", path, card, n.text)
		}
	}
	*d = Device(n.text)
	return nil
}

func (d *Device) encode() *node { return textNode(string(*d)) }

func (d *Device) words() (kind, limits string) {
	return "text", "`auto`, `cpu`, `cuda`, `cuda:0,1`, `ref`"
}

func (d *Device) schema() schema { return schema{"type": "string", "pattern": deviceForm.String()} }

// Augment is false, true, or hed: jitter in stain space.
type Augment string

// The values of Augment.
const (
	AugmentOff    Augment = "false"
	AugmentOn     Augment = "true"
	AugmentStains Augment = "hed"
)

func (a *Augment) decode(n *node, path string) error {
	plain := n.kind == scalarNode && !n.quoted && (n.text == string(AugmentOff) || n.text == string(AugmentOn))
	if !plain && (n.kind != scalarNode || n.text != string(AugmentStains)) {
		return n.pos.fault("%s: want true, false or hed, got %s", path, n.describe())
	}
	*a = Augment(n.text)
	return nil
}

func (a *Augment) encode() *node {
	if *a == AugmentStains {
		return textNode(string(*a))
	}
	return plainNode(string(*a))
}

func (a *Augment) words() (kind, limits string) { return "true, false, or `hed`", "" }

func (a *Augment) schema() schema {
	return schema{"anyOf": []any{schema{"type": "boolean"}, schema{"const": string(AugmentStains)}}}
}
