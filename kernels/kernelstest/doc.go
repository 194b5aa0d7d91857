// Package kernelstest is the one suite that every backend passes: each operation
// of the contracts, over hostile sizes and values, beside the reference backend.
// It is for tests; it times nothing and checks no whole steps.
//
// A case is one operation over given operands, run as a program of one
// instruction whose operands and results are slots. A guard is a slot beside
// another that must not change. Poison is what stands in a result before it is
// written.
//
// For every case the suite holds that
//
//   - every element of every result is near ref's (package tolerance), where a NaN
//     is near a NaN only, though results were poisoned before;
//   - guards, the gaps between slots, and operands are unchanged, and operands are
//     not read past their end;
//   - a second run, and every device said to be the same, gives the same bits;
//   - a result in place of an operand, where the contract allows it, has the bits
//     it has elsewhere.
//
// Run may be called from parallel tests; each family of operations opens devices
// of its own.
package kernelstest
