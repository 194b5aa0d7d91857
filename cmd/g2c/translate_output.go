package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"g2c/internal/atomicfile"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// imageMaker is whose the images of `g2c translate` are.
const imageMaker = "g2c translate"

// place is what a path leads to, whatever links lead there.
type place struct{ device, inode uint64 }

// placeOf is where a path leads; ok is false if nothing is there.
func placeOf(path string) (p place, ok bool, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, false, nil
	}
	if err != nil {
		return p, false, unwritableFile(path, err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if ok {
		p = place{uint64(s.Dev), s.Ino}
	}
	return p, ok, nil
}

// checkTargets refuses to write images over those that are read, into folders that they
// are read from, whose images would be others the next time, and, unless it is forced,
// over files that translations did not make.
func checkTargets(images []namedImages, targets [][]string, force bool) error {
	files, folders := map[place]string{}, map[place]string{}
	for _, in := range filesOf(images) {
		for path, seen := range map[string]map[place]string{in: files, filepath.Dir(in): folders} {
			if p, ok, err := placeOf(path); err != nil {
				return err
			} else if ok {
				seen[p] = path
			}
		}
	}
	checked := map[string]bool{}
	for _, group := range targets {
		for _, target := range group {
			if dir := filepath.Dir(target); !checked[dir] {
				checked[dir] = true
				p, ok, err := placeOf(dir)
				if err != nil {
					return err
				}
				_, _ = atomicfile.Sweep(dir) // a courtesy: what stays is hidden
				if from := folders[p]; ok && from != "" {
					return fault.New(fault.ErrSpec, "%s would be written into %s, from which images are read", filepath.Base(target), from).WithHint("give another folder with -o")
				}
			}
			p, ok, err := placeOf(target)
			if err != nil {
				return err
			}
			if from := files[p]; ok && from != "" {
				return fault.New(fault.ErrSpec, "%s would be written over %s, which is read", target, from).WithHint("give another folder with -o")
			}
			out := output{path: target, force: force, begins: []string{string(dataset.PNGMark(imageMaker))}, at: dataset.PNGMarkAt}
			if ok {
				if err := out.check(); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
