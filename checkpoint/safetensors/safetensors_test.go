package safetensors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"g2c/internal/fault"
)

// file is a header with its length, and values.
func file(header string, values int) []byte {
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(data, header...), make([]byte, values)...)
}

func encoded(t testing.TB, tensors []Tensor, metadata map[string]string) []byte {
	t.Helper()
	e, err := Encode(tensors, metadata)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if n, err := e.WriteTo(&out); err != nil || n != e.Size() {
		t.Fatalf("wrote %d of %d bytes: %v", n, e.Size(), err)
	}
	return out.Bytes()
}

func samples() []Tensor {
	return []Tensor{
		Float32("g.weight", []int{2, 3}, []float32{1, -2, 3.5, float32(math.Inf(1)), 5, 6}),
		Uint8("a.pixels", []int{3}, []uint8{7, 8, 9}),
		Float64("moments", []int{}, []float64{math.Pi}),
		Int32("order", []int{2, 1}, []int32{-1, 1 << 30}),
		Int64("step", []int{1}, []int64{-1 << 60}),
		BFloat16("half", []int{2}, []uint16{0x3f80, 0x4000}),
		Float32("empty", []int{0, 4}, nil),
		Float32("Ünïcode <&> \" \\ \n", []int{1}, []float32{0}),
	}
}

// TestBytes pins the bytes: they are hashed and promised in FORMAT.md.
func TestBytes(t *testing.T) {
	got := encoded(t, []Tensor{Float32("b", []int{2}, []float32{1, 2}), Uint8("a", []int{1}, []uint8{255})}, nil)
	header := `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}`
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	want := append(file(header, 0), 255, 0, 0, 0x80, 0x3f, 0, 0, 0, 0x40)
	if !bytes.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := encoded(t, nil, map[string]string{"b": "<", "a": "1"}); string(got[8:]) != `{"__metadata__":{"a":"1","b":"<"}}      ` {
		t.Errorf("metadata alone: %q", got[8:])
	}
}

func TestRoundTripInAnyOrder(t *testing.T) {
	tensors := samples()
	first := encoded(t, tensors, nil)
	slices.Reverse(tensors)
	if second := encoded(t, tensors, nil); !bytes.Equal(first, second) {
		t.Error("the order in which tensors are given changes the bytes")
	}
	got, err := Decode(first)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Tensors) != len(tensors) || got.Metadata != nil {
		t.Fatalf("%d tensors, metadata %v", len(got.Tensors), got.Metadata)
	}
	for _, want := range tensors {
		g, ok := got.Tensor(want.Name)
		if !ok || g.DType != want.DType || !slices.Equal(g.Shape, want.Shape) || !bytes.Equal(g.Data, want.Data) {
			t.Errorf("%q came back as %+v, %v", want.Name, g, ok)
		}
	}
	if _, ok := got.Tensor("none"); ok {
		t.Error("found a tensor that is not there")
	}
}

func TestEncodingReadsAtAnyOffset(t *testing.T) {
	e, err := Encode(samples(), map[string]string{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	want := encoded(t, samples(), map[string]string{"k": "v"})
	if err := iotest.TestReader(io.NewSectionReader(e, 0, e.Size()), want); err != nil {
		t.Error(err)
	}
	sum := sha256.Sum256(want)
	if e.SHA256() != hex.EncodeToString(sum[:]) {
		t.Error("SHA256 is not the hash of the bytes")
	}
	if n, err := e.ReadAt(make([]byte, 1), e.Size()); n != 0 || err != io.EOF {
		t.Errorf("read at the end: %d, %v", n, err)
	}
}

func TestViews(t *testing.T) {
	source := []float32{1, 2, 3}
	x := Float32("x", []int{3}, source)
	source[1] = 42
	view, err := x.Float32s()
	if err != nil || !slices.Equal(view, source) {
		t.Errorf("%v, %v: not a view", view, err)
	}
	shifted := Tensor{Name: "x", DType: F32, Shape: []int{3}, Data: append([]byte{0}, x.Data...)[1:]}
	if got, err := shifted.Float32s(); err != nil || !slices.Equal(got, source) {
		t.Errorf("unaligned: %v, %v", got, err)
	}
	if _, err := x.Float64s(); !errors.Is(err, fault.ErrData) {
		t.Errorf("another type: %v", err)
	}
	dst := make([]float32, 3)
	if err := x.CopyFloat32(dst, []int{3}); err != nil || !slices.Equal(dst, source) {
		t.Errorf("copy: %v, %v", dst, err)
	}
	if err := x.CopyFloat32(dst, []int{1, 3}); !errors.Is(err, fault.ErrData) {
		t.Errorf("copy of another shape: %v", err)
	}
}

func TestEncodeRefuses(t *testing.T) {
	for name, tensors := range map[string][]Tensor{
		"length":    {{Name: "a", DType: F32, Shape: []int{2}, Data: make([]byte, 4)}},
		"dtype":     {{Name: "a", DType: "F8"}},
		"name":      {{DType: U8, Data: []byte{1}}},
		"metadata":  {{Name: "__metadata__", DType: U8, Data: []byte{1}}},
		"utf-8":     {{Name: "\xff", DType: U8, Data: []byte{1}}},
		"negative":  {{Name: "a", DType: U8, Shape: []int{-1}}},
		"overflow":  {{Name: "a", DType: F64, Shape: []int{1 << 31, 1 << 31, 4}}},
		"duplicate": {Uint8("a", []int{1}, []byte{1}), Uint8("a", []int{1}, []byte{1})},
	} {
		if _, err := Encode(tensors, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestDecodeTakesOtherWriters(t *testing.T) {
	// Another order in header and data, white space, an odd header length.
	got, err := Decode(file(`{ "b": {"data_offsets":[0,2],"shape":[2],"dtype":"U8"},
		"a":{"dtype":"I8","shape":[],"data_offsets":[2,3]}, "__metadata__":{"format":"pt"}}  `, 3))
	if err != nil {
		t.Fatal(err)
	}
	if got.Tensors[0].Name != "a" || got.Tensors[1].Len() != 2 || !reflect.DeepEqual(got.Metadata, map[string]string{"format": "pt"}) {
		t.Errorf("%+v", got)
	}
}

// refused are files that the reader must refuse, and a word of the reason.
var refused = map[string]struct {
	data []byte
	why  string
}{
	"nothing":          {nil, "too few"},
	"short length":     {[]byte{1, 2, 3}, "too few"},
	"header too long":  {file(`{}`, 0)[:9], "header of 2"},
	"huge header":      {[]byte{255, 255, 255, 255, 255, 255, 255, 255, '{', '}'}, "limit"},
	"no header":        {file(``, 0), "begin"},
	"leading space":    {file(` {}`, 0), "begin"},
	"not JSON":         {file(`{"a"}`, 0), "JSON"},
	"trailing":         {file(`{}{}`, 0), "JSON"},
	"not UTF-8":        {file("{\"\xff\":1}", 0), "UTF-8"},
	"bytes after":      {file(`{}`, 1), "after the last"},
	"not an object":    {file(`{"a":1}`, 0), "begins"},
	"duplicate tensor": {file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0), "two entries"},
	"duplicate field":  {file(`{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "two fields"},
	"unknown field":    {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"x":1}}`, 1), "unknown field"},
	"missing field":    {file(`{"a":{"dtype":"U8","shape":[1]}}`, 1), "want dtype"},
	"one offset":       {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}}`, 1), "want dtype"},
	"three offsets":    {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}}`, 1), "more than"},
	"unknown dtype":    {file(`{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}`, 1), "dtype"},
	"dtype a number":   {file(`{"a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}}`, 1), "string"},
	"negative":         {file(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}}`, 1), "not a size"},
	"fraction":         {file(`{"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}}`, 1), "not a size"},
	"exponent":         {file(`{"a":{"dtype":"U8","shape":[1e0],"data_offsets":[0,1]}}`, 1), "not a size"},
	"null in shape":    {file(`{"a":{"dtype":"U8","shape":[null],"data_offsets":[0,1]}}`, 1), "place of a number"},
	"too big":          {file(`{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}}`, 1), "not a size"},
	"overflow":         {file(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0), "overflows"},
	"overflow to zero": {file(`{"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}}`, 0), "overflows"},
	"backwards":        {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, 1), "another number"},
	"wrong length":     {file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1]}}`, 1), "another number"},
	"beyond the end":   {file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 1), "cut short"},
	"gap":              {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, 2), "belong to no"},
	"overlap":          {file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3), "overlaps"},
	"the same place":   {file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1), "overlaps"},
	"metadata twice":   {file(`{"__metadata__":{"a":"b","a":"c"}}`, 0), "two entries"},
	"metadata number":  {file(`{"__metadata__":{"a":1}}`, 0), "string"},
	"no name":          {file(`{"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0), "name"},
	"rank":             {file(`{"a":{"dtype":"U8","shape":[`+strings.Repeat("1,", MaxRank)+`1],"data_offsets":[0,1]}}`, 1), "more than"},
}

func TestDecodeRefuses(t *testing.T) {
	for name, c := range refused {
		if f, err := Decode(c.data); !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s: %v, %v; want a data error with %q", name, f, err, c.why)
		}
	}
}

// What the header of a file says is what decoding it finds, and only the header is read.
func TestReadHeader(t *testing.T) {
	whole := encoded(t, samples(), map[string]string{"k": "v"})
	last := int64(0)
	at := func(data []byte) func(context.Context, int64, int64) (io.ReadCloser, error) {
		return func(_ context.Context, offset, length int64) (io.ReadCloser, error) {
			last = offset + length
			return io.NopCloser(io.NewSectionReader(bytes.NewReader(data), offset, length)), nil
		}
	}
	got, err := ReadHeader(t.Context(), int64(len(whole)), at(whole))
	if err != nil {
		t.Fatal(err)
	}
	want, err := Decode(whole)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Tensors {
		want.Tensors[i].Data = nil
	}
	if !reflect.DeepEqual(got, want.Tensors) {
		t.Errorf("got %v, want %v", got, want.Tensors)
	}
	if n := binary.LittleEndian.Uint64(whole); last != int64(8+n) {
		t.Errorf("%d bytes were read, the header ends at %d", last, 8+n)
	}
	for _, size := range []int64{0, 7, 8, 100, int64(len(whole)) - 1, int64(len(whole)) + 1} {
		if _, err := ReadHeader(t.Context(), size, at(whole)); !errors.Is(err, fault.ErrData) {
			t.Errorf("a file said to have %d of %d bytes: %v", size, len(whole), err)
		}
	}
	cut := whole[:40]
	if _, err := ReadHeader(t.Context(), int64(len(whole)), at(cut)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file cut short: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range refused {
		f.Add(c.data)
	}
	f.Add(encoded(f, samples(), map[string]string{"k": "v"}))
	f.Add(file(`{}`, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Decode(data)
		if err != nil {
			if !errors.Is(err, fault.ErrData) {
				t.Fatalf("error of another class: %v", err)
			}
			return
		}
		// What is accepted can be written, and then reads as the same.
		total := 0
		for _, x := range file.Tensors {
			total += len(x.Data)
		}
		again, err := Decode(encoded(t, file.Tensors, file.Metadata))
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range again.Tensors {
			y := file.Tensors[i]
			if x.Name != y.Name || x.DType != y.DType || !slices.Equal(x.Shape, y.Shape) || !bytes.Equal(x.Data, y.Data) {
				t.Fatalf("%+v came back as %+v", y, x)
			}
		}
		if n := int(binary.LittleEndian.Uint64(data)); len(again.Tensors) != len(file.Tensors) || 8+n+total != len(data) {
			t.Fatalf("%d tensors of %d bytes after a header of %d in a file of %d", len(file.Tensors), total, n, len(data))
		}
	})
}
