package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"slices"
	"strings"

	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
)

// dtypes are the classes of storages that are read.
var dtypes = map[global]safetensors.DType{
	"torch.FloatStorage": safetensors.F32, "torch.DoubleStorage": safetensors.F64,
	"torch.HalfStorage": safetensors.F16, "torch.BFloat16Storage": safetensors.BF16,
	"torch.LongStorage": safetensors.I64, "torch.IntStorage": safetensors.I32, "torch.ShortStorage": safetensors.I16,
	"torch.CharStorage": safetensors.I8, "torch.ByteStorage": safetensors.U8, "torch.BoolStorage": safetensors.BOOL,
}

// widths are the bytes of an element of storages that are not read, so that the
// older layout's can be passed over.
var widths = map[global]int{
	"torch.ComplexFloatStorage": 8, "torch.ComplexDoubleStorage": 16,
	"torch.QInt8Storage": 1, "torch.QUInt8Storage": 1, "torch.QInt32Storage": 4,
}

// oldMagic is the number that the older layout begins with, and oldProtocol the
// one after it.
const (
	oldMagic    = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
	oldProtocol = 1001
)

// Read reads every tensor of a file, whatever dicts and lists it lies in.
func Read(data []byte) (*Contents, error) {
	var top any
	var numbers map[string][]byte
	var err error
	if bytes.HasPrefix(data, []byte("PK")) {
		top, numbers, err = readZip(data)
	} else {
		top, numbers, err = readOld(data)
	}
	if err == nil {
		var c *Contents
		if c, err = collect(top, numbers, int64(len(data))); err == nil {
			return c, nil
		}
	}
	var own *fault.Error
	if errors.As(err, &own) {
		return nil, fmt.Errorf("read torch file: %w", err)
	}
	return nil, fault.New(fault.ErrData, "read torch file: %w", err)
}

// readZip gives the unpickled object and the bytes of the storages.
func readZip(data []byte) (any, map[string][]byte, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, nil, fault.New(fault.ErrData, "the file is cut short: %w", err).WithHint("copy or download it again")
	}
	var program []byte
	numbers := map[string][]byte{}
	left := int64(len(data)) // records are not compressed, so together no longer than the file
	for _, f := range z.File {
		_, name, _ := strings.Cut(f.Name, "/")
		if name == "constants.pkl" || strings.HasPrefix(name, "code/") {
			return nil, nil, fault.New(fault.ErrData, "it is a TorchScript program").WithHint("save torch.jit.load(FILE).state_dict() with torch.save, and take that file")
		}
		if name != "data.pkl" && name != "byteorder" && !strings.HasPrefix(name, "data/") {
			continue
		}
		content, err := record(f, left)
		if err != nil {
			return nil, nil, fmt.Errorf("record %s: %w", f.Name, err)
		}
		left -= int64(len(content))
		switch {
		case name == "data.pkl":
			program = content
		case name == "byteorder" && string(content) != "little":
			return nil, nil, fmt.Errorf("its numbers are %q-endian, only little is read", content)
		case path.Dir(name) == "data":
			numbers[path.Base(name)] = content
		}
	}
	if program == nil {
		return nil, nil, fault.New(fault.ErrData, "it is a zip archive that torch.save did not write: it has no data.pkl").WithHint("if weights are inside, unpack it")
	}
	top, _, err := unpickle(bytes.NewReader(program))
	return top, numbers, err
}

// record reads one file of the zip file, checked by its CRC.
func record(f *zip.File, limit int64) ([]byte, error) {
	if f.Method != zip.Store {
		return nil, fmt.Errorf("it is compressed, which torch.save never does")
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	content, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("the records are longer than the file")
	}
	return content, nil
}

// readOld reads the layout from before PyTorch 1.6.
func readOld(data []byte) (any, map[string][]byte, error) {
	r := bytes.NewReader(data)
	magic, _, err := unpickle(r)
	if err != nil || magic != any(oldMagic) {
		return nil, nil, fmt.Errorf("it is no file of torch.save")
	}
	if version, _, err := unpickle(r); err != nil || version != any(oldProtocol) {
		return nil, nil, fmt.Errorf("it is of another version of the older layout than %d", oldProtocol)
	}
	if _, _, err := unpickle(r); err != nil { // facts of the system
		return nil, nil, err
	}
	top, storages, err := unpickle(r)
	if err != nil {
		return nil, nil, err
	}
	keys, _, err := unpickle(r)
	if err != nil {
		return nil, nil, err
	}
	names, ok := keys.(*list)
	if !ok {
		return nil, nil, fmt.Errorf("the keys of its storages are not a list")
	}
	numbers, err := oldNumbers(r, names.items, storages)
	return top, numbers, err
}

// oldNumbers reads the storages behind the pickles.
func oldNumbers(r *bytes.Reader, keys []any, classes map[string]global) (map[string][]byte, error) {
	numbers := map[string][]byte{}
	for _, k := range keys {
		key, ok := k.(string)
		class, known := classes[key]
		if !ok || !known {
			return nil, fmt.Errorf("it has a storage that no tensor uses")
		}
		size := widths[class]
		if dtype, read := dtypes[class]; read {
			size = dtype.Size()
		}
		if size == 0 {
			return nil, fmt.Errorf("its storage %s is a %s, of unknown size", key, string(class))
		}
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, fmt.Errorf("the file ends before storage %s", key)
		}
		n := binary.LittleEndian.Uint64(head[:])
		if n > uint64(r.Len()/size) {
			return nil, fmt.Errorf("the file ends in storage %s, of %d elements", key, n)
		}
		b := make([]byte, int(n)*size)
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		numbers[key] = b
	}
	return numbers, nil
}

// make copies a view row-major; it may take limit bytes.
func (t *tensor) make(name string, numbers map[string][]byte, limit int64) (safetensors.Tensor, error) {
	dtype := dtypes[t.storage.class]
	size := dtype.Size()
	source, ok := numbers[t.storage.key]
	if !ok {
		return safetensors.Tensor{}, fmt.Errorf("its storage %s is missing", t.storage.key)
	}
	elements, last := 1, t.offset
	for i, d := range t.shape {
		if d < 0 || t.strides[i] < 0 || t.offset < 0 || (d > 0 && elements > math.MaxInt32*64/d) || (d > 1 && t.strides[i] > (math.MaxInt-last)/(d-1)) {
			return safetensors.Tensor{}, fmt.Errorf("shape %v with strides %v and offset %d", t.shape, t.strides, t.offset)
		}
		elements *= d
		last += max(d-1, 0) * t.strides[i]
	}
	if elements > 0 && (last < 0 || last >= len(source)/size) {
		return safetensors.Tensor{}, fmt.Errorf("its last element is number %d of a storage of %d", last, len(source)/size)
	}
	if int64(elements)*int64(size) > limit {
		return safetensors.Tensor{}, fmt.Errorf("its shape %v is too large for the file", t.shape)
	}
	out := make([]byte, 0, elements*size)
	switch {
	case elements == 0:
	case slices.Equal(t.strides, contiguous(t.shape)):
		out = append(out, source[t.offset*size:][:elements*size]...)
	default:
		out = t.gather(out, source, size, 0, t.offset)
	}
	return safetensors.Tensor{Name: name, DType: dtype, Shape: t.shape, Data: out}, nil
}

// gather appends the elements of one dimension and those below.
func (t *tensor) gather(out, source []byte, size, dim, at int) []byte {
	if dim == len(t.shape) {
		return append(out, source[at*size:][:size]...)
	}
	for i := range t.shape[dim] {
		out = t.gather(out, source, size, dim+1, at+i*t.strides[dim])
	}
	return out
}
