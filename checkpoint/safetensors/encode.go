package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Encoding is a file of tensors that is not built in memory: the header, and
// the tensors' own data. It reads at offsets, so it is a store.Body. The data
// must not change while it is in use.
type Encoding struct {
	parts  [][]byte // header, then the data in file order, none empty
	starts []int64  // offset of each part in the file
	size   int64
}

// Encode lays out a file of the tensors, in any order, and metadata, which may
// be nil; a file of weights has none. Bad names, shapes and lengths, and names
// given twice, are errors.
func Encode(tensors []Tensor, metadata map[string]string) (*Encoding, error) {
	sorted := slices.Clone(tensors)
	slices.SortStableFunc(sorted, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	for i, t := range sorted {
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("encode safetensors: %w", err)
		}
		if i > 0 && t.Name == sorted[i-1].Name {
			return nil, fmt.Errorf("encode safetensors: two tensors named %q", t.Name)
		}
	}
	header, err := encodeHeader(sorted, metadata)
	if err != nil {
		return nil, fmt.Errorf("encode safetensors: %w", err)
	}
	e := &Encoding{}
	e.add(header)
	for _, t := range sorted {
		e.add(t.Data)
	}
	return e, nil
}

func (e *Encoding) add(part []byte) {
	if len(part) == 0 {
		return
	}
	e.parts = append(e.parts, part)
	e.starts = append(e.starts, e.size)
	e.size += int64(len(part))
}

// encodeHeader is the length, the JSON and the padding.
func encodeHeader(sorted []Tensor, metadata map[string]string) ([]byte, error) {
	h := append(make([]byte, lengthBytes), '{')
	if len(metadata) > 0 {
		h = appendJSON(h, metadataName)
		h = append(h, ':')
		h = appendJSON(h, metadata)
		h = append(h, ',')
	}
	offset := 0
	for _, t := range sorted {
		h = appendJSON(h, t.Name)
		h = append(h, `:{"dtype":"`...)
		h = append(h, t.DType...)
		h = append(h, `","shape":[`...)
		for i, dim := range t.Shape {
			if i > 0 {
				h = append(h, ',')
			}
			h = strconv.AppendInt(h, int64(dim), 10)
		}
		h = append(h, `],"data_offsets":[`...)
		h = strconv.AppendInt(h, int64(offset), 10)
		offset += len(t.Data)
		h = append(h, ',')
		h = strconv.AppendInt(h, int64(offset), 10)
		h = append(h, `]},`...)
	}
	h = append(bytes.TrimSuffix(h, []byte{','}), '}')
	for len(h)%lengthBytes != 0 {
		h = append(h, ' ')
	}
	n := len(h) - lengthBytes
	if n > MaxHeaderBytes {
		return nil, fmt.Errorf("header of %d bytes, the limit is %d", n, MaxHeaderBytes)
	}
	binary.LittleEndian.PutUint64(h, uint64(n))
	return h, nil
}

// appendJSON appends a string, or a map of strings in the order of its keys,
// as JSON without the escapes meant for web pages.
func appendJSON(b []byte, v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("safetensors: strings always encode: " + err.Error())
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte{'\n'})...)
}

// Size is the length of the file in bytes.
func (e *Encoding) Size() int64 { return e.size }

// ReadAt implements io.ReaderAt over the file.
func (e *Encoding) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, fmt.Errorf("safetensors: read at %d", offset)
	}
	i := sort.Search(len(e.starts), func(i int) bool { return e.starts[i] > offset }) - 1
	n := 0
	for ; i >= 0 && i < len(e.parts) && n < len(p); i++ {
		within := offset + int64(n) - e.starts[i]
		if within < int64(len(e.parts[i])) {
			n += copy(p[n:], e.parts[i][within:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteTo writes the file.
func (e *Encoding) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for _, part := range e.parts {
		n, err := w.Write(part)
		total += int64(n)
		if err != nil {
			return total, fmt.Errorf("write safetensors: %w", err)
		}
	}
	return total, nil
}

// SHA256 is the hash of the file in lower-case hex.
func (e *Encoding) SHA256() string {
	h := sha256.New()
	for _, part := range e.parts {
		h.Write(part) // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}
