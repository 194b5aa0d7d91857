// Package lockstep runs a program on two backends at once, ref and another, and
// compares them after every instruction. It finds the operation that is wrong
// where whole steps cannot be compared: rounding errors of a step in float32 grow
// until no digit is shared, those of one operation do not.
//
// It is for debugging (debug step --lockstep) and for tests, as slow as ref, twice.
//
// # Words
//
// Ref leads: before each instruction the operands it holds are rounded to float32
// and given to the other device, the follower, so that both compute from the same
// numbers. The follower's results are held to package tolerance and then
// forgotten; ref goes on with its own.
//
// # Concurrency
//
// A run uses both devices from the calling goroutine.
package lockstep
