package field

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Rules say what values a field takes: "min=1,max=9" (inclusive), "above=0,below=1"
// (exclusive), "multiple=4", "power=2", "one=a|b", or a kind of text.
type Rules struct {
	List []Rule

	text    string
	choices []string
}

// Rule is one of them.
type Rule struct {
	Kind string
	Arg  string
	N    float64 // Arg, if it is a number
}

// The kinds of rule: of text, which stand alone, and of numbers; one, of choices, is
// beside them.
var (
	textKinds   = map[string]bool{"name": true, "stain": true, "text": true, "label": true, "pattern": true}
	numberKinds = map[string]bool{"min": true, "max": true, "above": true, "below": true, "multiple": true, "power": true}
)

func parseRules(tag string) (r Rules, err error) {
	if tag == "" {
		return r, nil
	}
	for _, part := range strings.Split(tag, ",") {
		kind, arg, given := strings.Cut(part, "=")
		rule := Rule{Kind: kind, Arg: arg}
		switch {
		case textKinds[kind] && !given, kind == "one" && arg != "":
		case numberKinds[kind]:
			if rule.N, err = strconv.ParseFloat(arg, 64); err != nil || kind == "power" && rule.N != 2 {
				return r, fmt.Errorf("the rule %q has no number to hold a value to", part)
			}
		default:
			return r, fmt.Errorf("%q is no rule", part)
		}
		r.List = append(r.List, rule)
		if textKinds[kind] {
			r.text = kind
		} else if kind == "one" {
			r.choices = strings.Split(arg, "|")
		}
	}
	return r, nil
}

// Text is the kind of text that the field holds, "" for any.
func (r Rules) Text() string { return r.text }

// Choices are the values of an enumerated field, nil for any.
func (r Rules) Choices() []string { return r.choices }

// Broken is the first rule that a number breaks, nil for none.
func (r Rules) Broken(v float64) *Rule {
	for i, rule := range r.List {
		if !rule.holds(v) {
			return &r.List[i]
		}
	}
	return nil
}

func (r *Rule) holds(v float64) bool {
	switch r.Kind {
	case "min":
		return v >= r.N
	case "max":
		return v <= r.N
	case "above":
		return v > r.N
	case "below":
		return v < r.N
	case "multiple":
		return math.Mod(v, r.N) == 0
	case "power": // of two, the only one
		return v >= 1 && v <= math.MaxInt32 && int64(v)&(int64(v)-1) == 0
	}
	return true
}

// String is what a rule wants, in words.
func (r *Rule) String() string {
	switch r.Kind {
	case "min":
		return "at least " + r.Arg
	case "max":
		return "at most " + r.Arg
	case "above":
		return "more than " + r.Arg
	case "below":
		return "less than " + r.Arg
	case "multiple":
		return "a multiple of " + r.Arg
	case "power":
		return "a power of two"
	}
	return strings.ReplaceAll(r.Arg, "|", " or ")
}
