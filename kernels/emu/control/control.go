//go:build gpu

// Package control reaches the parts of the emulated driver that a real one lacks:
// the order of threads, faults on demand, and the last report. It is for tests.
package control

/*
#cgo LDFLAGS: -ldl
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

// The first call of the driver API loads the driver; it is not there where nothing else
// of the program uses it.
extern int cuDriverGetVersion(int*) __attribute__((weak));
static void* find(const char* name) {
  int version;
  if (cuDriverGetVersion) cuDriverGetVersion(&version);
  return dlsym(RTLD_DEFAULT, name);
}
static int set_order(int o) {
  void (*f)(int) = (void (*)(int))find("emuSetOrder");
  if (f) f(o);
  return f != 0;
}
static void set_faults(const char* s) {
  void (*f)(const char*) = (void (*)(const char*))find("emuSetFaults");
  if (f) f(s);
}
static int set_early(int what) {
  void (*f)(int) = (void (*)(int))find("emuSetEarly");
  if (f) f(what);
  return f != 0;
}
static void forget(void) {
  void (*f)(void) = (void (*)(void))find("emuForget");
  if (f) f();
}
static const char* last_error(void) {
  const char* (*f)(void) = (const char* (*)(void))find("emuLastError");
  return f ? f() : "";
}
*/
import "C"

import "unsafe"

// Order is that in which threads of a block, blocks of a launch and free nodes of a
// graph get their turn.
type Order int

// The orders.
const (
	Forward Order = iota
	Reverse
	Random
)

// SetOrder sets it for what runs from now on. It reports whether the driver is the
// emulated one.
func SetOrder(o Order) bool { return C.set_order(C.int(o)) != 0 }

// SetFaults has events fail: "alloc:2" the second allocation from now on, "launch:1"
// the next launch, "sticky:1" the next kernel, when it runs, and for good, "lost:3"
// the device at the third launch, "copy:1" the next copy on a stream, when its turn
// comes. "wait:1" leaves out the next wait of a stream for an event. Several are divided
// by commas; empty is none.
func SetFaults(spec string) {
	s := C.CString(spec)
	defer C.free(unsafe.Pointer(s))
	C.set_faults(s)
}

// Early is what is done as soon as it may be, instead of as late: a sum.
type Early int

// What can be early.
const (
	CopiesIn Early = 1 << iota
	CopiesOut
	Launches
	AllEarly = CopiesIn | CopiesOut | Launches
)

// SetEarly has work on streams done early or late from now on. It reports whether the
// driver is the emulated one.
func SetEarly(e Early) bool { return C.set_early(C.int(e)) != 0 }

// LastError is the report of the last kernel that was refused.
func LastError() string { return C.GoString(C.last_error()) }

// Forget clears the last report, so that a test hears of its own.
func Forget() { C.forget() }
