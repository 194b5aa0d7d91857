package cpu

import "fmt"

// ISA is a set of instructions that kernels are built for.
type ISA string

// The instruction sets. Auto takes the best that the machine has.
const (
	Auto     ISA = "auto"
	AVX512   ISA = "avx512"
	AVX2     ISA = "avx2"
	Portable ISA = "portable"
)

// best is the widest instruction set of this machine.
func best() ISA {
	for _, i := range []ISA{AVX512, AVX2} {
		if has(i) {
			return i
		}
	}
	return Portable
}

// resolve turns a wish into an instruction set that this machine has.
func resolve(wish ISA) (ISA, error) {
	switch wish {
	case Auto, "":
		return best(), nil
	case Portable:
		return Portable, nil
	case AVX512, AVX2:
		if !has(wish) {
			return "", fmt.Errorf("this machine does not have %s; it has %s", wish, best())
		}
		return wish, nil
	}
	return "", fmt.Errorf("unknown instruction set %q: want auto, avx512, avx2 or portable", wish)
}

// class is the numerics class of an instruction set.
func (i ISA) class() string {
	if i == Portable {
		return "cpu-portable-1"
	}
	return "cpu-2"
}
