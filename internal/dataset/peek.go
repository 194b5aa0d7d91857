package dataset

import (
	"bufio"
	"context"
	"errors"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"g2c/internal/fault"
)

// Folder is what lies below a folder by its names, in order: for a guess at what it means,
// before anything is read.
type Folder struct {
	Path    string
	Images  []string // names of files that should be images
	Tables  []string // names of CSV files
	Folders []*Folder
}

// Peek lists a folder as a walk of a set would find it. Linked folders are passed over.
func Peek(ctx context.Context, dir string) (*Folder, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, missing(dir, err)
	}
	f := &Folder{Path: dir}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case passedOver(e.Name()):
		case e.IsDir():
			below, err := Peek(ctx, path)
			if err != nil {
				return nil, err
			}
			f.Folders = append(f.Folders, below)
		case IsImageName(e.Name()):
			f.Images = append(f.Images, e.Name())
		case IsTable(path):
			f.Tables = append(f.Tables, e.Name())
		}
	}
	return f, nil
}

// Count is the number of images in the folder and below it.
func (f *Folder) Count() int {
	n := len(f.Images)
	for _, below := range f.Folders {
		n += below.Count()
	}
	return n
}

// Name is the folder's own name.
func (f *Folder) Name() string { return filepath.Base(f.Path) }

// Pixels is one image, upright and without transparency: rows of RGB.
func Pixels(path string) (width, height int, pix []uint8, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, 0, nil, missing(path, err)
	}
	m, err := decode(data)
	if err != nil {
		return 0, 0, nil, fault.New(fault.ErrData, "image %s: %w", Show(path), err)
	}
	return m.w, m.h, m.pix, nil
}

// SideOf is the shorter side of an image in pixels, by its header; 0 where that does not say.
func SideOf(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	c, _, err := image.DecodeConfig(bufio.NewReader(f))
	if err != nil {
		return 0
	}
	return min(c.Width, c.Height)
}

// PeekTable reads a table's header and rows, whatever its columns mean.
func PeekTable(path string) (header []string, rows [][]string, err error) {
	data, err := readTableFile(path)
	if err != nil {
		return nil, nil, err
	}
	header, rows, err = cellsOf(data)
	if err != nil {
		return nil, nil, fault.New(fault.ErrData, "table %s: %w", Show(path), err)
	}
	return header, rows, nil
}

func cellsOf(data []byte) (header []string, rows [][]string, err error) {
	text, err := tableText(data)
	if err != nil {
		return nil, nil, err
	}
	c, header, err := openCells(text, Columns{}.fit)
	if errors.Is(err, io.EOF) {
		return nil, nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, nil, err
	}
	for i, h := range header {
		header[i] = NFC(strings.TrimSpace(h))
	}
	for {
		row, err := c.next()
		if errors.Is(err, io.EOF) {
			return header, rows, nil
		}
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, slices.Clone(row))
	}
}
