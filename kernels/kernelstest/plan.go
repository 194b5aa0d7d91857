package kernelstest

import (
	"fmt"

	"g2c/kernels"
)

// CheckPlan holds a plan to what it promises, the slow way: every pair of
// temporaries that live at one time lies apart, but for a result in the place of
// an operand that its operation may overwrite and reads last. Every temporary is
// aligned and inside the arena.
func CheckPlan(p *kernels.Program, plan *kernels.Plan, layout kernels.Layout) error {
	all := lives(p)
	for i, a := range all {
		size := layout.Bytes(p.Values[a.id].Type)
		switch at := plan.Offsets[a.id]; {
		case at < 0 || at%kernels.ArenaAlign != 0:
			return fmt.Errorf("value %%%d lies at %d", a.id, at)
		case at+size > plan.Arena:
			return fmt.Errorf("value %%%d ends at %d in an arena of %d", a.id, at+size, plan.Arena)
		}
		for _, b := range all[i+1:] {
			if !meet(plan, layout, p, a.id, b.id) || a.last < b.first || b.last < a.first {
				continue
			}
			if a.last == b.first && mayFollow(p, a, b) || b.last == a.first && mayFollow(p, b, a) {
				continue
			}
			return fmt.Errorf("values %%%d, of instructions %d to %d, and %%%d, of %d to %d, share memory", a.id, a.first, a.last, b.id, b.first, b.last)
		}
	}
	for id, v := range p.Values {
		if v.Slot != "" && plan.Offsets[id] != -1 {
			return fmt.Errorf("slot %s has a place in the arena", v.Slot)
		}
	}
	return nil
}

// life is the instructions from a temporary's definition to its last use.
type life struct{ id, first, last int }

func lives(p *kernels.Program) []life {
	var all []life
	for i, in := range p.Instrs {
		for _, id := range in.Out {
			if p.Values[id].Slot != "" {
				continue
			}
			l := life{id, i, i}
			for j, user := range p.Instrs {
				for _, x := range user.In {
					if x == id {
						l.last = j
					}
				}
			}
			all = append(all, l)
		}
	}
	return all
}

func meet(plan *kernels.Plan, layout kernels.Layout, p *kernels.Program, a, b int) bool {
	at, bt := plan.Offsets[a], plan.Offsets[b]
	return at < bt+layout.Bytes(p.Values[b].Type) && bt < at+layout.Bytes(p.Values[a].Type)
}

// mayFollow reports whether b, a result of the instruction that reads a last, may
// stand in a's place.
func mayFollow(p *kernels.Program, a, b life) bool {
	in := p.Instrs[b.first]
	op, ok := in.Op.(kernels.InPlace)
	if !ok {
		return false
	}
	uses := 0
	for _, id := range in.In {
		if id == a.id {
			uses++
		}
	}
	for _, pair := range op.Overwrites() {
		if in.Out[pair[0]] == b.id && in.In[pair[1]] == a.id {
			return uses == 1 && p.Values[a.id].Type.Equal(p.Values[b.id].Type)
		}
	}
	return false
}
