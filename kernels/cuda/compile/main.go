// Command compile makes one fat binary of the kernels, machine code for sm_80 and
// sm_90a and PTX for later cards, with nvcc; it needs no GPU. It fails if a kernel
// spills registers to memory, and writes what each kernel takes, and what is expected of
// the convolutions, as tables.
//
//	go run ./kernels/cuda/compile -cuda DIR -o kernels/cuda/image/kernels.fatbin -table kernels/cuda/README.md
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func main() {
	cuda := flag.String("cuda", "", "folder of the CUDA tool chain")
	source := flag.String("source", "kernels/cuda/src", "folder of the .cu files")
	out := flag.String("o", "kernels/cuda/image/kernels.fatbin", "image to write")
	table := flag.String("table", "", "tables of kernels to write")
	flag.Parse()
	if err := run(*cuda, *source, *out, *table); err != nil {
		fmt.Fprintln(os.Stderr, "compile:", err)
		os.Exit(1)
	}
}

// targets are the code that the image holds.
var targets = []string{"arch=compute_80,code=sm_80", "arch=compute_90a,code=sm_90a", "arch=compute_80,code=compute_80"}

func run(cuda, source, out, table string) error {
	files, err := filepath.Glob(filepath.Join(source, "*.cu"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no .cu files in %s", source)
	}
	dir, err := os.MkdirTemp("", "g2c-compile-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// One unit, so that there is one image.
	var all strings.Builder
	for _, f := range files {
		path, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(&all, "#include %q\n", path)
	}
	unit := filepath.Join(dir, "kernels.cu")
	if err := os.WriteFile(unit, []byte(all.String()), 0o644); err != nil {
		return err
	}
	image := filepath.Join(dir, "kernels.fatbin")
	args := []string{"-std=c++17", "-O3", "-fmad=false", "-fatbin", "-Xptxas", "-v", "-keep", "-keep-dir", dir, "-o", image}
	for _, t := range targets {
		args = append(args, "-gencode", t)
	}
	text, err := exec.Command(filepath.Join(cuda, "bin", "nvcc"), append(args, unit)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("nvcc: %w\n%s", err, text)
	}
	usages, err := parse(text)
	if err != nil {
		return err
	}
	if err := refuseSpills(usages); err != nil {
		return err
	}
	if err := addBlocks(usages, dir); err != nil {
		return err
	}
	code, err := os.ReadFile(image)
	if err != nil {
		return err
	}
	if table != "" {
		if err := os.WriteFile(table, []byte(renderUsages(usages)+renderLayers()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(out, code, 0o644)
}
