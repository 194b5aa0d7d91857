//go:build gpu

package cuda_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"g2c/kernels"
	"g2c/kernels/cuda"
	"g2c/kernels/emu/control"
	"g2c/kernels/kernelstest"
)

func isHalfConvolution(op kernels.Op, in []kernels.Type) bool {
	return strings.HasPrefix(op.Name(), "conv2d") && in[0].DType == kernels.BF16
}

// TestHalfConvolutions holds convolutions of bf16, by the tiles of the table, to their
// contracts.
func TestHalfConvolutions(t *testing.T) {
	for name, o := range map[string]control.Order{"reverse": control.Reverse, "random": control.Random} {
		inOrder(t, name, o, o == control.Random, func(t *testing.T, _ bool) {
			kernelstest.Run(t, open, kernelstest.Options{Same: []kernelstest.Open{open}, Half: true, Keep: isHalfConvolution})
		})
	}
}

// TestLargeTile holds the large tile of float32 to the contracts, which are of sizes that
// the table gives to others; convolutions and their gradients by the input to the bits of
// those.
func TestLargeTile(t *testing.T) {
	asked := func(t testing.TB) kernels.Device {
		d, err := cuda.Open(0, cuda.Options{Tile: "128x128"})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	var seen atomic.Int32
	serves := func(names ...string) func(op kernels.Op, in []kernels.Type) bool {
		return func(op kernels.Op, in []kernels.Type) bool {
			if !slices.Contains(names, op.Name()) || in[0].DType != kernels.F32 || in[0].Shape[3]%4 != 0 || in[1].Shape[3]%4 != 0 {
				return false
			}
			seen.Add(1)
			return true
		}
	}
	t.Run("by weights", func(t *testing.T) {
		kernelstest.Run(t, asked, kernelstest.Options{Keep: serves("conv2d_grad_w")})
	})
	t.Run("all", func(t *testing.T) {
		kernelstest.Run(t, asked, kernelstest.Options{Same: []kernelstest.Open{open}, Keep: serves("conv2d", "conv2d_grad_x")})
	})
	if n := seen.Load(); n < 20 {
		t.Errorf("%d cases are the tile's", n)
	}
}

// TestTiles holds each tile of the convolutions of bf16 to the contracts, wherever it
// can serve, and to the bits of the tile that the table names.
func TestTiles(t *testing.T) {
	for _, tile := range []string{"128x128", "128x64", "64x64", "128x16", "64x128", "16x128", "odd_128x64", "odd_64x64"} {
		t.Run(tile, func(t *testing.T) {
			asked := func(t testing.TB) kernels.Device {
				d, err := cuda.Open(0, cuda.Options{Tile: tile})
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			seen := map[string]bool{} // one case of a shape is enough
			keep := func(op kernels.Op, in []kernels.Type) bool {
				name := fmt.Sprint(op.Name(), op.Attrs(), in)
				if !strings.HasPrefix(op.Name(), "conv2d") || in[0].DType != kernels.BF16 || !cuda.Serves(tile, op, in) || seen[name] {
					return false
				}
				seen[name] = true
				return true
			}
			t.Run("all", func(t *testing.T) {
				kernelstest.Run(t, asked, kernelstest.Options{Same: []kernelstest.Open{open}, Half: true, Keep: keep})
			})
			if len(seen) == 0 {
				t.Error("no case is its")
			}
		})
	}
}
