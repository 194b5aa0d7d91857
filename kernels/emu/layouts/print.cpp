// print.cpp prints the emulator's layouts in the form of cute.cu.
#include <cstdio>

#include "emu_hopper.h"

static void places(const char* name, int threads, int values, EmuPlace (*at)(int, int), bool swap = false) {
  printf("%s", name);
  for (int t = 0; t < threads; t++)
    for (int v = 0; v < values; v++) {
      const EmuPlace p = at(t, v);
      printf(" %d,%d", swap ? p.column : p.row, swap ? p.row : p.column);
    }
  printf("\n");
}

static void swizzle(const char* name, int mode) {
  printf("%s", name);
  const uint32_t row_bytes = 16u << mode;
  for (uint32_t at = 0; at < 8 * row_bytes; at += 16) printf(" %u", emu_swizzle(at, mode) / 16);
  printf("\n");
}

int main() {
  places("mma.m16n8k16.a", 32, 8, [](int t, int v) { return emu_mma_a(t, v); });
  places("mma.m16n8k16.b", 32, 4, [](int t, int v) { return emu_mma_b(t, v); }, true);
  places("mma.m16n8k16.c", 32, 4, [](int t, int v) { return emu_mma_c(t, v); });
  printf("ldmatrix.x4.from");
  for (int t = 0; t < 32; t++)
    for (int v = 0; v < 8; v++) printf(" %d", 8 * t + v);
  printf("\nldmatrix.x4.to");
  for (int t = 0; t < 32; t++)
    for (int v = 0; v < 8; v++) {
      const EmuPlace p = emu_ldmatrix_place(t, v & 1);
      printf(" %d", (v >> 1) * 64 + p.row * 8 + p.column);
    }
  printf("\n");
  places("wgmma.m64n64k16.d", 128, 32, [](int t, int v) { return emu_wgmma_d(t, v); });
  swizzle("swizzle.32", 1);
  swizzle("swizzle.64", 2);
  swizzle("swizzle.128", 3);
}
