package dataset

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// Open loads whatever lies at path for looking at it: a CSV, a folder of folders
// (whose names become labels), or a plain folder or glob of images. The images
// have no splits; groups are found where pattern or the table gives them.
func Open(ctx context.Context, path, pattern string, columns Columns, opt Options) (*Set, *Report, error) {
	labelled := strings.EqualFold(filepath.Ext(path), ".csv")
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, nil, missing(path, err)
		}
		for _, e := range entries {
			labelled = labelled || e.IsDir() && !strings.HasPrefix(e.Name(), ".")
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
	files, by, err := listLabelled(path, columns, g, r)
	if err != nil {
		return nil, nil, err
	}
	combine([]Grouping{by}, r)
	s, err := load(ctx, files, opt, r)
	if err != nil {
		return nil, nil, err
	}
	return s, r, nil
}
