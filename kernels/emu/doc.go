// Package emu builds a CUDA driver that runs on the CPU: a libcuda.so.1 of our own,
// and shared objects made from the unchanged .cu files that nvcc compiles for GPUs.
// A program that was linked for the real driver then runs whole on a machine without
// one, slowly, and is watched: divergence, deadlocks, accesses out of bounds, reads
// of what nobody wrote and races in shared memory end the kernel with a report that
// names kernel, block, thread and line.
//
// It needs a C++ compiler and CUDA's cuda.h; no GPU, no CUDA library. It says nothing
// of speed, and of mma and wgmma only what NVIDIA's headers say of their layouts
// (layouts/layouts.txt). See DESIGN.md.
package emu
