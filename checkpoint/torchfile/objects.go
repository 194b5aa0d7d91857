package torchfile

import "fmt"

// The functions that may be called.
const (
	orderedDict      global = "collections.OrderedDict"
	rebuildTensor    global = "torch._utils._rebuild_tensor"
	rebuildTensorV2  global = "torch._utils._rebuild_tensor_v2"
	rebuildParameter global = "torch._utils._rebuild_parameter"
)

// knows says whether a name stands for something that a state dict is made of.
func knows(g global) bool {
	switch g {
	case orderedDict, rebuildTensor, rebuildTensorV2, rebuildParameter:
		return true
	}
	_, ok := dtypes[g]
	return ok
}

// global looks a name up in the list of those that are known. No other is ever
// looked up: it stands for itself.
func (m *machine) global(op byte) error {
	var module, name string
	var err error
	if op == opStackGlobal {
		names, e := m.popN(2)
		if e != nil {
			return e
		}
		var ok1, ok2 bool
		module, ok1 = names[0].(string)
		name, ok2 = names[1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("the pickle names a class by what is no text")
		}
	} else {
		if module, err = m.line(); err != nil {
			return err
		}
		if name, err = m.line(); err != nil {
			return err
		}
	}
	if g := global(module + "." + name); knows(g) {
		return m.push(g)
	}
	return m.push(&opaque{module + "." + name})
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
	case *opaque:
		return nil
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
// object a state. What is opaque stays so, whatever is done with it.
func (m *machine) call(op byte) error {
	n := 1
	if op == opNewObjEx {
		n = 2 // arguments by place and by name
	}
	args, err := m.popN(n)
	if err != nil {
		return err
	}
	arg := args[0]
	if op == opBinPersID {
		s, err := m.reference(arg)
		if err != nil {
			return err
		}
		return m.push(s)
	}
	callee, err := m.pop()
	if err != nil {
		return err
	}
	if o, ok := callee.(*opaque); ok {
		return m.push(o)
	}
	if op == opBuild {
		switch callee.(type) {
		case *dict, *tensor: // PyTorch hangs the versions of layers on its dicts
			return m.push(callee)
		}
		return fmt.Errorf("the pickle gives a state to what has none")
	}
	f, ok := callee.(global)
	of, isTuple := arg.(tuple)
	if !ok || !isTuple {
		return fmt.Errorf("the pickle calls what is no function")
	}
	v, err := apply(f, of)
	if err != nil {
		return err
	}
	return m.push(v)
}

// apply calls one of the known functions.
func apply(f global, args tuple) (any, error) {
	if len(args) > 0 {
		if o, ok := args[0].(*opaque); ok {
			return o, nil // a tensor of numbers that are not read
		}
	}
	switch {
	case f == orderedDict && len(args) == 0:
		return &dict{}, nil
	case f == orderedDict && len(args) == 1:
		if d, ok := pairs(args[0]); ok {
			return d, nil
		}
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

// pairs makes a dict of a list of keys with values, as Python 2 writes one.
func pairs(v any) (*dict, bool) {
	l, ok := v.(*list)
	if !ok {
		return nil, false
	}
	d := &dict{}
	for _, item := range l.items {
		var kv []any
		switch item := item.(type) {
		case *list:
			kv = item.items
		case tuple:
			kv = item
		}
		if len(kv) != 2 {
			return nil, false
		}
		d.entries = append(d.entries, entry{kv[0], kv[1]})
	}
	return d, true
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
// layout, None behind it. A storage of numbers that are not read is opaque.
func (m *machine) reference(v any) (any, error) {
	t, ok := v.(tuple)
	if ok && len(t) == 4 && t[0] == any("module") { // a layer's class with its source, which the older layout keeps
		return &opaque{"torch.nn.Module"}, nil
	}
	if !ok || len(t) < 5 || len(t) > 6 || t[0] != any("storage") {
		return nil, fmt.Errorf("the pickle refers to something other than a storage")
	}
	key, ok1 := t[2].(string)
	elements, ok2 := t[4].(int)
	if !ok1 || !ok2 || elements < 0 || (len(t) == 6 && t[5] != nil) {
		return nil, fmt.Errorf("the pickle refers to a storage in a form that is not read")
	}
	switch class := t[1].(type) {
	case global:
		if _, known := dtypes[class]; known {
			m.storages[key] = class
			return &storage{class, key, elements}, nil
		}
	case *opaque:
		m.storages[key] = global(class.class)
		return class, nil
	}
	return nil, fmt.Errorf("the pickle refers to a storage in a form that is not read")
}
