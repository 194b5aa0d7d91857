// Package host is the part of a Device that every backend in main memory
// shares: slots, the arena, and the walk over a program. A backend adds a table
// of kernels. It computes nothing and starts no goroutine.
//
// A kernel is prepared once, when a program is loaded: it checks its operands'
// layout, builds its tables and returns a function that runs without allocating.
package host
