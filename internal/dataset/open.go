package dataset

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"g2c/internal/remote"
)

// Open loads whatever lies at path for looking at it: a CSV, a folder of folders
// (whose names become labels), or a plain folder or glob of images. The images
// have no splits; groups are found where pattern or the table gives them, and by says
// which wins. What its verdict finds wrong is no error here.
func Open(ctx context.Context, path, pattern, by string, opt Options) (*Set, *Report, error) {
	plain, _ := remote.Split(path)
	labelled := IsTable(plain)
	find := finder{ctx: ctx, files: opt.Remote}
	if remote.Is(path) && !labelled {
		var err error
		if labelled, err = find.hasFolders(path); err != nil {
			return nil, nil, err
		}
	} else if info, err := os.Stat(path); err == nil && info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, nil, missing(path, err)
		}
		for _, e := range entries {
			labelled = labelled || !passedOver(e.Name()) && leadsToFolder(path, e)
		}
	}
	if !labelled {
		return Unlabelled(ctx, []string{path}, opt)
	}
	g, err := newGrouper(pattern)
	if err != nil {
		return nil, nil, err
	}
	r := &Report{}
	l := &lister{pattern: g, by: by, r: r, find: find}
	files, err := l.set("all", []string{path})
	if err != nil {
		return nil, nil, err
	}
	s, err := load(ctx, files, opt, r)
	if err != nil {
		return nil, nil, err
	}
	images := s.all()
	r.Grouping = groupingOf(images)
	r.Verdict.Checks = append(l.checks(), checkFiles(r))
	r.Verdict.judge(images, s, false)
	return s, r, nil
}

// leadsToFolder tells whether an entry is a folder of its own, or a link to one that does
// not hold the link.
func leadsToFolder(dir string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	path := filepath.Join(dir, e.Name())
	info, err := os.Stat(path)
	return err == nil && info.IsDir() && !holds(realPath(path), realPath(dir))
}
