package graph

import (
	"fmt"
	"sort"

	G "gorgonia.org/gorgonia"

	"g2c/kernels"
)

// Output binds a value to a slot.
type Output struct {
	Slot  string
	Value *Value
	// Exchange marks a partial result that the members of a gang add up (a
	// gradient, batch statistics): it belongs to a bucket.
	Exchange bool
}

// Update is an operation on slots that runs at the step boundary, when every
// bucket is in.
type Update struct {
	Op      kernels.Op
	In, Out []string
}

// Plan says what a program computes.
type Plan struct {
	Name    string
	Outputs []Output
	Updates []Update
	// BucketBytes is the size from which a bucket of exchanged outputs is closed,
	// counting four bytes an element; 0 puts all of them into one.
	BucketBytes int
}

// UpdateSegment is the name of the last segment of a program with updates.
const UpdateSegment = "update"

// Compile makes the program that computes the outputs. Nodes that no output
// needs are dropped, sums are flattened and their terms put in an order that
// depends on what they are, not on when they were made, and an output's
// operation writes its slot directly. Segments end where a bucket is complete.
// The program depends on the graph alone: every process makes the same one.
func (b *Builder) Compile(plan Plan, state *kernels.StateSpec) (p *kernels.Program, err error) {
	defer catch(&err)
	l := newLowering(b, plan)
	for _, n := range l.schedule() {
		l.emit(n)
	}
	l.bind(plan.Outputs)
	l.segments(plan)
	if err := l.updates(plan, state); err != nil {
		return nil, err
	}
	return l.program, l.program.Check(state)
}

// lowering is the state of one compilation.
type lowering struct {
	b       *Builder
	program *kernels.Program
	sums    map[*G.Node][]*G.Node // terms of each sum that is computed
	uses    map[*G.Node]int       // by computed nodes and by outputs
	outputs map[*G.Node]int       // by outputs alone
	ids     map[*G.Node][]int     // values of a node's results
	made    map[int]int           // instruction that wrote a value
	order   []*G.Node
	names   hasher
}

func newLowering(b *Builder, plan Plan) *lowering {
	l := &lowering{
		b: b, program: &kernels.Program{Name: plan.Name},
		sums: map[*G.Node][]*G.Node{}, uses: map[*G.Node]int{}, outputs: map[*G.Node]int{},
		ids: map[*G.Node][]int{}, made: map[int]int{}, names: hasher{},
	}
	raw := map[*G.Node]int{}
	for _, o := range plan.Outputs {
		raw[o.Value.node]++
		if raw[o.Value.node] == 1 {
			l.countRaw(o.Value.node, raw)
		}
	}
	for _, o := range plan.Outputs {
		l.outputs[o.Value.node]++
		l.visit(o.Value.node, raw)
	}
	return l
}

// countRaw counts the uses of every node below n, before sums are flattened.
func (l *lowering) countRaw(n *G.Node, raw map[*G.Node]int) {
	for _, c := range children(n) {
		raw[c]++
		if raw[c] == 1 {
			l.countRaw(c, raw)
		}
	}
}

// visit lists the nodes to compute, children first, and counts their uses.
func (l *lowering) visit(n *G.Node, raw map[*G.Node]int) {
	l.uses[n]++
	if l.uses[n] > 1 {
		return
	}
	next := children(n)
	if isSum(n) {
		next = l.flatten(n, raw, nil)
		l.names.sort(next)
		l.sums[n] = next
	}
	for _, c := range next {
		l.visit(c, raw)
	}
	l.order = append(l.order, n)
}

// flatten lists the terms of a sum, those of inner sums that nobody else uses
// included.
func (l *lowering) flatten(n *G.Node, raw map[*G.Node]int, terms []*G.Node) []*G.Node {
	for _, c := range children(n) {
		if isSum(c) && raw[c] == 1 {
			terms = l.flatten(c, raw, terms)
			continue
		}
		terms = append(terms, c)
	}
	return terms
}

func isSum(n *G.Node) bool {
	if isGorgoniaSum(n) {
		return true
	}
	o, ok := n.Op().(*op)
	if !ok || o.kind != apply {
		return false
	}
	_, ok = o.kernel.(kernels.Add)
	return ok
}

// schedule orders the computed nodes as they were made, but moves sums up to
// right behind their last term, so that partial gradients do not linger.
func (l *lowering) schedule() []*G.Node {
	key := map[*G.Node]int64{}
	for _, n := range l.order { // children first
		key[n] = n.ID()
		if !l.light(n) {
			continue
		}
		key[n] = 0
		for _, c := range l.operands(n) {
			key[n] = max(key[n], key[c])
		}
	}
	nodes := append([]*G.Node(nil), l.order...)
	sort.Slice(nodes, func(i, j int) bool {
		a, b := nodes[i], nodes[j]
		if key[a] != key[b] {
			return key[a] < key[b]
		}
		return a.ID() < b.ID()
	})
	return nodes
}

func (l *lowering) light(n *G.Node) bool {
	if isSum(n) {
		return true
	}
	o, ok := n.Op().(*op)
	if !ok {
		return false
	}
	if o.kind != apply {
		return true
	}
	_, tree := o.kernel.(kernels.TreeSum)
	return tree
}

func (l *lowering) operands(n *G.Node) []*G.Node {
	if terms, ok := l.sums[n]; ok {
		return terms
	}
	return children(n)
}

func (l *lowering) newValue(t kernels.Type, slot string) int {
	l.program.Values = append(l.program.Values, kernels.Value{Type: t, Slot: slot})
	return len(l.program.Values) - 1
}

// emit appends the instructions of one node.
func (l *lowering) emit(n *G.Node) {
	if terms, ok := l.sums[n]; ok {
		l.emitSum(n, terms)
		return
	}
	o, ok := n.Op().(*op)
	if !ok {
		v := l.b.value(n)
		l.ids[n] = []int{l.newValue(v.Type, v.slot)}
		return
	}
	in := make([]int, 0, len(o.ranks))
	for _, c := range children(n) {
		in = append(in, l.ids[c]...)
	}
	switch o.kind {
	case replicate:
		l.ids[n] = in
	case selection:
		l.ids[n] = in[o.index : o.index+1]
	default:
		if l.elide(n, o) {
			l.ids[n] = in
			return
		}
		l.instr(n, o.kernel, in, o.results)
	}
}

// elide reports whether a tree sum over one shard can be left out: its result is
// an output and nothing else, so that the operand can be written to the slot. A part
// keeps the whole's instructions, one for one: rewrites look at neighbours. One that
// rounds is no copy.
func (l *lowering) elide(n *G.Node, o *op) bool {
	if k, tree := o.kernel.(kernels.TreeSum); !tree || k.Half || l.b.Shards != 1 || l.b.whole != nil {
		return false
	}
	c := children(n)[0]
	return l.uses[n] == 1 && l.outputs[n] == 1 && l.uses[c] == 1 && l.b.value(c).slot == ""
}

func (l *lowering) instr(n *G.Node, k kernels.Op, in []int, results []kernels.Type) {
	out := make([]int, len(results))
	for i, t := range results {
		out[i] = l.newValue(t, "")
		l.made[out[i]] = len(l.program.Instrs)
	}
	l.program.Instrs = append(l.program.Instrs, kernels.Instr{Op: k, In: in, Out: out})
	l.ids[n] = out
}

// emitSum adds the terms two at a time, so that each dies as early as it can.
func (l *lowering) emitSum(n *G.Node, terms []*G.Node) {
	acc := l.ids[terms[0]]
	t := l.program.Values[acc[0]].Type
	for _, c := range terms[1:] {
		if got := l.program.Values[l.ids[c][0]].Type; !got.Equal(t) {
			fail("sum of %v and %v", t, got)
		}
		l.instr(n, kernels.Add{}, []int{acc[0], l.ids[c][0]}, []kernels.Type{t})
		acc = l.ids[n]
	}
}

// bind writes outputs to their slots: the instruction that makes a value writes
// the slot, unless the value has one already.
func (l *lowering) bind(outputs []Output) {
	for i, o := range outputs {
		id := l.ids[o.Value.node][0]
		v := &l.program.Values[id]
		if v.Slot == "" {
			v.Slot = o.Slot
			continue
		}
		to := l.newValue(v.Type, o.Slot)
		l.made[to] = len(l.program.Instrs)
		l.program.Instrs = append(l.program.Instrs, kernels.Instr{Op: kernels.Copy{}, In: []int{id}, Out: []int{to}})
		l.ids[outputs[i].Value.node] = []int{to}
	}
	seen := map[string]bool{}
	for _, v := range l.program.Values {
		if v.Slot != "" && seen[v.Slot] {
			fail("slot %s is bound twice, or read and written in one program", v.Slot)
		}
		seen[v.Slot] = true
	}
}

// segments cuts the program where enough bytes of exchanged outputs are
// complete.
func (l *lowering) segments(plan Plan) {
	type done struct{ at, bytes int }
	var ready []done
	for _, o := range plan.Outputs {
		if o.Exchange {
			id := l.ids[o.Value.node][0]
			ready = append(ready, done{l.made[id] + 1, 4 * o.Value.Shape().Len()})
		}
	}
	sort.Slice(ready, func(i, j int) bool { return ready[i].at < ready[j].at })
	from, bytes, end := 0, 0, len(l.program.Instrs)
	cut := func(to int) {
		name := fmt.Sprintf("bucket%d", len(l.program.Segments))
		l.program.Segments = append(l.program.Segments, kernels.Segment{Name: name, From: from, To: to})
		from, bytes = to, 0
	}
	for _, r := range ready {
		bytes += r.bytes
		if plan.BucketBytes > 0 && bytes >= plan.BucketBytes && r.at < end {
			cut(r.at)
		}
	}
	cut(end)
}

// updates appends the operations of the step boundary as a segment of their own.
func (l *lowering) updates(plan Plan, state *kernels.StateSpec) error {
	if len(plan.Updates) == 0 {
		return nil
	}
	slots := map[string]int{}
	for id, v := range l.program.Values {
		if t, ok := state.Type(v.Slot); ok && v.Slot != "" && t.Equal(v.Type) {
			slots[v.Slot] = id
		}
	}
	from := len(l.program.Instrs)
	for _, u := range plan.Updates {
		in, err := l.slotValues(u.In, slots, state)
		if err != nil {
			return err
		}
		out, err := l.slotValues(u.Out, slots, state)
		if err != nil {
			return err
		}
		l.program.Instrs = append(l.program.Instrs, kernels.Instr{Op: u.Op, In: in, Out: out})
	}
	l.program.Segments = append(l.program.Segments, kernels.Segment{Name: UpdateSegment, From: from, To: len(l.program.Instrs)})
	return nil
}

func (l *lowering) slotValues(names []string, slots map[string]int, state *kernels.StateSpec) ([]int, error) {
	ids := make([]int, len(names))
	for i, name := range names {
		id, ok := slots[name]
		if !ok {
			t, found := state.Type(name)
			if !found {
				return nil, fmt.Errorf("graph: update of slot %s, which the state does not have", name)
			}
			id = l.newValue(t, name)
			slots[name] = id
		}
		ids[i] = id
	}
	return ids, nil
}
