package dataset

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"
	"sync"

	"g2c/internal/fault"
)

// Options say how images are read.
type Options struct {
	Side     int    // in pixels of what the networks see
	Fit      Fit    // Resize where empty
	CacheDir string // where decoded pixels are kept; empty: nowhere
	SkipBad  bool   // leave out files that do not decode, and say so
	Workers  int    // decoders at a time; 0: one for each processor

	// Progress, where set, hears of every image read; it is called by one
	// goroutine at a time.
	Progress func(done, total int)
}

// Unlabelled loads the images of folders, globs and files as one domain.
func Unlabelled(ctx context.Context, paths []string, opt Options) (*Set, *Report, error) {
	r := &Report{}
	var find finder
	var l listing
	var sources [][]file
	for _, p := range l.distinct("unlabelled", paths, &find) {
		files, err := listPath(p, &find, r)
		if err != nil {
			return nil, nil, err
		}
		sources = append(sources, files)
	}
	files, err := l.merge("unlabelled", sources)
	if err != nil {
		return nil, nil, err
	}
	for i := range files {
		files[i].image.Group = ""
	}
	s, err := load(ctx, files, opt, r)
	if err != nil {
		return nil, nil, err
	}
	r.Verdict.Counts = tally(bySplit(s.images))
	r.Verdict.Checks = append(l.checks(), checkFiles(r), checkCopies(s, s.equal()))
	return s, r, nil
}

// load reads files into a set and counts them in the report.
func load(ctx context.Context, files []file, opt Options, r *Report) (*Set, error) {
	if opt.Side < 1 {
		return nil, fault.New(fault.ErrSpec, "the side of images is %d pixels, and must be at least 1", opt.Side)
	}
	if opt.Fit == "" {
		opt.Fit = Resize
	}
	if len(files) == 0 {
		return nil, fault.New(fault.ErrData, "there is no image to load")
	}
	read := readAll(ctx, files, opt)
	s := &Set{side: opt.Side}
	images, pixels, hashes := []Image(nil), [][]uint8(nil), [][sha256.Size]byte(nil)
	var failed error
	for i, x := range read {
		if x.mapped != nil {
			s.mapped = append(s.mapped, x.mapped)
		}
		switch {
		case x.err != nil && opt.SkipBad && errors.Is(x.err, errBadImage):
			r.Skipped = append(r.Skipped, Skipped{files[i].path, x.err.Error()})
			continue
		case x.err != nil && failed == nil:
			failed = x.err // the first in order, whichever was found first
		}
		if failed != nil || x.pix == nil {
			continue
		}
		r.count(x.fitted, opt.Side)
		r.Cached += x.cached
		r.Rebuilt += x.rebuilt
		im := files[i].image
		im.File, im.origin = files[i].path, x.origin
		images, pixels, hashes = append(images, im), append(pixels, x.pix), append(hashes, x.hash)
	}
	if failed == nil {
		failed = ctx.Err()
	}
	if failed == nil && len(images) == 0 {
		failed = fault.New(fault.ErrData, "none of %d images decodes, the first is %s: %s", len(files), Show(r.Skipped[0].Path), r.Skipped[0].Reason)
	}
	if failed != nil {
		return nil, closeAfter(s, failed)
	}
	r.sortSizes()
	sorted := newSorted(opt.Side, images, pixels, hashes)
	sorted.mapped = s.mapped
	return sorted, nil
}

// errBadImage is a file whose bytes are at fault, so that SkipBad may pass over it.
var errBadImage = errors.New("bad image")

// result is one image read, or why not; nothing at all where reading stopped first.
type result struct {
	fitted
	cached, rebuilt int
	err             error
}

// readAll reads files in order on several goroutines, which end before it
// returns. After an error no later file is begun, so the first error in order is
// always found.
func readAll(ctx context.Context, files []file, opt Options) []result {
	results := make([]result, len(files))
	var (
		mu         sync.Mutex // guards next, done, stop and calls of Progress
		next, done int
		stop       bool
		wg         sync.WaitGroup
	)
	take := func() (int, bool) {
		mu.Lock()
		defer mu.Unlock()
		if stop || next == len(files) || ctx.Err() != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	finish := func(i int) {
		mu.Lock()
		defer mu.Unlock()
		if err := results[i].err; err != nil && !(opt.SkipBad && errors.Is(err, errBadImage)) {
			stop = true
		}
		done++
		if opt.Progress != nil {
			opt.Progress(done, len(files))
		}
	}
	workers := opt.Workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	for range min(workers, len(files)) {
		wg.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				results[i] = readImage(files[i], opt)
				finish(i)
			}
		})
	}
	wg.Wait()
	return results
}

// readImage reads one file through the cache.
func readImage(f file, opt Options) result {
	data, err := readFile(f.path)
	if err != nil {
		if p := (*fs.PathError)(nil); errors.As(err, &p) {
			err = p.Err // the path is in the message already
		}
		return result{err: f.fault("image %s: %w", err)}
	}
	c := cache{opt.CacheDir}
	var out result
	path := ""
	if c.dir != "" {
		path = c.path(data, opt.Side)
		cached, err := c.read(path, opt.Side)
		switch {
		case err == nil:
			out.fitted, out.cached = cached, 1
			return out.checked(f, opt)
		case errors.Is(err, errDamaged):
			out.rebuilt = 1
		case !errors.Is(err, fs.ErrNotExist):
			return result{err: fault.New(fault.ErrUnavailable, "pixel cache: %w", err).WithHint("give another cache folder")}
		}
	}
	m, err := decode(data)
	if err != nil {
		return result{err: f.fault("image %s: %w", badImage{err})}
	}
	out.fitted = fitted{w: m.w, h: m.h, kind: m.kind}
	if checked := out.checked(f, opt); checked.err != nil {
		return checked
	}
	out.pix = fitSquare(m, opt.Side)
	out.hash, out.origin = sha256.Sum256(out.pix), m.hash()
	if c.dir != "" {
		if err := c.write(path, opt.Side, out.fitted); err != nil {
			return result{err: fault.New(fault.ErrUnavailable, "write pixel cache: %w", err).WithHint("give another cache folder, or free space")}
		}
	}
	return out
}

// checked is x, or the error that its size does not fit.
func (x result) checked(f file, opt Options) result {
	if err := opt.Fit.fitting(x.w, x.h, opt.Side); err != nil {
		x.err = f.fault("image %s: %w", err)
	}
	return x
}

// fault is a data error about a file; format takes its path and the cause.
func (f file) fault(format string, err error) error {
	e := fault.New(fault.ErrData, format, Show(f.path), err)
	if f.where != "" {
		return e.WithHint("named in %s", f.where)
	}
	if errors.Is(err, errBadImage) {
		return e.WithHint("replace or remove it, or skip such files with --skip-bad")
	}
	return e
}

// badImage marks an error of a file's bytes.
type badImage struct{ error }

func (badImage) Is(target error) bool { return target == errBadImage }

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = badImage{errors.New("the file is over the limit of 512 MiB")}
	}
	return data, err
}

// closeAfter gives a set's mappings back on the way out with err.
func closeAfter(s *Set, err error) error {
	if closing := s.Close(); closing != nil {
		return errors.Join(err, closing)
	}
	return err
}
