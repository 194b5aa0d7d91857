// fiber.h: switching between stacks.
#pragma once

// emu_switch saves the callee's registers and the stack pointer to *save, and goes
// on from the stack that another call saved.
extern "C" void emu_switch(void** save, void* to);

namespace emu {
// new_stack prepares a stack to begin in entry.
inline void* new_stack(char* top, void (*entry)()) {
  void** sp = reinterpret_cast<void**>(top) - 1;
  *--sp = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; i++) *--sp = nullptr;  // rbx, rbp, r12 to r15
  return sp;
}
}  // namespace emu
