package kernels_test

import (
	"testing"

	"g2c/kernels"
)

func TestStateSpec(t *testing.T) {
	s, err := kernels.NewStateSpec(
		kernels.Group{Name: "a", Slots: []kernels.Slot{
			{Name: "scalar", Type: kernels.Real()}, {Name: "full", Type: kernels.Real(16)}, {Name: "over", Type: kernels.Real(17)}, {Name: "last", Type: kernels.Real(2, 2)},
		}},
		kernels.Group{Name: "b", Slots: []kernels.Slot{{Name: "bytes", Type: kernels.Bytes(3)}}},
		kernels.Group{Name: "empty"},
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name                  string
		group, offset, length int
		typ                   kernels.Type
	}{
		{"scalar", 0, 0, 1, kernels.Real()},
		{"full", 0, 16, 16, kernels.Real(16)},
		{"over", 0, 32, 17, kernels.Real(17)},
		{"last", 0, 64, 4, kernels.Real(2, 2)},
		{"a", 0, 0, 80, kernels.Real(80)},
		{"bytes", 1, 0, 3, kernels.Bytes(3)},
		{"b", 1, 0, 16, kernels.Bytes(16)},
		{"empty", 2, 0, 0, kernels.Real(0)},
	} {
		group, offset, length, ok := s.Place(c.name)
		if !ok || group != c.group || offset != c.offset || length != c.length {
			t.Errorf("%s lies at %d, %d, %d (%v), want %d, %d, %d", c.name, group, offset, length, ok, c.group, c.offset, c.length)
		}
		if typ, ok := s.Type(c.name); !ok || !typ.Equal(c.typ) {
			t.Errorf("%s is %v (%v), want %v", c.name, typ, ok, c.typ)
		}
	}
	if _, _, _, ok := s.Place("nothing"); ok {
		t.Error("a slot that is not there has a place")
	}
	if _, ok := s.Type("nothing"); ok {
		t.Error("a slot that is not there has a type")
	}
}

func TestStateSpecErrors(t *testing.T) {
	slot := func(name string, typ kernels.Type) kernels.Slot { return kernels.Slot{Name: name, Type: typ} }
	r := kernels.Real(3)
	for name, groups := range map[string][]kernels.Group{
		"a slot twice in a group":    {{Name: "a", Slots: []kernels.Slot{slot("x", r), slot("x", r)}}},
		"a slot in two groups":       {{Name: "a", Slots: []kernels.Slot{slot("x", r)}}, {Name: "b", Slots: []kernels.Slot{slot("x", r)}}},
		"two groups of a name":       {{Name: "a"}, {Name: "a"}},
		"a slot named as its group":  {{Name: "a", Slots: []kernels.Slot{slot("a", r)}}},
		"no name":                    {{Name: "a", Slots: []kernels.Slot{slot("", r)}}},
		"two element types together": {{Name: "a", Slots: []kernels.Slot{slot("x", r), slot("y", kernels.Ints(3))}}},
	} {
		if _, err := kernels.NewStateSpec(groups...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
