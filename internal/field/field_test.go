package field

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// inner is embedded twice, with its numbers elsewhere.
type inner struct {
	Size int    `json:"size" f:"1" rule:"min=1"`
	Fit  string `json:"fit" f:"2" rule:"one=a|b"`
}

// shape is a struct of its own.
type shape struct {
	Width int    `json:"width" f:"1"`
	Up    string `json:"up" f:"2" was:"k4"`
}

type first struct {
	Name  string `json:"name" f:"1"`
	inner `f:"2"`
	Shape shape      `json:"shape" f:"4"`
	Off   *shape     `json:"off,omitempty" f:"5"`
	Lists [][3]byte  `json:"lists" f:"6"`
	Many  []shape    `json:"many,omitempty" f:"7"`
	Rate  float64    `json:"rate" f:"8" was:"0.5"`
	Late  bool       `json:"late" f:"9" was:"true"`
	Rank  int        `json:"rank" f:"10,signed"`
	Seed  uint32     `json:"seed" f:"11" was:"7"`
	Free  [2]float64 `json:"free"` // in no key
}

type second struct {
	inner
	Name string `json:"name" f:"3"`
}

func sample() first {
	return first{
		Name: "n", inner: inner{3, "b"}, Shape: shape{4, "k3"}, Off: &shape{5, "k4"}, Lists: [][3]byte{{1, 2, 3}},
		Many: []shape{{6, "k4"}, {7, "k3"}}, Rate: 0.25, Late: false, Rank: -2, Seed: 8,
	}
}

// before is a sample in which all that came later is as it was.
func before() first {
	s := sample()
	s.Shape.Up, s.Off, s.Rate, s.Late, s.Seed = "k4", nil, 0.5, true, 7
	return s
}

func TestBytesComeBack(t *testing.T) {
	for _, want := range []first{sample(), before()} {
		b := Append(nil, &want)
		var got first
		if err := Read(b, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v\n got %+v\nwant %+v", err, got, want)
		}
		for i := range b {
			var part first
			if err := Read(b[:i], &part); err == nil && bytes.Equal(Append(nil, &part), b) {
				t.Errorf("its first %d bytes are the whole", i)
			}
		}
	}
}

func TestJSONComesBack(t *testing.T) {
	for _, want := range []first{sample(), before()} {
		b, err := MarshalJSON(want)
		if err != nil || !json.Valid(b) {
			t.Fatalf("%v: %s", err, b)
		}
		var got first
		if err := UnmarshalJSON(b, &got); err != nil {
			t.Fatal(err)
		}
		got.Off = want.Off // its JSON is not ours here: shape has no methods
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s\n got %+v\nwant %+v", b, got, want)
		}
	}
}

// What is as before is in neither form.
func TestLeftOut(t *testing.T) {
	late, old := sample(), before()
	if text, _ := MarshalJSON(old); strings.Contains(string(text), "rate") || strings.Contains(string(text), "late") {
		t.Errorf("%s", text)
	}
	if text, _ := MarshalJSON(late); !strings.Contains(string(text), `"rate":0.25,"late":false`) {
		t.Errorf("%s", text)
	}
	if a, b := len(Append(nil, &late)), len(Append(nil, &old)); a <= b {
		t.Errorf("%d bytes with everything, %d without", a, b)
	}
}

// The numbers of an embedded struct begin where its tag says.
func TestNumbers(t *testing.T) {
	numbers := func(of any) map[string]int {
		out := map[string]int{}
		for _, f := range Numbered(reflect.TypeOf(of)) {
			out[f.Name] = f.Number
		}
		return out
	}
	if got := numbers(first{}); got["size"] != 2 || got["fit"] != 3 || got["free"] != 0 {
		t.Errorf("%v", got)
	}
	if got := numbers(second{}); got["size"] != 1 || got["name"] != 3 {
		t.Errorf("%v", got)
	}
	type twice struct {
		inner
		Name string `json:"name" f:"2"`
	}
	defer func() {
		if recover() == nil {
			t.Error("two fields have one number, and nobody minds")
		}
	}()
	numbers(twice{})
}

func TestRules(t *testing.T) {
	for tag, c := range map[string]struct{ good, bad []float64 }{
		"min=1,max=3":     {[]float64{1, 2, 3}, []float64{0, 4}},
		"above=0,below=1": {[]float64{0.1}, []float64{0, 1}},
		"multiple=4":      {[]float64{0, 64}, []float64{66}},
		"power=2":         {[]float64{1, 8}, []float64{0, 3, -8}},
	} {
		r, err := parseRules(tag)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range c.good {
			if broken := r.Broken(v); broken != nil {
				t.Errorf("%s: %v: want %s", tag, v, broken)
			}
		}
		for _, v := range c.bad {
			if r.Broken(v) == nil {
				t.Errorf("%s allows %v", tag, v)
			}
		}
	}
}
