// Package cpu is the backend for processors: float32, threads, and assembly
// where it pays. It follows the contracts of package kernels to the bit: every
// sum runs in the order that its contract states, so that results depend neither
// on the number of threads nor on the width of vectors.
//
// # Numerics classes
//
// "cpu-2" is every amd64 machine with AVX2 and FMA: the AVX2 and AVX-512 kernels
// give the same bits. In "cpu-1" every convolution was a direct sum; now 3×3
// convolutions of stride 1 go by squares (winograd.go), in an order that the class
// fixes instead of the contract. "cpu-portable-1" is plain Go for all others; where
// a contract says fused multiply-add it rounds the product first.
//
// # Words
//
// A convolution is a product of a left matrix (pixels × channels, found through
// tables of addresses, never copied) and a right one (weights, packed into
// panels of a few columns). A tile is the block of results that a micro-kernel
// holds in registers: tileRows rows by the columns of a panel. A chunk is a run
// of tiles that one worker takes at a time. How work is cut depends on shapes
// only; who does a piece is left to chance and shows in no bit.
//
// A pack is an operand in a kernel's own layout. Weights are packed, or transformed,
// once in a step for all operations of a program that read them (host.Pack).
//
// # Concurrency
//
// A Device owns a team of goroutines that sleep when idle. As kernels.Device
// says, one goroutine at a time may call it, or any Exec made by it. Running a
// program starts no goroutine and allocates nothing.
package cpu

//go:generate go run ./internal/asmgen kernels_amd64.s kernels_amd64.go
