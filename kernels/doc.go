// Package kernels holds the contracts of every operation that training needs,
// and the program: a linear list of such operations over planned memory.
//
// An operation (Op) is a small value: its attributes. Its file states the
// formula, the shapes and the order of every sum; Infer checks the shapes, Cost
// counts the work. The package computes nothing itself. Backends do: ref (the
// obvious loops in float64), cpu (assembly and threads) and cuda each turn a
// Program into an Exec, and the suite in kernelstest holds all of them to the
// same contracts.
//
// # Words
//
// N is the number of samples, H and W are height and width, C is channels in,
// K is channels out, R and S are a kernel's height and width. Activations are
// NHWC and weights KRSC, both row-major. A shard is one of V equal parts of the
// global batch: sums over samples stop at its border (see Segments). A slot is
// a named piece of memory that outlives a step; everything else in a program is
// a temporary in its arena.
//
// # Not a number
//
// A NaN in an activation or a gradient reaches every result whose formula reads
// it; max pooling, ReLU and clamping do not swallow it. Where a formula
// multiplies it by a zero of the padding, both a NaN and a number are right, as
// are 0 and NaN for the ReLU of minus infinity; and where a backend computes a
// convolution by squares of results, a NaN, or an infinity, may reach all of a
// square. The sign of a zero has no meaning.
//
// # Concurrency
//
// Ops and Programs are immutable once built and may be shared. An Exec, and the
// State it works on, belong to one goroutine at a time.
package kernels
