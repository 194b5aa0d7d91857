package api

import (
	"fmt"
	"regexp"
	"strings"
)

// The numerics classes of this version: two computations of one class give the
// same bits. The number rises when a change moves bits.
const (
	ClassCPU         = "cpu-2"          // AVX2 and AVX-512, the same bits
	ClassCPUPortable = "cpu-portable-1" // no fused multiply-add
	ClassRef         = "ref-1"          // float64 loops, for checks
)

// classForm is what a class looks like. A CUDA class names the card's own
// capability; with JIT-compiled PTX the driver's version is part of it.
var classForm = regexp.MustCompile(`^(cpu|cpu-portable|ref|cuda-sm[1-9][0-9]{1,2}a?)-[1-9][0-9]{0,3}(-driver[0-9]{1,4}(\.[0-9]{1,4}){0,2})?$`)

// CheckNumerics refuses a string that is not a numerics class.
func CheckNumerics(class string) error {
	if !classForm.MatchString(class) || (strings.Contains(class, "-driver") && !IsCUDA(class)) {
		return fmt.Errorf("%q is not a numerics class: one is like %s, %s, cuda-sm80-1 or %s",
			class, ClassCPU, ClassCPUPortable, ClassRef)
	}
	return nil
}

// IsCUDA says whether a class computes on a CUDA card.
func IsCUDA(class string) bool { return strings.HasPrefix(class, "cuda-") }

// HasBF16 says whether a class computes in mixed precision: CUDA cards do, and the
// reference, to be compared with.
func HasBF16(class string) bool { return IsCUDA(class) || class == ClassRef }
