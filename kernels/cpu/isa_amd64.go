package cpu

import "golang.org/x/sys/cpu"

func has(i ISA) bool {
	switch i {
	case AVX512:
		return has(AVX2) && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL
	case AVX2:
		return cpu.X86.HasAVX2 && cpu.X86.HasFMA
	}
	return i == Portable
}

// microKernels are the kernels of an instruction set, widest first.
func microKernels(i ISA) []microKernel {
	switch i {
	case AVX512:
		return []microKernel{
			{rows: tileRows, columns: 64, dot: dot6x64AVX512, outer: outer6x64AVX512},
			{rows: tileRows, columns: 32, dot: dot6x32AVX512, outer: outer6x32AVX512},
			{rows: tileRows, columns: 16, dot: dot6x16AVX512, outer: outer6x16AVX512},
		}
	case AVX2:
		return []microKernel{{rows: tileRows, columns: 16, dot: dot6x16AVX2, outer: outer6x16AVX2}}
	}
	return portableKernels
}

// narrowKernels are those with few rows first, then widest first; outer only.
func narrowKernels(i ISA) []microKernel {
	all := microKernels(i)
	narrow := all[len(all)-1:]
	if i == Portable {
		return narrow
	}
	few := []microKernel{{rows: 3, columns: 24, outer: outer3x24AVX2}}
	if i == AVX512 {
		few = []microKernel{{rows: 3, columns: 48, outer: outer3x48AVX512}, few[0]}
	}
	return append(few, narrow...)
}
