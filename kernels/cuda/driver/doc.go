// Package driver has what gorgonia.org/cu lacks of the CUDA driver API: capture and
// replay of graphs, attributes of functions, pinned memory, tensor maps, and launches
// with arguments of any size. It is built with the tag gpu.
//
// Calls belong to the OS thread that a context is current on: callers lock theirs.
package driver
