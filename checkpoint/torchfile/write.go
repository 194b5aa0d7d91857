package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"

	"g2c/checkpoint/safetensors"
)

// Opcodes of pickle that a state dict is written with, and what stands beside it.
const (
	opMark       = '('
	opStop       = '.'
	opBinInt     = 'J' // 4 bytes, signed
	opBinInt1    = 'K'
	opBinInt2    = 'M'
	opLong1      = 0x8a
	opBinUnicode = 'X' // 4 bytes of length, UTF-8
	opGlobal     = 'c' // two lines: module, name
	opReduce     = 'R'
	opEmptyTuple = ')'
	opTuple      = 't'
	opTuple1     = 0x85
	opTuple2     = 0x86
	opTuple3     = 0x87
	opBinPersID  = 'Q'
	opSetItems   = 'u'
	opSetItem    = 's'
	opNewTrue    = 0x88
	opNewFalse   = 0x89
	opNone       = 'N'
	opProto      = 0x80
	opPut        = 'q'
	opLongPut    = 'r'
	opGet        = 'h'
	opLongGet    = 'j'
	opEmptyDict  = '}'
	opEmptyList  = ']'
	opAppend     = 'a'
	opAppends    = 'e'
	opBuild      = 'b'
	opFloat      = 'G' // 8 bytes, big-endian

	// Those that protocol 2 has beside, and that later ones have. Lengths are little-endian.
	opPop          = '0'
	opPopMark      = '1'
	opNewObj       = 0x81
	opBinString    = 'T'  // 4 bytes of length, Python 2's
	opShortString  = 'U'  // 1 byte of length
	opBinBytes     = 'B'  // 4 bytes of length
	opShortBytes   = 'C'  // 1 byte of length
	opShortUnicode = 0x8c // 1 byte of length
	opUnicode8     = 0x8d // 8 bytes of length
	opBytes8       = 0x8e
	opEmptySet     = 0x8f
	opAddItems     = 0x90
	opFrozenSet    = 0x91
	opNewObjEx     = 0x92
	opStackGlobal  = 0x93
	opMemoize      = 0x94
	opFrame        = 0x95 // 8 bytes
	opByteArray8   = 0x96

	protocol       = 2
	newestProtocol = 5
)

const (
	archive   = "archive" // the name that torch.save gives a file without one
	alignment = 64        // of the numbers in the file, so that they can be mapped
	// zipHeader is the fixed part of a local header of a zip file.
	zipHeader = 30
)

// Write writes a state dict of float32 tensors, in byte order of their names, as a
// file that torch.load(weights_only=True) opens. Equal tensors give equal bytes.
// Another type of element is an error.
func Write(w io.Writer, tensors []safetensors.Tensor) error {
	sorted := slices.Clone(tensors)
	slices.SortFunc(sorted, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	for _, t := range sorted {
		if t.DType != safetensors.F32 {
			return fmt.Errorf("write torch file: tensor %s is %s, want F32", t.Name, t.DType)
		}
	}
	out := &counter{w: w}
	z := zip.NewWriter(out)
	records := []struct {
		name string
		data []byte
	}{{"data.pkl", pickleOf(sorted)}, {"byteorder", []byte("little")}, {"version", []byte("3\n")}}
	for _, r := range records {
		if err := addRecord(z, out, r.name, r.data); err != nil {
			return fmt.Errorf("write torch file: %w", err)
		}
	}
	for i, t := range sorted {
		if err := addRecord(z, out, "data/"+strconv.Itoa(i), t.Data); err != nil {
			return fmt.Errorf("write torch file: %w", err)
		}
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write torch file: %w", err)
	}
	return nil
}

// addRecord adds a file without compression, its bytes aligned by an extra field
// as PyTorch's own are.
func addRecord(z *zip.Writer, out *counter, name string, data []byte) error {
	if err := z.Flush(); err != nil {
		return err
	}
	name = archive + "/" + name
	const extraHeader = 4
	gap := -(int(out.n%alignment) + zipHeader + len(name) + extraHeader) & (alignment - 1)
	extra := append([]byte("FB"), byte(gap), 0)
	f, err := z.CreateRaw(&zip.FileHeader{
		Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(data), Extra: append(extra, make([]byte, gap)...),
		CompressedSize64: uint64(len(data)), UncompressedSize64: uint64(len(data)),
	})
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return err
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// pickleOf is the pickle of a state dict whose tensor i lies in storage i.
func pickleOf(tensors []safetensors.Tensor) []byte {
	p := &pickler{}
	p.Write([]byte{opProto, protocol})
	p.global("collections", "OrderedDict")
	p.Write([]byte{opEmptyTuple, opReduce, opMark})
	for i, t := range tensors {
		p.text(t.Name)
		p.tensor(strconv.Itoa(i), t.Shape)
	}
	p.Write([]byte{opSetItems, opStop})
	return p.Bytes()
}

// pickler writes pickle instructions.
type pickler struct{ bytes.Buffer }

func (p *pickler) tensor(storage string, shape []int) {
	elements := 1
	for _, d := range shape {
		elements *= d
	}
	p.global("torch._utils", "_rebuild_tensor_v2")
	p.Write([]byte{opMark, opMark})
	p.text("storage")
	p.global("torch", "FloatStorage")
	p.text(storage)
	p.text("cpu")
	p.integer(elements)
	p.Write([]byte{opTuple, opBinPersID})
	p.integer(0) // offset
	p.tuple(shape)
	p.tuple(contiguous(shape))
	p.WriteByte(opNewFalse) // no gradient
	p.global("collections", "OrderedDict")
	p.Write([]byte{opEmptyTuple, opReduce, opTuple, opReduce})
}

func (p *pickler) global(module, name string) { fmt.Fprintf(p, "%c%s\n%s\n", opGlobal, module, name) }

func (p *pickler) text(s string) {
	p.WriteByte(opBinUnicode)
	p.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
	p.WriteString(s)
}

func (p *pickler) integer(n int) {
	if n == int(int32(n)) {
		p.WriteByte(opBinInt)
		p.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
		return
	}
	p.Write([]byte{opLong1, 8})
	p.Write(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func (p *pickler) tuple(numbers []int) {
	p.WriteByte(opMark)
	for _, n := range numbers {
		p.integer(n)
	}
	p.WriteByte(opTuple)
}

// contiguous are the strides of a row-major array, in elements.
func contiguous(shape []int) []int {
	strides := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = n
		n *= shape[i]
	}
	return strides
}
