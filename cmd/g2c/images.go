package main

import (
	"context"
	"os"
	"path"
	"path/filepath"

	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// namedImages is the images of one argument.
type namedImages struct {
	root string // what goes before their names: the argument, or a file's folder
	set  *dataset.Set
}

// path is an image's path as the user would write it.
func (n *namedImages) path(i int) string {
	return path.Join(filepath.ToSlash(n.root), n.set.Image(i).Name)
}

// openImages reads images and folders, each argument by itself, as training reads
// its images.
func openImages(ctx context.Context, args []string, opt dataset.Options) ([]namedImages, error) {
	var all []namedImages
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fault.New(fault.ErrData, "data %s: there is no such file or folder", arg)
		}
		set, r, err := dataset.Unlabelled(ctx, []string{arg}, opt)
		if err != nil {
			return nil, err
		}
		for _, n := range r.Notes() {
			say("note: %s: %s", arg, n)
		}
		for _, s := range r.Skipped {
			say("skipped %s: %s", s.Path, s.Reason)
		}
		root := arg
		if !info.IsDir() {
			root = filepath.Dir(arg)
		}
		all = append(all, namedImages{root: root, set: set})
	}
	return all, nil
}
