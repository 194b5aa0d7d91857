// vec.h has CUDA's short vectors, with CUDA's alignment.
#pragma once

#define EMU_VECTOR2(T, name, align) \
  struct alignas(align) name##2 { T x, y; }; \
  inline name##2 make_##name##2(T x, T y) { return {x, y}; }
#define EMU_VECTOR3(T, name) \
  struct name##3 { T x, y, z; }; \
  inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }
#define EMU_VECTOR4(T, name, align) \
  struct alignas(align) name##4 { T x, y, z, w; }; \
  inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

EMU_VECTOR2(float, float, 8)
EMU_VECTOR2(double, double, 16)
EMU_VECTOR2(int, int, 8)
EMU_VECTOR2(unsigned, uint, 8)
EMU_VECTOR3(float, float)
EMU_VECTOR3(int, int)
EMU_VECTOR3(unsigned, uint)
EMU_VECTOR4(float, float, 16)
EMU_VECTOR4(int, int, 16)
EMU_VECTOR4(unsigned, uint, 16)
EMU_VECTOR4(unsigned char, uchar, 4)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
