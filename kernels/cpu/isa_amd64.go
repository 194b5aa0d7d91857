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

// winogradSets are the transforms, widest first.
func winogradSets(i ISA) []winogradKernels {
	narrow := winogradKernels{8, winogradInputAVX2, winogradOutputAVX2, winogradWeightsAVX2, winogradGradientAVX2, winogradGradWAVX2}
	wide := winogradKernels{16, winogradInputAVX512, winogradOutputAVX512, winogradWeightsAVX512, winogradGradientAVX512, winogradGradWAVX512}
	switch i {
	case AVX512:
		return []winogradKernels{wide, narrow}
	case AVX2:
		return []winogradKernels{narrow}
	}
	return nil
}

// transpose8 turns eight rows into columns: see the assembly.
func transpose8(blocks int64, from *float32, fromStep int64, to *float32, toStep int64) {
	transpose8AVX2(blocks, from, fromStep, to, toStep)
}

// maxPool and maxPoolGrad are the assembly's.
func maxPool(channels, taps int64, from **float32, places *int32, to *float32, where *int32) {
	maxPoolAVX2(channels, taps, from, places, to, where)
}

func maxPoolGrad(channels, windows int64, dy **float32, where **int32, place *int32, to *float32) {
	maxPoolGradAVX2(channels, windows, dy, where, place, to)
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
