package safetensors

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"g2c/internal/fault"
)

// File is a decoded file.
type File struct {
	Tensors  []Tensor          // sorted by name
	Metadata map[string]string // nil when there is none
}

// Tensor finds a tensor by its name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i, found := slices.BinarySearchFunc(f.Tensors, name, func(t Tensor, name string) int { return strings.Compare(t.Name, name) })
	if !found {
		return Tensor{}, false
	}
	return f.Tensors[i], true
}

// entry is a tensor of the header: where its data is, not the data.
type entry struct {
	Tensor
	begin, end uint64
}

// Decode reads a whole file. The tensors are views into data, which must not
// change as long as they are used.
func Decode(data []byte) (*File, error) {
	if len(data) < lengthBytes {
		return nil, dataError("%d bytes are too few for a header", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	rest := data[lengthBytes:]
	if n > MaxHeaderBytes || n > uint64(len(rest)) {
		return nil, dataError("header of %d bytes in a file of %d; the limit is %d", n, len(data), MaxHeaderBytes)
	}
	header, values := rest[:n], rest[n:]
	entries, metadata, err := parseHeader(header)
	if err != nil {
		return nil, err
	}
	if err := checkTiling(entries, uint64(len(values))); err != nil {
		return nil, err
	}
	file := &File{Tensors: make([]Tensor, len(entries)), Metadata: metadata}
	for i, e := range entries {
		e.Data = values[e.begin:e.end:e.end]
		file.Tensors[i] = e.Tensor
	}
	slices.SortFunc(file.Tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	return file, nil
}

// checkTiling holds that the tensors cover the values once, without gaps.
func checkTiling(entries []entry, size uint64) error {
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end), strings.Compare(a.Name, b.Name))
	})
	var end uint64
	for _, e := range entries {
		if e.begin < end {
			return dataError("tensor %q overlaps the one before it: it begins at byte %d, that ends at %d", e.Name, e.begin, end)
		}
		if e.begin > end {
			return dataError("%d bytes before tensor %q belong to no tensor", e.begin-end, e.Name)
		}
		if e.end > size {
			return dataError("tensor %q ends at byte %d of %d: the file is cut short", e.Name, e.end, size)
		}
		end = e.end
	}
	if end != size {
		return dataError("%d bytes after the last tensor", size-end)
	}
	return nil
}

// parseHeader reads the JSON by tokens: encoding/json would let duplicate
// names pass.
func parseHeader(header []byte) ([]entry, map[string]string, error) {
	switch {
	case len(header) == 0 || header[0] != '{':
		return nil, nil, dataError("the header does not begin with {")
	case !utf8.Valid(header):
		return nil, nil, dataError("the header is not UTF-8")
	case !json.Valid(header):
		return nil, nil, dataError("the header is not valid JSON")
	}
	p := newParser(header)
	var (
		entries  []entry
		metadata map[string]string
		names    = map[string]bool{}
	)
	err := p.object(func(name string) error {
		if names[name] {
			return dataError("two entries named %q", name)
		}
		names[name] = true
		if name == metadataName {
			var err error
			metadata, err = p.metadata()
			return err
		}
		e, err := p.entry(name)
		entries = append(entries, e)
		return err
	})
	return entries, metadata, err
}

// parser walks over JSON that is known to be valid.
type parser struct{ *json.Decoder }

func newParser(data []byte) parser {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return parser{d}
}

// next is the next token; the JSON is valid, so there is one.
func (p parser) next() (json.Token, error) {
	token, err := p.Token()
	if err != nil {
		return nil, dataError("the header is not valid JSON: %w", err)
	}
	return token, nil
}

func (p parser) open(want json.Delim, what string) error {
	token, err := p.next()
	if err != nil {
		return err
	}
	if token != want {
		return dataError("%s begins with %v, want %v", what, token, want)
	}
	return nil
}

// object calls each with the name of every field; each consumes the value.
func (p parser) object(each func(name string) error) error {
	if err := p.open('{', "an object of the header"); err != nil {
		return err
	}
	for p.More() {
		token, err := p.next()
		if err != nil {
			return err
		}
		if err := each(token.(string)); err != nil { // names are strings in valid JSON
			return err
		}
	}
	_, err := p.next()
	return err
}

func (p parser) string(what string) (string, error) {
	token, err := p.next()
	if err != nil {
		return "", err
	}
	s, ok := token.(string)
	if !ok {
		return "", dataError("%s is %v, want a string", what, token)
	}
	return s, nil
}

func (p parser) metadata() (map[string]string, error) {
	metadata := map[string]string{}
	err := p.object(func(name string) error {
		if _, twice := metadata[name]; twice {
			return dataError("two entries %q in the metadata", name)
		}
		value, err := p.string("metadata " + strconv.Quote(name))
		metadata[name] = value
		return err
	})
	return metadata, err
}

// entry reads one tensor's description.
func (p parser) entry(name string) (entry, error) {
	e := entry{Tensor: Tensor{Name: name}}
	seen := map[string]bool{}
	var offsets []int
	err := p.object(func(field string) (err error) {
		if seen[field] {
			return dataError("tensor %q: two fields %q", name, field)
		}
		seen[field] = true
		switch field {
		case "dtype":
			var d string
			d, err = p.string("dtype of " + strconv.Quote(name))
			e.DType = DType(d)
		case "shape":
			e.Shape, err = p.integers(name, MaxRank)
		case "data_offsets":
			offsets, err = p.integers(name, 2)
		default:
			err = dataError("tensor %q: unknown field %q", name, field)
		}
		return err
	})
	if err != nil {
		return entry{}, err
	}
	if len(seen) != 3 || len(offsets) != 2 {
		return entry{}, dataError("tensor %q: want dtype, shape and two data_offsets", name)
	}
	want, err := dataBytes(name, e.DType, e.Shape)
	if err != nil {
		return entry{}, dataError("%w", err)
	}
	e.begin, e.end = uint64(offsets[0]), uint64(offsets[1])
	if e.end < e.begin || e.end-e.begin != want {
		return entry{}, dataError("tensor %q: data_offsets %v hold another number of bytes than %s%v, %d", name, offsets, e.DType, e.Shape, want)
	}
	return e, nil
}

// integers reads a list of at most limit natural numbers.
func (p parser) integers(name string, limit int) ([]int, error) {
	if err := p.open('[', "a list of tensor "+strconv.Quote(name)); err != nil {
		return nil, err
	}
	var list []int
	for p.More() {
		token, err := p.next()
		if err != nil {
			return nil, err
		}
		number, ok := token.(json.Number)
		if !ok {
			return nil, dataError("tensor %q: %v in place of a number", name, token)
		}
		n, err := strconv.ParseUint(number.String(), 10, 64)
		if err != nil || n > math.MaxInt64 {
			return nil, dataError("tensor %q: %s is not a size in bytes or elements", name, number)
		}
		if len(list) == limit {
			return nil, dataError("tensor %q: a list of more than %d numbers", name, limit)
		}
		list = append(list, int(n))
	}
	_, err := p.next()
	return list, err
}

func dataError(format string, a ...any) error {
	return fault.New(fault.ErrData, "read safetensors: "+format, a...)
}
