// Package rewrite makes a program faster without changing a bit of what it leaves
// in its slots. A rule is a pure function from a program to a program; a device
// applies its rules when it loads one, and each can be left out, so that the two
// can be compared: `g2c debug dump --rewrites` prints a program before and after.
//
// It is not a place for choices of kernels: those are each backend's own, and
// part of its numerics class.
//
// Everything here is safe for concurrent use.
package rewrite

import (
	"slices"
	"strings"

	"g2c/internal/fault"
	"g2c/kernels"
)

// Rule is a rewrite.
type Rule struct {
	Name  string
	Does  string // a line for people
	Apply func(p *kernels.Program) *kernels.Program
}

// rules are all of them, in the order they are applied.
var rules = []Rule{
	{"flatten-adds", "add(add(a, b), c) becomes add(a, b, c): a sum goes over memory once", flattenAdds},
}

// All lists every rule.
func All() []Rule { return slices.Clone(rules) }

// Named are the rules of a list of names divided by commas, or all, or none.
func Named(list string) ([]Rule, error) {
	switch list {
	case "", "all":
		return All(), nil
	case "none":
		return nil, nil
	}
	var chosen []Rule
	for _, name := range strings.Split(list, ",") {
		i := slices.IndexFunc(rules, func(r Rule) bool { return r.Name == name })
		if i < 0 {
			return nil, fault.New(fault.ErrSpec, "there is no rewrite %q", name).WithHint("rewrites are all, none, or of: %s", strings.Join(names(), ","))
		}
		chosen = append(chosen, rules[i])
	}
	return chosen, nil
}

func names() (list []string) {
	for _, r := range rules {
		list = append(list, r.Name)
	}
	return list
}

// Apply applies rules in turn. The program it is given stays as it was.
func Apply(p *kernels.Program, rules []Rule) *kernels.Program {
	for _, r := range rules {
		p = r.Apply(p)
	}
	return p
}
