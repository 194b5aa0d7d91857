package torchfile

import "fmt"

// The functions that may be called.
const (
	orderedDict      global = "collections.OrderedDict"
	rebuildTensor    global = "torch._utils._rebuild_tensor"
	rebuildTensorV2  global = "torch._utils._rebuild_tensor_v2"
	rebuildParameter global = "torch._utils._rebuild_parameter"
)

// knows says whether a name may stand in a state dict.
func knows(g global) bool {
	switch g {
	case orderedDict, rebuildTensor, rebuildTensorV2, rebuildParameter:
		return true
	}
	_, ok := dtypes[g]
	return ok
}

func (m *machine) global() error {
	module, err := m.line()
	if err != nil {
		return err
	}
	name, err := m.line()
	if err != nil {
		return err
	}
	g := global(module + "." + name)
	if !knows(g) {
		return fmt.Errorf("it holds a %q, which no state dict needs: save model.state_dict(), not the model", string(g))
	}
	return m.push(g)
}

// fill puts items into the list or dict beneath them.
func (m *machine) fill(op byte) error {
	var items []any
	var err error
	switch op {
	case opAppend:
		items, err = m.popN(1)
	case opSetItem:
		items, err = m.popN(2)
	default:
		items, err = m.popMark()
	}
	if err != nil {
		return err
	}
	if len(m.stack) == 0 {
		return fmt.Errorf("the pickle fills what is not there")
	}
	switch to := m.stack[len(m.stack)-1].(type) {
	case *list:
		if op == opAppend || op == opAppends {
			to.items = append(to.items, items...)
			return nil
		}
	case *dict:
		if (op == opSetItem || op == opSetItems) && len(items)%2 == 0 {
			for i := 0; i < len(items); i += 2 {
				to.entries = append(to.entries, entry{items[i], items[i+1]})
			}
			return nil
		}
	}
	return fmt.Errorf("the pickle fills what is no container of that kind")
}

// call makes an object of a function or a reference and its arguments, or gives an
// object a state.
func (m *machine) call(op byte) error {
	arg, err := m.pop()
	if err != nil {
		return err
	}
	if op == opBinPersID {
		s, err := reference(arg)
		if err != nil {
			return err
		}
		return m.push(s)
	}
	callee, err := m.pop()
	if err != nil {
		return err
	}
	if op == opBuild {
		// PyTorch hangs the versions of layers on its dicts; nothing else has a state.
		if d, ok := callee.(*dict); ok {
			return m.push(d)
		}
		return fmt.Errorf("the pickle gives a state to what has none")
	}
	f, ok := callee.(global)
	args, isTuple := arg.(tuple)
	if !ok || !isTuple {
		return fmt.Errorf("the pickle calls what is no function")
	}
	v, err := apply(f, args)
	if err != nil {
		return err
	}
	return m.push(v)
}

// apply calls one of the known functions.
func apply(f global, args tuple) (any, error) {
	switch {
	case f == orderedDict && len(args) == 0:
		return &dict{}, nil
	case f == rebuildParameter && len(args) >= 1:
		if t, ok := args[0].(*tensor); ok {
			return t, nil
		}
	case (f == rebuildTensor && len(args) == 4) || (f == rebuildTensorV2 && len(args) >= 6):
		s, ok1 := args[0].(*storage)
		offset, ok2 := args[1].(int)
		shape, ok3 := integers(args[2])
		strides, ok4 := integers(args[3])
		if ok1 && ok2 && ok3 && ok4 && len(shape) == len(strides) && len(shape) <= maxDims {
			return &tensor{s, offset, shape, strides}, nil
		}
	}
	return nil, fmt.Errorf("the pickle calls %s with wrong arguments", string(f))
}

func integers(v any) ([]int, bool) {
	t, ok := v.(tuple)
	if !ok {
		return nil, false
	}
	out := make([]int, len(t))
	for i, x := range t {
		n, ok := x.(int)
		if !ok {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// reference reads ("storage", class, key, location, elements) and, in the older
// layout, None behind it.
func reference(v any) (*storage, error) {
	t, ok := v.(tuple)
	if !ok || len(t) < 5 || len(t) > 6 || t[0] != any("storage") {
		return nil, fmt.Errorf("the pickle refers to something other than a storage")
	}
	class, ok1 := t[1].(global)
	key, ok2 := t[2].(string)
	elements, ok3 := t[4].(int)
	_, known := dtypes[class]
	if !ok1 || !ok2 || !ok3 || !known || elements < 0 || (len(t) == 6 && t[5] != nil) {
		return nil, fmt.Errorf("the pickle refers to a storage in a form that is not read")
	}
	return &storage{class, key, elements}, nil
}
