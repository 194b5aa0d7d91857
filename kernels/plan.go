package kernels

import "sort"

// Layout says how many bytes an element takes on a device.
type Layout struct{ F32, I32, U8, BF16 int }

// Bytes is the size of a tensor in this layout.
func (l Layout) Bytes(t Type) int64 {
	size := l.F32
	switch t.DType {
	case I32:
		size = l.I32
	case U8:
		size = l.U8
	case BF16:
		size = l.BF16
	}
	return int64(size) * int64(t.Shape.Len())
}

// ArenaAlign is the alignment of every temporary, in bytes.
const ArenaAlign = 64

// Plan is where each temporary lies in the arena.
type Plan struct {
	Offsets []int64 // by value; -1 for slots and values that nothing writes
	Arena   int64   // bytes
	Sum     int64   // bytes of all temporaries side by side
}

// block is memory for one temporary, or for several that follow each other in
// place.
type block struct {
	values      []int
	size        int64
	first, last int
	offset      int64
}

// NewPlan gives every temporary an offset so that no two that live at the same
// time overlap, except where an operation allows its result to stand in place of
// an operand that it reads last. Blocks are placed largest first, each at the
// lowest free offset; ties go to the lower value, so a program has one plan.
func NewPlan(p *Program, l Layout) *Plan {
	blocks := p.blocks(l)
	plan := &Plan{Offsets: make([]int64, len(p.Values))}
	for i := range plan.Offsets {
		plan.Offsets[i] = -1
	}
	order := make([]*block, len(blocks))
	copy(order, blocks)
	sort.SliceStable(order, func(i, j int) bool { return order[i].size > order[j].size })
	var placed []*block
	for _, b := range order {
		placed = lowestFree(placed, b)
		plan.Arena = max(plan.Arena, b.offset+b.size)
		for _, id := range b.values {
			plan.Offsets[id] = b.offset
			plan.Sum += roundUp(l.Bytes(p.Values[id].Type))
		}
	}
	return plan
}

// lowestFree gives b the lowest offset free of the placed blocks that live with it,
// and returns placed with b, sorted by offset.
func lowestFree(placed []*block, b *block) []*block {
	at := int64(0)
	for _, o := range placed {
		if o.last < b.first || b.last < o.first {
			continue
		}
		if at+b.size <= o.offset {
			break
		}
		at = max(at, o.offset+o.size)
	}
	b.offset = at
	i := sort.Search(len(placed), func(i int) bool { return placed[i].offset > at })
	placed = append(placed, nil)
	copy(placed[i+1:], placed[i:])
	placed[i] = b
	return placed
}

func roundUp(n int64) int64 { return (n + ArenaAlign - 1) / ArenaAlign * ArenaAlign }

// blocks lists the memory that the temporaries need, in order of definition.
func (p *Program) blocks(l Layout) []*block {
	last := make([]int, len(p.Values))
	for i, in := range p.Instrs {
		for _, id := range in.In {
			last[id] = i
		}
	}
	of := make([]*block, len(p.Values))
	var blocks []*block
	for i, in := range p.Instrs {
		for k, id := range in.Out {
			if p.Values[id].Slot != "" {
				continue
			}
			size := roundUp(l.Bytes(p.Values[id].Type))
			b := p.inPlace(in, k, i, size, last, of)
			if b == nil {
				b = &block{size: size, first: i, last: i}
				blocks = append(blocks, b)
			}
			b.values = append(b.values, id)
			b.last = max(b.last, last[id], i)
			of[id] = b
		}
	}
	return blocks
}

// inPlace is the block that result k of an instruction may take over from an
// operand, or nil.
func (p *Program) inPlace(in Instr, k, i int, size int64, last []int, of []*block) *block {
	op, ok := in.Op.(InPlace)
	if !ok {
		return nil
	}
	for _, pair := range op.Overwrites() {
		if pair[0] != k || pair[1] >= len(in.In) {
			continue
		}
		id := in.In[pair[1]]
		if b := of[id]; b != nil && last[id] == i && b.last == i && b.size == size && count(in.In, id) == 1 {
			return b
		}
	}
	return nil
}

func count(ids []int, id int) int {
	n := 0
	for _, x := range ids {
		if x == id {
			n++
		}
	}
	return n
}
