// Package mixed turns programs in float32 into programs in mixed precision: activations,
// their gradients and the weights of convolutions are bfloat16; sums, statistics, losses,
// the gradients of weights, optimizers and the weights that they update stay float32.
//
// It is a rewrite of programs, never of a model. Unlike those of package rewrite it moves
// bits: a task's precision is a part of its key.
//
// # Rules
//
// Convolutions and normalisations work on bf16. What can follow them (pooling, ReLU, sums
// of gradients, concatenation) does so where all that it reads is bf16 already. All else
// is float32: tanh, losses, the classifier's head. A cast stands where the two meet: at
// images and at vectors, both small. Convolutions read their weights from a copy in bf16,
// which each program makes when it begins, a group of slots at a time. Chains of sums are
// joined first, so that each is rounded once.
//
// Everything here is safe for concurrent use.
// Source: Micikevicius et al. 2018; torch.autocast.
package mixed

import (
	"slices"

	"g2c/kernels"
	"g2c/kernels/rewrite"
)

// prefix names the copies of groups and slots in bf16.
const prefix = "bf16/"

// Programs rewrites the programs of one state in place, and gives the state that they
// need: the slots of spec, and copies of weights behind them. A program that is nil stays
// so.
func Programs(spec *kernels.StateSpec, programs ...**kernels.Program) (*kernels.StateSpec, error) {
	var copied []string
	for _, p := range programs {
		if *p == nil {
			continue
		}
		r := &halving{spec: spec, from: flat(*p), casts: map[castKey]int{}}
		r.run()
		*p = r.to
		for _, g := range r.groups {
			if !slices.Contains(copied, g) {
				copied = append(copied, g)
			}
		}
	}
	groups := slices.Clone(spec.Groups)
	for _, g := range spec.Groups {
		if slices.Contains(copied, g.Name) {
			groups = append(groups, halfGroup(g))
		}
	}
	state, err := kernels.NewStateSpec(groups...)
	if err != nil {
		return nil, err
	}
	for _, p := range programs {
		if *p == nil {
			continue
		}
		if err := (*p).Check(state); err != nil {
			return nil, err
		}
	}
	return state, nil
}

// flat joins chains of sums.
func flat(p *kernels.Program) *kernels.Program { return rewrite.Apply(p, rewrite.All()) }

// halfGroup is a group for copies of all slots of g, at the same offsets.
func halfGroup(g kernels.Group) kernels.Group {
	h := kernels.Group{Name: prefix + g.Name}
	for _, s := range g.Slots {
		h.Slots = append(h.Slots, kernels.Slot{Name: prefix + s.Name, Type: half(s.Type)})
	}
	return h
}

func half(t kernels.Type) kernels.Type { return kernels.Type{DType: kernels.BF16, Shape: t.Shape} }

// castKey is a value in a type that it was not made in.
type castKey struct {
	id int
	to kernels.DType
}

// halving is the state of one rewrite. Values keep their numbers; new ones follow.
type halving struct {
	spec     *kernels.StateSpec
	from, to *kernels.Program
	casts    map[castKey]int
	groups   []string // whose weights are copied
	copies   []kernels.Instr
}

func (r *halving) run() {
	r.to = &kernels.Program{Name: r.from.Name, Values: slices.Clone(r.from.Values)}
	for _, s := range r.from.Segments {
		from := len(r.to.Instrs)
		for _, in := range r.from.Instrs[s.From:s.To] {
			r.instr(in)
		}
		r.to.Segments = append(r.to.Segments, kernels.Segment{Name: s.Name, From: from, To: len(r.to.Instrs)})
	}
	r.to.Instrs = slices.Insert(r.to.Instrs, 0, r.copies...)
	for i := range r.to.Segments {
		if i > 0 {
			r.to.Segments[i].From += len(r.copies)
		}
		r.to.Segments[i].To += len(r.copies)
	}
}

// instr appends an instruction with the casts that it needs.
func (r *halving) instr(in kernels.Instr) {
	op, halves := r.choose(in)
	next := kernels.Instr{Op: op, In: slices.Clone(in.In)}
	types := make([]kernels.Type, len(in.In))
	for i, id := range in.In {
		next.In[i] = r.operand(op, i, id, slices.Contains(halves, i))
		types[i] = r.to.Values[next.In[i]].Type
	}
	results, err := op.Infer(types)
	if err != nil {
		panic("mixed: " + err.Error()) // the program passed its check in float32
	}
	var after []kernels.Instr
	for k, id := range in.Out {
		if results[k].DType != kernels.BF16 {
			next.Out = append(next.Out, id)
			continue
		}
		if r.to.Values[id].Slot == "" {
			r.to.Values[id].Type = results[k]
			next.Out = append(next.Out, id)
			continue
		}
		t := r.value(results[k], "") // slots stay float32
		next.Out = append(next.Out, t)
		r.casts[castKey{id, kernels.BF16}] = t
		after = append(after, kernels.Instr{Op: kernels.Cast{To: kernels.F32}, In: []int{t}, Out: []int{id}})
	}
	r.to.Instrs = append(append(r.to.Instrs, next), after...)
}

func (r *halving) value(t kernels.Type, slot string) int {
	r.to.Values = append(r.to.Values, kernels.Value{Type: t, Slot: slot})
	return len(r.to.Values) - 1
}

// choose is the operation to do, and which of its operands are to be bf16.
func (r *halving) choose(in kernels.Instr) (kernels.Op, []int) {
	switch op := in.Op.(type) {
	case kernels.GlobalAvgPoolGrad:
		op.Half = true
		return op, nil
	case kernels.Conv2D, kernels.Conv2DGradX, kernels.Conv2DGradW,
		kernels.InstanceNorm, kernels.InstanceNormGrad,
		kernels.BatchNorm, kernels.BatchNormGrad, kernels.BatchNormInfer:
		return op, op.(kernels.Halvable).Halves(len(in.In))
	case kernels.Halvable:
		halves := op.Halves(len(in.In))
		for _, i := range halves {
			if i < len(in.In) && r.to.Values[in.In[i]].Type.DType != kernels.BF16 {
				return in.Op, nil
			}
		}
		return in.Op, halves
	}
	return in.Op, nil
}

// operand is a value in the type that operand i of an operation needs.
func (r *halving) operand(op kernels.Op, i, id int, isHalf bool) int {
	v := r.to.Values[id]
	want := kernels.F32
	if isHalf {
		want = kernels.BF16
	}
	if !v.Type.DType.IsReal() || v.Type.DType == want {
		return id
	}
	key := castKey{id, want}
	if known, ok := r.casts[key]; ok {
		return known
	}
	if isHalf && v.Slot != "" && isWeight(op, i) {
		r.casts[key] = r.weight(v)
		return r.casts[key]
	}
	t := r.value(kernels.Type{DType: want, Shape: v.Type.Shape}, "")
	r.casts[key] = t
	r.to.Instrs = append(r.to.Instrs, kernels.Instr{Op: kernels.Cast{To: want}, In: []int{id}, Out: []int{t}})
	return t
}

// isWeight says whether operand i is a convolution's weights.
func isWeight(op kernels.Op, i int) bool {
	switch op.(type) {
	case kernels.Conv2D, kernels.Conv2DGradX:
		return i == 1
	}
	return false
}

// weight is the copy of a slot in bf16; its group is copied as the program begins.
func (r *halving) weight(v kernels.Value) int {
	g, _, _, _ := r.spec.Place(v.Slot)
	group := r.spec.Groups[g]
	if !slices.Contains(r.groups, group.Name) {
		r.groups = append(r.groups, group.Name)
		t, _ := r.spec.Type(group.Name)
		r.copies = append(r.copies, kernels.Instr{
			Op: kernels.Cast{To: kernels.BF16},
			In: []int{r.value(t, group.Name)}, Out: []int{r.value(half(t), prefix+group.Name)},
		})
	}
	return r.value(half(v.Type), prefix+v.Slot)
}
