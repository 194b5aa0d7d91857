//go:build gpu

package driver

/*
#include <cuda.h>
*/
import "C"

import (
	"unsafe"

	"gorgonia.org/cu"
)

// Event is a mark on a stream that others can wait for.
type Event struct{ event C.CUevent }

// NewEvent makes an event. One that is not timed costs the device less.
func NewEvent(timed bool) (Event, error) {
	flags := C.uint(C.CU_EVENT_DISABLE_TIMING)
	if timed {
		flags = C.CU_EVENT_DEFAULT
	}
	var e Event
	err := check("cuEventCreate", C.cuEventCreate(&e.event, flags))
	return e, err
}

// Record sets the mark behind what is on a stream.
func (e Event) Record(s cu.Stream) error {
	return check("cuEventRecord", C.cuEventRecord(e.event, stream(s)))
}

// Hold has a stream wait, on the device, for the mark as it is now.
func (e Event) Hold(s cu.Stream) error {
	return check("cuStreamWaitEvent", C.cuStreamWaitEvent(stream(s), e.event, 0))
}

// Wait waits until the mark is reached.
func (e Event) Wait() error { return check("cuEventSynchronize", C.cuEventSynchronize(e.event)) }

// Since is the time between two marks that were reached, in milliseconds.
func (e Event) Since(begun Event) (float32, error) {
	var ms C.float
	err := check("cuEventElapsedTime", C.cuEventElapsedTime(&ms, begun.event, e.event))
	return float32(ms), err
}

// Destroy frees it.
func (e Event) Destroy() error { return check("cuEventDestroy", C.cuEventDestroy(e.event)) }

// CopyIn puts a copy from pinned memory of the host on a stream.
func CopyIn(to cu.DevicePtr, from unsafe.Pointer, bytes int, s cu.Stream) error {
	return check("cuMemcpyHtoDAsync", C.cuMemcpyHtoDAsync(C.CUdeviceptr(to), from, C.size_t(bytes), stream(s)))
}

// CopyOut puts a copy to pinned memory of the host on a stream.
func CopyOut(to unsafe.Pointer, from cu.DevicePtr, bytes int, s cu.Stream) error {
	return check("cuMemcpyDtoHAsync", C.cuMemcpyDtoHAsync(to, C.CUdeviceptr(from), C.size_t(bytes), stream(s)))
}

// Synchronize waits until a stream is empty.
func Synchronize(s cu.Stream) error {
	return check("cuStreamSynchronize", C.cuStreamSynchronize(stream(s)))
}
