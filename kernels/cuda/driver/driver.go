//go:build gpu

package driver

/*
#include <cuda.h>
#include <stdlib.h>
*/
import "C"

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"
)

// Error is a CUresult that is not success.
type Error int

// The errors that callers tell apart.
const (
	OutOfMemory    Error = C.CUDA_ERROR_OUT_OF_MEMORY
	NoDevice       Error = C.CUDA_ERROR_NO_DEVICE
	IllegalAddress Error = C.CUDA_ERROR_ILLEGAL_ADDRESS
	LaunchFailed   Error = C.CUDA_ERROR_LAUNCH_FAILED
	Unavailable    Error = C.CUDA_ERROR_DEVICE_UNAVAILABLE
	Unjoined       Error = C.CUDA_ERROR_STREAM_CAPTURE_UNJOINED
)

// Error implements error.
func (e Error) Error() string {
	var s *C.char
	if C.cuGetErrorName(C.CUresult(e), &s) != 0 || s == nil {
		return fmt.Sprintf("CUDA error %d", int(e))
	}
	return fmt.Sprintf("%s (%d)", C.GoString(s), int(e))
}

func check(call string, r C.CUresult) error {
	if r == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", call, Error(r))
}

func function(f cu.Function) C.CUfunction { return *(*C.CUfunction)(unsafe.Pointer(&f)) }

func stream(s cu.Stream) C.CUstream { return C.CUstream(unsafe.Pointer(s.C())) }

// SetDynamicShared lets a kernel be launched with more dynamic shared memory than 48
// KiB.
func SetDynamicShared(f cu.Function, bytes int) error {
	return check("cuFuncSetAttribute", C.cuFuncSetAttribute(function(f), C.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, C.int(bytes)))
}

// Pinned allocates memory of the host that the device copies from and to without a
// stage between. It is freed by FreePinned.
func Pinned(bytes int) (unsafe.Pointer, error) {
	var p unsafe.Pointer
	err := check("cuMemHostAlloc", C.cuMemHostAlloc(&p, C.size_t(bytes), 0))
	return p, err
}

// FreePinned frees what Pinned gave.
func FreePinned(p unsafe.Pointer) error { return check("cuMemFreeHost", C.cuMemFreeHost(p)) }

// Graph is captured work, ready to be replayed.
type Graph struct{ exec C.CUgraphExec }

// BeginCapture has a stream record what is put on it instead of doing it.
func BeginCapture(s cu.Stream) error {
	return check("cuStreamBeginCapture", C.cuStreamBeginCapture(stream(s), C.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL))
}

// EndCapture makes a graph of what was recorded.
func EndCapture(s cu.Stream) (Graph, error) {
	var captured C.CUgraph
	if err := check("cuStreamEndCapture", C.cuStreamEndCapture(stream(s), &captured)); err != nil {
		return Graph{}, err
	}
	defer C.cuGraphDestroy(captured)
	var g Graph
	err := check("cuGraphInstantiate", C.cuGraphInstantiateWithFlags(&g.exec, captured, 0))
	return g, err
}

// Launch puts the graph on a stream.
func (g Graph) Launch(s cu.Stream) error {
	return check("cuGraphLaunch", C.cuGraphLaunch(g.exec, stream(s)))
}

// Destroy frees it.
func (g Graph) Destroy() error { return check("cuGraphExecDestroy", C.cuGraphExecDestroy(g.exec)) }
