// cute.cu prints the layouts of tensor-core fragments and of swizzles as NVIDIA's
// CuTe headers define them. regenerate.sh compiles and runs it; no GPU is needed.
// Each line: a name, then for every (thread, value) or byte the place it stands for.
#include <cstdio>

#include <cute/arch/mma_sm80.hpp>
#include <cute/arch/copy_sm75.hpp>
#include <cute/atom/copy_traits_sm75.hpp>
#include <cute/atom/mma_traits_sm80.hpp>
#include <cute/atom/mma_traits_sm90_gmma.hpp>
#include <cute/tensor.hpp>

using namespace cute;

// A layout of (thread, value) to an index of a column-major rows×columns matrix.
template <class Layout>
void fragment(const char* name, Layout layout, int rows) {
  printf("%s", name);
  for (int t = 0; t < size<0>(layout); t++)
    for (int v = 0; v < size<1>(layout); v++) {
      const int i = int(layout(t, v));
      printf(" %d,%d", i % rows, i / rows);
    }
  printf("\n");
}

// Places of the 16-bit values of ldmatrix: which of the 32·8 values that lanes point
// to, in order, a lane's value is.
template <class Layout>
void halves(const char* name, Layout layout) {
  printf("%s", name);
  for (int t = 0; t < size<0>(layout); t++)
    for (int bit = 0; bit < size<1>(layout); bit += 16) printf(" %d", int(layout(t, bit)) / 16);
  printf("\n");
}

// Where each 16 bytes of a K-major atom of bf16 lie, row by row, in units of 16 bytes.
template <class Atom>
void swizzle(const char* name, Atom atom) {
  const auto layout = as_position_independent_swizzle_layout(atom);
  printf("%s", name);
  for (int r = 0; r < size<0>(atom); r++)
    for (int c = 0; c < size<1>(atom); c += 8) printf(" %d", int(layout(r, c)) / 8);
  printf("\n");
}

int main() {
  using M = MMA_Traits<SM80_16x8x16_F32BF16BF16F32_TN>;
  fragment("mma.m16n8k16.a", M::ALayout{}, 16);
  fragment("mma.m16n8k16.b", M::BLayout{}, 8);
  fragment("mma.m16n8k16.c", M::CLayout{}, 16);
  halves("ldmatrix.x4.from", Copy_Traits<SM75_U32x4_LDSM_N>::SrcLayout{});
  halves("ldmatrix.x4.to", Copy_Traits<SM75_U32x4_LDSM_N>::DstLayout{});
  using W = MMA_Traits<SM90_64x64x16_F32BF16BF16_SS<GMMA::Major::K, GMMA::Major::K>>;
  fragment("wgmma.m64n64k16.d", W::CLayout{}, 64);
  swizzle("swizzle.32", GMMA::Layout_K_SW32_Atom<bfloat16_t>{});
  swizzle("swizzle.64", GMMA::Layout_K_SW64_Atom<bfloat16_t>{});
  swizzle("swizzle.128", GMMA::Layout_K_SW128_Atom<bfloat16_t>{});
}
