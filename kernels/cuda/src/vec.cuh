// vec.cuh: kernels for tensors of float and of bfloat16, a thread some neighbouring
// elements in one access. What is computed between is float.
#pragma once

#include <cuda_bf16.h>

#include "common.cuh"

using bf16 = __nv_bfloat16;

__device__ __forceinline__ float number(float v) { return v; }
__device__ __forceinline__ float number(bf16 v) { return __bfloat162float(v); }
__device__ __forceinline__ void assign(float& to, float v) { to = v; }
__device__ __forceinline__ void assign(bf16& to, float v) { to = __float2bfloat16_rn(v); }  // ties to even

// Word is an access of so many bytes.
template <int BYTES> struct Word;
template <> struct Word<2> { using Type = uint16_t; };
template <> struct Word<4> { using Type = uint32_t; };
template <> struct Word<16> { using Type = uint4; };

// Floats is a number for each of V neighbours: of what belongs to channels, read as it is.
template <int V>
struct Floats {
  float v[V];
};
template <int V>
__device__ __forceinline__ Floats<V> floats(const float* p) {
  Floats<V> n;
#pragma unroll
  for (int i = 0; i < V; i++) n.v[i] = p[i];
  return n;
}

// Numbers is V neighbouring elements of a tensor of T, read and written by one access.
template <class T, int V>
struct Numbers : Floats<V> {
  using Access = typename Word<V * sizeof(T)>::Type;
  union Bits {
    Access word;
    T part[V];
    __device__ Bits() {}
  };

  __device__ __forceinline__ static Numbers load(const T* p) {
    Bits b;
    b.word = *reinterpret_cast<const Access*>(p);
    Numbers n;
#pragma unroll
    for (int i = 0; i < V; i++) n.v[i] = number(b.part[i]);
    return n;
  }
  __device__ __forceinline__ void store(T* p) const {
    Bits b;
#pragma unroll
    for (int i = 0; i < V; i++) assign(b.part[i], this->v[i]);
    *reinterpret_cast<Access*>(p) = b.word;
  }
};

// Four kernels of one template name_each<T, V>: float and bf16, element by element and
// 16 bytes at a time. PARAMS(T) are the parameters, arguments their names.
#define TYPED_KERNELS(name, PARAMS, arguments)                        \
  KERNEL name PARAMS(float) { name##_each<float, 1> arguments; }       \
  KERNEL name##_x4 PARAMS(float) { name##_each<float, 4> arguments; }  \
  KERNEL name##_bf16 PARAMS(bf16) { name##_each<bf16, 1> arguments; }  \
  KERNEL name##_bf16_x8 PARAMS(bf16) { name##_each<bf16, 8> arguments; }

// Spot is V neighbouring channels of one pixel of one sample: the launch has a row of
// blocks a sample, and a thread for each.
template <int V>
struct Spot {
  int channel;
  size_t at;  // of the first element
  bool inside;
  __device__ __forceinline__ Spot(int pixels, int channels) {
    const int vectors = channels / V, i = place();
    inside = i < pixels * vectors;
    channel = i % vectors * V;
    at = (size_t(blockIdx.y) * pixels * vectors + i) * V;
  }
};
