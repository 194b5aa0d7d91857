package rewrite

import "g2c/kernels"

// flattenAdds joins a sum with the sum right after it that reads it and nothing
// else does:
//
//	t = add(a, b); y = add(t, c)   becomes   y = add(a, b, c)
//	t = add(a, b); y = add(c, t)   becomes   y = add(a, b, c)
//
// Add goes from the left, and the sum of two numbers does not depend on their
// order, so the roundings are the same (but of bf16, where each instruction rounds). Sums follow each other where gradients
// meet; only neighbours are joined, so nothing has to live longer.
func flattenAdds(p *kernels.Program) *kernels.Program {
	uses := make([]int, len(p.Values))
	for _, in := range p.Instrs {
		for _, id := range in.In {
			uses[id]++
		}
	}
	out := &kernels.Program{Name: p.Name, Values: p.Values}
	for _, s := range p.Segments {
		from := len(out.Instrs)
		for _, in := range p.Instrs[s.From:s.To] {
			if last := len(out.Instrs) - 1; last >= from {
				if joined, ok := join(p, uses, out.Instrs[last], in); ok {
					out.Instrs[last] = joined
					continue
				}
			}
			out.Instrs = append(out.Instrs, in)
		}
		out.Segments = append(out.Segments, kernels.Segment{Name: s.Name, From: from, To: len(out.Instrs)})
	}
	return out
}

// join is the sum of two sums, if the second begins with the first.
func join(p *kernels.Program, uses []int, first, second kernels.Instr) (kernels.Instr, bool) {
	_, sum := first.Op.(kernels.Add)
	if _, ok := second.Op.(kernels.Add); !ok || !sum {
		return second, false
	}
	t := first.Out[0]
	if p.Values[t].Slot != "" || uses[t] != 1 || p.Values[t].Type.DType != kernels.F32 {
		return second, false
	}
	rest := second.In[1:]
	switch t {
	case second.In[0]:
	case second.In[1]:
		rest = append([]int{second.In[0]}, second.In[2:]...)
	default:
		return second, false
	}
	in := append(append([]int(nil), first.In...), rest...)
	return kernels.Instr{Op: second.Op, In: in, Out: second.Out}, true
}
