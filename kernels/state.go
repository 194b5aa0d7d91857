package kernels

import "fmt"

// SlotAlign is the alignment of a slot within its group, in elements. It keeps
// every slot on a cache line of its own; the gaps hold zeros for ever.
const SlotAlign = 16

// Slot is a named tensor that outlives a step.
type Slot struct {
	Name string
	Type Type
}

// Group is a run of slots of one element type that lie one after another, so
// that one operation (an optimizer, a snapshot) can treat them as a flat tensor.
type Group struct {
	Name  string
	Slots []Slot
}

// Offsets gives the place of each slot in the group and the group's length, in
// elements.
func (g Group) Offsets() (offsets []int, length int) {
	offsets = make([]int, len(g.Slots))
	for i, s := range g.Slots {
		offsets[i] = length
		length += (s.Type.Shape.Len() + SlotAlign - 1) / SlotAlign * SlotAlign
	}
	return offsets, length
}

// StateSpec lists the slots of a State, group by group.
type StateSpec struct {
	Groups []Group
	index  map[string]place
}

// place is where a name lies: slot -1 is the whole group.
type place struct{ group, offset, length int }

// NewStateSpec indexes groups. Names of groups and slots share one space.
func NewStateSpec(groups ...Group) (*StateSpec, error) {
	s := &StateSpec{Groups: groups, index: map[string]place{}}
	for gi, g := range groups {
		offsets, length := g.Offsets()
		if err := s.name(g.Name, place{gi, 0, length}); err != nil {
			return nil, err
		}
		for i, slot := range g.Slots {
			if slot.Type.DType != g.Slots[0].Type.DType {
				return nil, fmt.Errorf("state: group %s mixes %v and %v", g.Name, g.Slots[0].Type, slot.Type)
			}
			if err := s.name(slot.Name, place{gi, offsets[i], slot.Type.Shape.Len()}); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *StateSpec) name(n string, p place) error {
	if _, taken := s.index[n]; taken || n == "" {
		return fmt.Errorf("state: name %q is empty or taken", n)
	}
	s.index[n] = p
	return nil
}

// Place is where a slot, or a whole group, lies: its group's index, its offset
// and its length in elements.
func (s *StateSpec) Place(name string) (group, offset, length int, ok bool) {
	p, ok := s.index[name]
	return p.group, p.offset, p.length, ok
}

// Type is the type of a slot, or of a whole group as one flat tensor.
func (s *StateSpec) Type(name string) (Type, bool) {
	p, ok := s.index[name]
	if !ok {
		return Type{}, false
	}
	g := s.Groups[p.group]
	if g.Name == name {
		d := F32
		if len(g.Slots) > 0 {
			d = g.Slots[0].Type.DType
		}
		return Type{d, Shape{p.length}}, true
	}
	for _, slot := range g.Slots {
		if slot.Name == name {
			return slot.Type, true
		}
	}
	return Type{}, false
}
