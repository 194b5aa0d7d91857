package report

import (
	"context"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLook(t *testing.T) {
	out := os.Getenv("LOOK")
	if out == "" {
		t.Skip()
	}
	sets := strings.Fields(os.Getenv("LOOKSETS"))
	p := plan(t, sets...)
	w := newWorld(t, p)
	w.patch = func(stain string, i int) []uint8 {
		dir := map[string]string{"PAS": "PAS", "HE": "HE", "MASSON": "TRI", "PASM": "SIL"}[stain]
		names, _ := filepath.Glob("/work/shared/data/stains/" + dir + "/*")
		f, err := os.Open(names[i%8])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		im, _, err := image.Decode(f)
		if err != nil {
			t.Fatal(err)
		}
		b := im.Bounds()
		v := make([]uint8, 64*64*3)
		for y := range 64 {
			for x := range 64 {
				r, g, bb, _ := im.At(b.Min.X+x*b.Dx()/64, b.Min.Y+y*b.Dy()/64).RGBA()
				v[3*(y*64+x)], v[3*(y*64+x)+1], v[3*(y*64+x)+2] = uint8(r>>8), uint8(g>>8), uint8(bb>>8)
			}
		}
		return v
	}
	skip := strings.Fields(os.Getenv("LOOKSKIP"))
	w.all(skip...)
	start := time.Now()
	d := w.collect()
	t.Log("collect", time.Since(start))
	d.Notes.Warnings = []string{"slides stand in for patients: no patient is known"}
	d.Notes.Command = "g2c run experiments/specs/glomeruli.yaml"
	start = time.Now()
	if err := Write(context.Background(), out, d); err != nil {
		t.Fatal(err)
	}
	t.Log("write", time.Since(start))
}
