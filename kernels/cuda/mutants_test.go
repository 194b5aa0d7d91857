//go:build gpu

package cuda_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"g2c/kernels/emu"
	"g2c/kernels/emu/emutest"
)

// mutants are faults that are easily made: each must be caught by the tests of what it
// harms.
var mutants = []struct{ name, file, from, to, harms string }{
	{"a barrier left out before the product", "conv2d.cu", "    put(0);\n    __syncthreads();", "    put(0);", "conv2d"},
	{"a barrier left out after the product", "conv2d.cu", "      __syncthreads();  // the next stage", "      // the next stage", "conv2d"},
	{"a tail one row too long", "conv2d.cu", "return row0 + r < rows ? y +", "return row0 + r <= rows ? y +", "conv2d"},
	{"a last quad that is not there", "conv2d.cu", "if (c + e < columns) to[c + e]", "if (c + e <= columns) to[c + e]", "conv2d"},
	{"a reflection that repeats the edge", "conv2d.cuh", "y = y < 0 ? -y : y", "y = y < 0 ? -y - 1 : y", "conv2d"},
	{"a barrier left out between stages", "mma.cuh", "      __syncthreads();  // this stage", "      // this stage", "half"},
	{"a copy that is not waited for", "mma.cuh", "cp_async_wait<STAGES - 2>();", "cp_async_wait<STAGES - 1>();", "half"},
	{"a swizzle that a reader forgets", "mma.cuh", "seat<kChunks>(column + (lane & 7) + (lane >> 4) * 8, k * 2 + (lane >> 3 & 1))", "((column + (lane & 7) + (lane >> 4) * 8) * kChunks + k * 2 + (lane >> 3 & 1)) * 16", "half"},
	{"a tile that ends a row late", "conv2d_mma.cu", "return row0 + r < rows ? y", "return row0 + r <= rows ? y", "half"},
	{"a slice that ends a pixel early", "conv2d_mma.cu", "min(from + slice, seg.samples() * o.p * o.q)", "min(from + slice, seg.samples() * o.p * o.q - 1)", "half"},
	{"strips that overlap by a pixel too few", "conv2d_strip.cu", "step = P::kRows - (o.s - 1)", "step = P::kRows - (o.s - 2)", "half"},
	{"moments of a row too few", "mma.cuh", "r < kPiece; r++) sum +=", "r < kPiece - 1; r++) sum +=", "moments"},
	{"a last chunk of full length", "pixel_sum.cu", "end = min(first + k.piece(), k.pixels);", "end = first + k.piece();", "instance_norm"},
	{"a NaN that loses", "pool.cu", " || (isnan(v.v[j]) && !isnan(best.v[j]))", "", "pool"},
	{"a shard too few", "pixel_sum.cu", "members = seg.samples() * k.pieces;", "members = (seg.samples() - 1) * k.pieces;", "bias_grad"},
	{"a barrier left out of a tree", "pixel_sum.cu", "        put(all);\n      }\n      __syncthreads();", "        put(all);\n      }", "bias_grad"},
	{"a rounding towards zero", "vec.cuh", "to = __float2bfloat16_rn(v);", "to = __float2bfloat16_rn(v - 0x1p-10f * v);", "cast"},
	{"a thread too many", "elementwise.cu", "if (i < n) y[i] = scale", "if (i <= n) y[i] = scale", "elementwise"},
}

// TestMutants plants each fault in the kernels and runs the suite over them.
func TestMutants(t *testing.T) {
	if emutest.Folder() == "" {
		t.Skip("SKIPPED: mutants run on the emulated driver alone")
	}
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			h := harms[m.harms]
			out, err := suiteOver(t, mutate(t, m.file, m.from, m.to, h.files), h.tests)
			if err == nil {
				t.Fatalf("the suite passes:\n%s", out)
			}
			if !strings.Contains(out, "--- FAIL: Test") || strings.Contains(out, "no kernel") || strings.Contains(out, "NotFound") {
				t.Errorf("the suite did not run: %v\n%s", err, out)
			}
			t.Log(firstLine(out))
		})
	}
}

// harms lists what a fault may harm: its tests, and the files that hold its kernels, since
// building no others saves most of the time.
var harms = map[string]struct {
	tests string
	files []string
}{
	"conv2d":        {family("TestContracts", "forward", "conv2d"), []string{"conv2d.cu", "slices.cu"}},
	"half":          {family("TestHalfConvolutions", "random", "conv2d"), []string{"conv2d_mma.cu", "conv2d_strip.cu", "slices.cu"}},
	"moments":       {"^TestMoments$", []string{"conv2d_mma.cu", "conv2d_strip.cu", "norm.cu", "pixel_sum.cu"}},
	"instance_norm": {family("TestContracts", "forward", "instance_norm"), []string{"norm.cu", "pixel_sum.cu"}},
	"bias_grad":     {family("TestContracts", "forward", "bias_grad"), []string{"pixel_sum.cu"}},
	"pool":          {family("TestContracts", "forward", "pool"), []string{"pool.cu", "pixel_sum.cu", "strided.cu"}},
	"cast":          {family("TestContracts", "random", "cast"), []string{"elementwise.cu"}},
	"elementwise":   {family("TestContracts", "forward", "elementwise"), []string{"elementwise.cu", "strided.cu"}},
}

// family is the pattern of one family of operations in one order.
func family(test, order, name string) string {
	return "^" + test + "$/^" + order + "$/^all$/^" + name + "$"
}

// firstLine is the first failure of a run of the suite.
func firstLine(out string) string {
	for _, l := range strings.Split(out, "\n") {
		if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "---") {
			return l
		}
	}
	return ""
}

// mutate builds the kernels with every occurrence of a text replaced, and gives the
// shared object.
func mutate(t *testing.T, file, from, to string, units []string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("src")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), from) {
		t.Fatalf("%s has no %q any more: plant the fault elsewhere", file, from)
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(source), from, to)), 0o644); err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, u := range units {
		files = append(files, filepath.Join(dir, u))
	}
	out := filepath.Join(dir, "kernels.so")
	if err := emu.Kernels(emutest.Tools(), emutest.Folder(), out, files, true); err != nil {
		t.Fatal(err)
	}
	return out
}

// suiteOver runs a part of the suite in a process of its own.
func suiteOver(t *testing.T, kernels, pattern string) (string, error) {
	t.Helper()
	c := exec.Command(os.Args[0], "-kernelstest.first", "-test.run", pattern)
	c.Env = append(os.Environ(), "EMU_KERNELS="+kernels)
	out, err := c.CombinedOutput()
	return string(out), err
}
