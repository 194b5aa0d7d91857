package allreduce

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// blockBytes is what the assembly adds at a time.
const blockBytes = 128

// addBlocks adds whole blocks, and says how many elements they are.
func addBlocks[T Element](to, a, b []T) int {
	size := sizeOf[T]()
	blocks := len(to) * size / blockBytes
	if blocks == 0 || !cpu.X86.HasAVX2 {
		return 0
	}
	t, x, y := unsafe.Pointer(unsafe.SliceData(to)), unsafe.Pointer(unsafe.SliceData(a)), unsafe.Pointer(unsafe.SliceData(b))
	if size == 8 {
		addF64AVX2(int64(blocks), (*float64)(t), (*float64)(x), (*float64)(y))
	} else {
		addF32AVX2(int64(blocks), (*float32)(t), (*float32)(x), (*float32)(y))
	}
	return blocks * blockBytes / size
}
