// check.h: what happens before what in a block, and who may touch which memory.
//
// Kernels compiled with instrumented loads and stores (see check.cpp) are held to:
//   - device memory is allocated, and written before it is read;
//   - shared memory belongs to the launch, and is written before it is read;
//   - two threads of a block that touch a word of shared memory, one of them writing,
//     are ordered by a barrier, an operation of their warp, or a token.
// Races between blocks are not looked for.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "engine.h"

namespace emu {

// Clocks are vector clocks of a block's threads, and the last accesses to its shared
// memory. A word keeps its last writer and the last readers of two warps: races with
// a third are missed, none is made up.
class Clocks {
 public:
  // of gives a runner's, made anew for the block it begins.
  static Clocks* of(Runner* r);

  // meet orders all that these threads did before against all they do after.
  void meet(Fiber* const* fibers, int n);
  void release(uint32_t thread, const void* token);
  void acquire(uint32_t thread, const void* token);

  // touch checks an access to shared memory; it returns null or what is wrong.
  const char* touch(uint32_t thread, size_t offset, size_t bytes, bool write, uint32_t* other);

 private:
  struct Word {
    uint32_t writer = 0, written = 0;  // thread, its clock; clock 0: not written
    uint32_t reader[2] = {0, 0}, read[2] = {0, 0};
  };
  bool before(uint32_t thread, uint32_t clock, uint32_t other) const { return thread == other || clock <= at(thread, other); }
  uint32_t& at(uint32_t of, uint32_t thread) { return clocks_[size_t(of) * n_ + thread]; }
  uint32_t at(uint32_t of, uint32_t thread) const { return clocks_[size_t(of) * n_ + thread]; }

  uint32_t n_ = 0;
  std::vector<uint32_t> clocks_;  // [n][n]: what a thread knows of the others
  std::vector<Word> words_;
  std::unordered_map<const void*, std::vector<uint32_t>> tokens_;
};

// Device memory: its bytes are free, allocated, or allocated and written. The driver
// keeps them in step; see memory.cpp.
enum class Byte : uint8_t { kFree, kAllocated, kWritten };
// shadow_of gives the states of a stretch of the arena, null if it is not in it.
Byte* shadow_of(const void* p, size_t bytes);

// touch holds an access of a running kernel to all of this; pc is where it stands.
void touch(const void* p, size_t bytes, bool write, const void* pc);

}  // namespace emu
