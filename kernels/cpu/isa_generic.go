//go:build !amd64

package cpu

func has(i ISA) bool { return i == Portable }

// microKernels are the kernels of an instruction set, widest first.
func microKernels(ISA) []microKernel { return portableKernels }

// winogradSets are none.
func winogradSets(ISA) []winogradKernels { return nil }

// transpose8 is for assembly only.
func transpose8(int64, *float32, int64, *float32, int64) { panic("cpu: no assembly here") }

func maxPool(int64, int64, **float32, *int32, *float32, *int32) { panic("cpu: no assembly here") }

func maxPoolGrad(int64, int64, **float32, **int32, *int32, *float32) {
	panic("cpu: no assembly here")
}

// narrowKernels are those for results of few channels.
func narrowKernels(ISA) []microKernel { return portableKernels }
