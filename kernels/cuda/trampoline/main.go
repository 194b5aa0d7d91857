// Command trampoline writes a static libcuda.a for the linker: each function of the
// CUDA driver API jumps to the one of libcuda.so.1, which is opened when the first is
// called. The program then links where there is no CUDA, and starts where there is no
// driver, or one that finds no GPU: there, calls answer CUDA_ERROR_NO_DEVICE.
//
//	go run ./kernels/cuda/trampoline -o build/cuda/lib/libcuda.a
//
// symbols.txt lists the functions that gorgonia.org/cu and kernels/cuda/driver refer to.
package main

import (
	_ "embed"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed symbols.txt
var symbols string

// head opens the library. cu's init calls cuInit, whatever the program is about to do, and
// ends the process if that fails. So here cuInit does nothing and succeeds; the driver is
// woken, by its own cuInit, by the first other call. Where that fails, since no GPU is
// visible or the driver was updated under a running system, there is no device.
const head = `#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { NO_DEVICE = 100, NOT_FOUND = 500 };
static int succeeds(void) { return 0; }
static int no_device(void) { return NO_DEVICE; }
static int not_found(void) { return NOT_FOUND; }

static void* library;
static int opened;
static const char* const names[];

static void open_library(void) {
  const char* path = getenv("G2C_LIBCUDA");
  library = dlopen(path && *path ? path : "libcuda.so.1", RTLD_NOW | RTLD_GLOBAL);
  int (*init)(unsigned) = library ? (int (*)(unsigned))dlsym(library, "cuInit") : 0;
  if (!init || init(0)) library = 0;
  __atomic_store_n(&opened, 1, __ATOMIC_RELEASE);
}

static void* find(long i) {
  if (!strcmp(names[i], "cuInit")) return (void*)succeeds;
  if (!__atomic_load_n(&opened, __ATOMIC_ACQUIRE)) open_library();
  if (!library) return (void*)no_device;
  void* f = dlsym(library, names[i]);
  return f ? f : (void*)not_found;
}
`

// slow saves the six integer arguments and the first of floats around find.
const slow = `
__attribute__((used)) void* trampoline_resolve(long i) { return trampoline_table[i] = find(i); }

__asm__(
    ".text\n"
    ".type trampoline_slow,@function\n"
    "trampoline_slow:\n"
    "  push %rdi\n  push %rsi\n  push %rdx\n  push %rcx\n  push %r8\n  push %r9\n"
    "  sub $24,%rsp\n  movups %xmm0,(%rsp)\n"
    "  mov %rax,%rdi\n  call trampoline_resolve\n"
    "  movups (%rsp),%xmm0\n  add $24,%rsp\n"
    "  pop %r9\n  pop %r8\n  pop %rcx\n  pop %rdx\n  pop %rsi\n  pop %rdi\n"
    "  jmp *%rax\n");
`

func main() {
	out := flag.String("o", "libcuda.a", "library to write")
	flag.Parse()
	if err := write(*out, strings.Fields(symbols)); err != nil {
		fmt.Fprintln(os.Stderr, "trampoline:", err)
		os.Exit(1)
	}
}

// source is the C of the trampolines.
func source(names []string) string {
	var b strings.Builder
	b.WriteString(head)
	fmt.Fprintf(&b, "\nvoid* trampoline_table[%d];\nstatic const char* const names[] = {\n", len(names))
	for _, n := range names {
		fmt.Fprintf(&b, "    %q,\n", n)
	}
	b.WriteString("};\n")
	b.WriteString(slow)
	for i, n := range names {
		fmt.Fprintf(&b, "\n__asm__(\".globl %[1]s\\n.type %[1]s,@function\\n%[1]s:\\n  mov trampoline_table+%[2]d(%%rip),%%rax\\n  test %%rax,%%rax\\n  je 1f\\n  jmp *%%rax\\n1: mov $%[3]d,%%eax\\n  jmp trampoline_slow\\n\");", n, 8*i, i)
	}
	b.WriteByte('\n')
	return b.String()
}

func write(out string, names []string) error {
	dir, err := os.MkdirTemp("", "g2c-trampoline-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	c, o := filepath.Join(dir, "trampoline.c"), filepath.Join(dir, "trampoline.o")
	if err := os.WriteFile(c, []byte(source(names)), 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	if err := os.Remove(out); err != nil && !os.IsNotExist(err) {
		return err
	}
	for _, args := range [][]string{{"gcc", "-O2", "-Wall", "-c", c, "-o", o}, {"ar", "rcs", out, o}} {
		if text, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, text)
		}
	}
	return nil
}
