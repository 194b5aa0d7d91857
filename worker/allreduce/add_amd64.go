package allreduce

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// blockBytes is what the assembly adds at a time.
const blockBytes = 128

// halfBlock is how many elements it does at a time where some are bf16.
const halfBlock = 16

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

// The others likewise.

func addHalfBlocks(to, a, b []float32) int {
	blocks := halfBlocks(len(to))
	if blocks > 0 {
		addHalfAVX2(int64(blocks), &to[0], &a[0], &b[0])
	}
	return blocks * halfBlock
}

func addHalfWideBlocks(to, a []float32, b []uint16) int {
	blocks := halfBlocks(len(to))
	if blocks > 0 {
		addHalfWideAVX2(int64(blocks), &to[0], &a[0], &b[0])
	}
	return blocks * halfBlock
}

func narrowBlocks(to []uint16, from []float32) int {
	blocks := halfBlocks(len(to))
	if blocks > 0 {
		narrowAVX2(int64(blocks), &to[0], &from[0])
	}
	return blocks * halfBlock
}

func widenBlocks(to []float32, from []uint16) int {
	blocks := halfBlocks(len(to))
	if blocks > 0 {
		widenAVX2(int64(blocks), &to[0], &from[0])
	}
	return blocks * halfBlock
}

func halfBlocks(n int) int {
	if !cpu.X86.HasAVX2 {
		return 0
	}
	return n / halfBlock
}
