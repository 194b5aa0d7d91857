package field

import (
	"math"
	"strconv"
	"strings"
)

// Rules say what values a field takes: "min=1,max=9" (inclusive), "above=0,below=1"
// (exclusive), "multiple=4", "power=2", "one=a|b", or a kind of text.
type Rules struct {
	List []Rule
}

// Rule is one of them.
type Rule struct {
	Kind string
	Arg  string
	N    float64 // Arg, if it is a number
}

// The kinds of text.
var textKinds = map[string]bool{"name": true, "stain": true, "text": true, "label": true, "pattern": true}

func parseRules(tag string) Rules {
	var r Rules
	if tag == "" {
		return r
	}
	for _, part := range strings.Split(tag, ",") {
		kind, arg, _ := strings.Cut(part, "=")
		rule := Rule{Kind: kind, Arg: arg}
		if kind != "one" && !textKinds[kind] {
			var err error
			if rule.N, err = strconv.ParseFloat(arg, 64); err != nil {
				panic("field: rule " + part)
			}
		}
		r.List = append(r.List, rule)
	}
	return r
}

// Text is the kind of text that the field holds, "" for any.
func (r Rules) Text() string {
	for _, rule := range r.List {
		if textKinds[rule.Kind] {
			return rule.Kind
		}
	}
	return ""
}

// Choices are the values of an enumerated field, nil for any.
func (r Rules) Choices() []string {
	for _, rule := range r.List {
		if rule.Kind == "one" {
			return strings.Split(rule.Arg, "|")
		}
	}
	return nil
}

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
