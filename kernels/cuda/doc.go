// Package cuda runs programs on NVIDIA GPUs: kernels of our own (src), loaded through
// gorgonia.org/cu, each segment of a program captured once as a CUDA graph and
// replayed. It is built with the tag gpu; a machine without a driver is told so by
// Count, and no other call is made there.
//
// Numbers are float32, sums run in the order of the contracts, products that are
// added round apart: the same bits on every run, and on every card of one class.
//
// Words: an Exec's *arena* holds the temporaries of a program, its *scratch* the
// partial sums inside operations. A device is *poisoned* when the driver reports an
// error that its context does not survive: every later call returns that error.
//
// A Device owns one thread of the operating system, on which its context is current.
// Its methods may be called from one goroutine at a time.
package cuda
