package main

import (
	"context"
	"path/filepath"

	"g2c/internal/dataset"
	"g2c/internal/remote"
)

// namedImages is the images of one argument.
type namedImages struct {
	set *dataset.Set
}

// path is an image's path as the user would write it.
func (n *namedImages) path(i int) string {
	file := n.set.Image(i).File
	if remote.Is(file) {
		return file
	}
	return filepath.ToSlash(filepath.Clean(file))
}

// filesOf are the files of this machine that images were read from, and others.
func filesOf(images []namedImages, others ...string) []string {
	files := others
	for _, group := range images {
		for i := range group.set.Len() {
			if file := group.set.Image(i).File; !remote.Is(file) {
				files = append(files, file)
			}
		}
	}
	return files
}

// openImages reads images and folders, each argument by itself, as training reads
// its images.
func openImages(ctx context.Context, args []string, f *imageFlags, size int, fit string) ([]namedImages, error) {
	opt, err := f.options("images", size, dataset.Fit(fit))
	if err != nil {
		return nil, err
	}
	opt.Trained = true
	var all []namedImages
	for _, arg := range args {
		set, r, err := dataset.Unlabelled(ctx, []string{arg}, opt)
		if err != nil {
			return nil, err
		}
		for _, n := range append(r.Notes(), r.Verdict.Remarks()...) {
			say("note: %s: %s", dataset.Show(arg), n)
		}
		for _, s := range r.Skipped {
			say("skipped %s: %s", dataset.Show(s.Path), s.Reason)
		}
		all = append(all, namedImages{set})
	}
	return all, nil
}

// setsOf are the sets of arguments.
func setsOf(images []namedImages) (sets []*dataset.Set) {
	for _, group := range images {
		sets = append(sets, group.set)
	}
	return sets
}

// imagesOf shows how many images a verb has worked on, until all of them are done.
func imagesOf(work string) func(done, total int) {
	d := newDisplay()
	return func(done, total int) {
		d.report(progress{name: work, done: int64(done), total: int64(total), unit: "image"})
		if done == total {
			d.close()
		}
	}
}
