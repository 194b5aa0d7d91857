package sweep

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"g2c/api"
	"g2c/experiments/spec"
	"g2c/internal/fault"
)

// Plan is everything an experiment asks for, in an order in which inputs come
// before what needs them: arm by arm, point by point of the sweep.
type Plan struct {
	Experiment string  `json:"experiment"`
	SpecHash   string  `json:"specHash"`
	Numerics   string  `json:"numericsClass"`
	Items      []*Item `json:"items"`
	// Labels are the spec's, notes of its author.
	Labels map[string]string `json:"labels,omitempty"`
	// Cost is what the spec reckons with; nil for no price.
	Cost *spec.Cost `json:"cost,omitempty"`
	// Comparisons are the pairs that the spec asks for; none: the baseline against all.
	Comparisons []spec.Comparison `json:"comparisons,omitempty"`
	// Search is that of the spec, as far as it has come; nil for none.
	Search *Search `json:"search,omitempty"`
	// Notes say what of the spec decides nothing, a sentence each.
	Notes []string `json:"notes,omitempty"`

	byKey map[api.Key]*Item
}

// Item is one task of a plan.
type Item struct {
	api.Work
	Uses     []Use `json:"uses"`     // in the order of Names
	Requests int   `json:"requests"` // how many variants ask for it: more than one is sharing
}

// Use is what one name of an item stands for.
type Use struct {
	Name   string   `json:"name"`           // unique; made of all the others, for people
	Task   string   `json:"task,omitempty"` // of the spec; empty for a pretraining and for a stain
	Arm    string   `json:"arm,omitempty"`
	Stains []string `json:"stains"` // generated stains; of a pretraining or a stain that is made, its one
	Width  int      `json:"width"`  // of the generators
	Blocks int      `json:"blocks"`
	Seed   uint32   `json:"seed"`
	Fold   int      `json:"fold,omitempty"`  // from 1; 0 without folds
	Trial  bool     `json:"trial,omitempty"` // of a search, not of an arm
	// Options are what else tells it from others, by path.
	Options []Option `json:"options,omitempty"`
}

// Option is a field in which a use differs from others, with its value in normal form; of
// the path "stains" the stains joined by plus signs, of "fold" the fold.
type Option struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// String is path=value, as names show it: long values by a hash.
func (o Option) String() string {
	value := o.Value
	if o.Path == "data.heldSlide" { // text of digits, which YAML puts in quotes
		value = strings.Trim(value, "'")
	}
	return o.Path + "=" + shown(value)
}

// Picks says whether a selector of a comparison chooses a use. An option that no two uses
// of its name differ in chooses all of them.
func Picks(s spec.Selector, u Use) bool {
	if u.Arm != s.Arm {
		return false
	}
	for path, value := range s.At {
		is := value
		switch path {
		case "model.generator.blocks":
			is = strconv.Itoa(u.Blocks)
		case "model.generator.width":
			is = strconv.Itoa(u.Width)
		case "seed":
			is = strconv.FormatUint(uint64(u.Seed), 10)
		case "stains":
			is = strings.Join(u.Stains, "+")
		default:
			for _, o := range u.Options {
				if o.Path == path {
					is = o.Value
				}
			}
		}
		if is != value {
			return false
		}
	}
	return true
}

// UnmarshalJSON reads a plan and holds it together: every item is a valid task
// under its own key, with as many uses as names, and no key comes twice.
func (p *Plan) UnmarshalJSON(data []byte) error {
	type plain Plan
	var in plain
	if err := json.Unmarshal(data, &in); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	in.byKey = map[api.Key]*Item{}
	for i, item := range in.Items {
		switch {
		case item == nil || len(item.Names) == 0 || len(item.Uses) != len(item.Names):
			return fmt.Errorf("read plan: item %d lacks names or uses", i)
		case item.Task.Validate() != nil:
			return fmt.Errorf("read plan: %s: %w", item.Name(), item.Task.Validate())
		case item.Task.Key() != item.Key:
			return fmt.Errorf("read plan: %s has the key %s, its task %s", item.Name(), item.Key.Short(), item.Task.Key().Short())
		case in.byKey[item.Key] != nil:
			return fmt.Errorf("read plan: two items have the key %s", item.Key.Short())
		}
		in.byKey[item.Key] = item
		for k := range item.Uses {
			item.Uses[k].readOptions()
		}
	}
	*p = Plan(in)
	return nil
}

// readOptions takes the options of a use from its name, as the first format of plans has
// them. Later plans carry them, and this is the only place that takes a name apart.
func (u *Use) readOptions() {
	if u.Options != nil {
		return
	}
	for _, part := range strings.Split(u.Name, "/") {
		if path, value, ok := strings.Cut(part, "="); ok {
			u.Options = append(u.Options, Option{path, value})
		}
	}
}

// Find is the item of a key, nil if the plan has none.
func (p *Plan) Find(key api.Key) *Item { return p.byKey[key] }

// Needs are an item's inputs: those that the plan makes, and the keys of those
// that must exist already (pretrained generators).
func (p *Plan) Needs(item *Item) (made []*Item, ready []api.Key) {
	for _, key := range item.Task.Inputs() {
		if in := p.byKey[key]; in != nil {
			made = append(made, in)
			continue
		}
		ready = append(ready, key)
	}
	return made, ready
}

// Count is the number of items of a kind, and of the requests that they answer.
func (p *Plan) Count(kind api.Kind) (items, requests int) {
	for _, item := range p.Items {
		if item.Task.Kind == kind {
			items++
			requests += item.Requests
		}
	}
	return items, requests
}

// Only is the part of the plan that a name selects, with all that it needs: the
// item of exactly that name, or else every item with a name that begins so.
func (p *Plan) Only(selector string) (*Plan, error) {
	chosen := p.match(func(name string) bool { return name == selector })
	if len(chosen) == 0 {
		chosen = p.match(func(name string) bool { return strings.HasPrefix(name, selector) })
	}
	if len(chosen) == 0 || selector == "" {
		return nil, fault.New(fault.ErrNotFound, "no task of %s is called %q, and no name begins so", p.Experiment, selector).
			WithHint("`g2c plan` lists the names; the first is %s", p.Items[0].Name())
	}
	keep := map[api.Key]bool{}
	var add func(item *Item)
	add = func(item *Item) {
		if keep[item.Key] {
			return
		}
		keep[item.Key] = true
		made, _ := p.Needs(item)
		for _, in := range made {
			add(in)
		}
	}
	for _, item := range chosen {
		add(item)
	}
	out := *p
	out.Items, out.byKey = nil, map[api.Key]*Item{}
	for _, item := range p.Items {
		if keep[item.Key] {
			out.Items = append(out.Items, item)
			out.byKey[item.Key] = item
		}
	}
	return &out, nil
}

func (p *Plan) match(ok func(name string) bool) []*Item {
	var out []*Item
	for _, item := range p.Items {
		for _, name := range item.Names {
			if ok(name) {
				out = append(out, item)
				break
			}
		}
	}
	return out
}
