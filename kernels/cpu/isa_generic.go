//go:build !amd64

package cpu

func has(i ISA) bool { return i == Portable }

// microKernels are the kernels of an instruction set, widest first.
func microKernels(ISA) []microKernel { return portableKernels }

// narrowKernels are those for results of few channels.
func narrowKernels(ISA) []microKernel { return portableKernels }
