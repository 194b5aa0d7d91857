package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
)

// A set has the shape of the IDC set: patches of 50 × 50 pixels, patients with folders
// for two classes, and names with a patient and a place.
const (
	patchSide = 50
	perFolder = 500 // patches of one class of a patient
)

// makePatches draws a set of n patches below dir, with a table of it, unless it is there.
func makePatches(dir string, n int) (table string, err error) {
	table = filepath.Join(dir, "table.csv")
	if _, err := os.Stat(table); err == nil {
		return table, nil
	}
	folders := (n + perFolder - 1) / perFolder
	var wg sync.WaitGroup
	work := make(chan int)
	failed := make(chan error, runtime.GOMAXPROCS(0))
	for range cap(failed) {
		wg.Go(func() {
			for folder := range work {
				if err := makeFolder(dir, folder, min(perFolder, n-folder*perFolder)); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	go func() {
		for folder := range folders {
			select {
			case work <- folder:
			case err := <-failed:
				failed <- err
				close(work)
				return
			}
		}
		close(work)
	}()
	wg.Wait()
	close(failed)
	if err := <-failed; err != nil {
		return "", err
	}
	return table, writeTable(table, folders, n)
}

// patch names patch i of a folder: two folders a patient, of one class each.
func patch(folder, i int) (path, class, patient string) {
	patient, class = strconv.Itoa(8000+folder/2), strconv.Itoa(folder%2)
	return fmt.Sprintf("%s/%s/%s_idx5_x%d_y%d_class%s.png", patient, class, patient, 50*(i%25)+1, 50*(i/25)+1, class), class, patient
}

func makeFolder(dir string, folder, n int) error {
	r := rand.New(rand.NewPCG(7, uint64(folder)))
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	for i := range n {
		path, class, _ := patch(folder, i)
		path = filepath.Join(dir, filepath.FromSlash(path))
		if i == 0 {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return err
			}
		}
		var b bytes.Buffer
		if err := encoder.Encode(&b, tissue(r, class == "1")); err != nil {
			return err
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// tissue is a patch of pink with darker nuclei, more of them where it is a tumour, and
// grain that no compressor removes.
func tissue(r *rand.Rand, tumour bool) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, patchSide, patchSide))
	nuclei := 3 + r.IntN(4)
	if tumour {
		nuclei += 6
	}
	type disc struct{ x, y, rr int }
	var discs []disc
	for range nuclei {
		radius := 2 + r.IntN(4)
		discs = append(discs, disc{r.IntN(patchSide), r.IntN(patchSide), radius * radius})
	}
	for y := range patchSide {
		for x := range patchSide {
			colour := [3]int{225, 160, 200}
			for _, d := range discs {
				if dx, dy := x-d.x, y-d.y; dx*dx+dy*dy < d.rr {
					colour = [3]int{110, 70, 150}
				}
			}
			grain := r.Uint32()
			at := m.PixOffset(x, y)
			for c := range colour {
				m.Pix[at+c] = uint8(colour[c] + int(grain>>(8*c)&15))
			}
			m.Pix[at+3] = 255
		}
	}
	return m
}

// writeTable lists the patches with their patients: of ten patients two are for testing.
func writeTable(table string, folders, n int) error {
	parts := map[string][][]string{}
	for folder := range folders {
		part := "train"
		if folder/2%10 < 2 {
			part = "test"
		}
		for i := range min(perFolder, n-folder*perFolder) {
			path, class, patient := patch(folder, i)
			parts[part] = append(parts[part], []string{path, class, patient})
		}
	}
	var all [][]string
	for _, part := range []string{"train", "test"} {
		all = append(all, parts[part]...)
		if err := writeCSV(filepath.Join(filepath.Dir(table), part+".csv"), parts[part]); err != nil {
			return err
		}
	}
	return writeCSV(table, all)
}

func writeCSV(path string, rows [][]string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(append([][]string{{"path", "label", "patient"}}, rows...)); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
