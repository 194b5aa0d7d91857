package spec

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// value is a field with a form of its own.
type value interface {
	decode(n *node, path string) error
	encode() *node
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

// checkPath refuses what no file can be called, and object stores by name.
func checkPath(at Pos, path, s string) error {
	if s == "" {
		return at.fault("%s: the path is empty", path)
	}
	if strings.HasPrefix(s, "s3://") {
		return at.fault("%s: %s: reading from an object store is not available in this version", path, shorten(s)).
			WithHint("copy the files to a folder and name that")
	}
	return nil
}

func (p *Paths) encode() *node {
	if len(*p) == 1 {
		return textNode((*p)[0])
	}
	return textsNode(*p)
}

// Freeze is a number of epochs, or All.
type Freeze int

// All freezes for ever.
const All Freeze = -1

func (f *Freeze) decode(n *node, path string) error {
	if n.kind == scalarNode && n.text == "all" {
		*f = All
		return nil
	}
	v, err := n.integer()
	if err != nil || v < 0 || v > math.MaxInt32 {
		return n.pos.fault("%s: want a number of epochs or `all`, got %s", path, n.describe())
	}
	*f = Freeze(v)
	return nil
}

func (f *Freeze) encode() *node {
	if *f == All {
		return textNode("all")
	}
	return plainNode(strconv.Itoa(int(*f)))
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
	Fraction float64 `yaml:"fraction" rule:"above=0,below=1"`
	By       string  `yaml:"by" rule:"one=group"`
}

func (v *Validation) decode(n *node, path string) error {
	if n.kind == scalarNode && n.text == "none" {
		*v = Validation{None: true}
		return nil
	}
	if n.kind != mappingNode {
		*v = Validation{}
		return v.Paths.decode(n, path)
	}
	standard := Default().Data.Labelled.Validation
	part := validationPart{standard.Fraction, standard.By}
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
	return encode(&validationPart{v.Fraction, v.By})
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

// Device is auto, cpu, ref, cuda, or cuda:0,1 for some of the cards.
type Device string

var deviceForm = regexp.MustCompile(`^(auto|cpu|ref|cuda(:[0-9]{1,3}(,[0-9]{1,3})*)?)$`)

func (d *Device) decode(n *node, path string) error {
	if n.kind != scalarNode || !deviceForm.MatchString(n.text) {
		return n.pos.fault("%s: want auto, cpu, cuda, cuda:0,1 or ref, got %s", path, n.describe())
	}
	*d = Device(n.text)
	return nil
}

func (d *Device) encode() *node { return textNode(string(*d)) }
