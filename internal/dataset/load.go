package dataset

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"

	"g2c/internal/fault"
	"g2c/internal/filekind"
	"g2c/internal/pixelcache"
	"g2c/internal/remote"
	"g2c/internal/shard"
)

// Options say how images are read.
type Options struct {
	Side int // in pixels of what is made
	Fit  Fit // Resize where empty
	// Exact is the side in pixels that Refuse wants beside Side; 0: Side alone. What the
	// networks see may be cut at random out of something larger.
	Exact   int
	Cache   *pixelcache.Cache // where decoded pixels are kept; nil: in memory
	Recheck bool              // read every file, also those that have not changed by their looks
	Remote  remote.Files      // reads addresses; nil: only this machine is read
	SkipBad bool              // leave out files that do not decode or are too small, and say so
	Trained bool              // Side and Fit are a trained model's: nobody can choose others
	Workers int               // decoders at a time; 0: one for each processor

	// Progress, where set, hears of every image read; it is called by one
	// goroutine at a time.
	Progress func(done, total int)
}

// Unlabelled loads the images of folders, globs and files as one domain.
func Unlabelled(ctx context.Context, paths []string, opt Options) (*Set, *Report, error) {
	r := &Report{}
	find := finder{ctx: ctx, files: opt.Remote}
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
	if opt.Cache == nil {
		opt.Cache = pixelcache.New(pixelcache.Options{})
	}
	read := readAll(ctx, files, opt)
	opt.Cache.Flush()
	l := &loaded{side: opt.Side}
	var failed error
	small := 0 // images skipped for their size
	for i := range read {
		x := &read[i]
		switch {
		case x.err != nil && opt.skips(x.err):
			r.Skipped = append(r.Skipped, Skipped{files[i].path, reason(x.err)})
			if errors.Is(x.err, errTooSmall) {
				small++
			}
			continue
		case x.err != nil && failed == nil:
			failed = x.err // the first in order, whichever was found first
		}
		if failed != nil || !x.read {
			continue
		}
		r.count(&x.entry, opt.Side)
		r.add(&r.Cached, x.cached)
		r.add(&r.Opened, x.opened)
		im := files[i].image
		im.File, im.origin, im.distant = files[i].path, x.entry.Origin, files[i].distant
		l.add(im, &x.entry, x.ref)
	}
	if failed == nil {
		failed = ctx.Err()
	}
	if failed == nil && len(l.images) == 0 {
		failed = noneLeft(files, r.Skipped, small, opt.Trained)
	}
	if failed != nil {
		return nil, failed
	}
	r.sortSizes()
	return l.sorted(), nil
}

// noneLeft is that every image was skipped, some for their size.
func noneLeft(files []file, skipped []Skipped, small int, trained bool) error {
	e := fault.New(fault.ErrData, "none of %s can be used, the first is %s: %s", count(len(files), "image", "images"), Show(skipped[0].Path), skipped[0].Reason)
	switch {
	case small == 0:
		return e
	case trained:
		return e.WithHint("%s too small: %s", count(small, "is", "are"), modelForSmall)
	}
	return e.WithHint("%s too small: %s", count(small, "is", "are"), takeAllSmall)
}

// Marks of errors that SkipBad may pass over.
var (
	errBadImage = errors.New("bad image")       // its bytes are at fault
	errTooSmall = errors.New("image too small") // nothing of the tissue would be seen
)

// skips tells whether an error is passed over.
func (o *Options) skips(err error) bool {
	return o.SkipBad && (errors.Is(err, errBadImage) || errors.Is(err, errTooSmall))
}

// marked is an error with a mark.
type marked struct {
	error
	mark error
}

func (m marked) Is(target error) bool { return target == m.mark }

// reason is why a file was skipped: nothing is to be done any more.
func reason(err error) string {
	if m := (marked{}); errors.As(err, &m) {
		return m.Error()
	}
	return err.Error()
}

// result is one image read, or why not; nothing at all where reading stopped first.
type result struct {
	entry  shard.Entry
	ref    pixelcache.Ref
	read   bool
	cached bool // it was in the cache
	opened bool // its file was opened
	err    error
}

// Files are read by more goroutines than decode at a time: a disk that turns, or is far
// away, answers several questions in the time of one. What is decoded may be large.
const readersOfADecoder, leastReaders, distantReaders = 4, 8, 32

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
		if err := results[i].err; err != nil && !opt.skips(err) {
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
	decoding := make(chan struct{}, workers)
	readers := max(readersOfADecoder*workers, leastReaders)
	if slices.ContainsFunc(files, func(f file) bool { return f.distant != nil }) {
		readers = max(readers, distantReaders)
	}
	for range min(readers, len(files)) {
		wg.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				results[i] = readImage(ctx, files[i], opt, decoding)
				finish(i)
			}
		})
	}
	wg.Wait()
	return results
}

// readImage reads one file through the cache. It decodes when there is room in decoding.
func readImage(ctx context.Context, f file, opt Options, decoding chan struct{}) (x result) {
	st, err := f.stat()
	if err != nil {
		return result{err: f.unread(err)}
	}
	if !opt.Recheck {
		if x.entry, x.ref, x.read = opt.Cache.Find(opt.Side, f.real, st); x.read {
			x.cached = true
			return x.checked(f, opt)
		}
	}
	data, err := f.read(ctx)
	if err != nil {
		return result{err: f.unread(err)}
	}
	h := sha256.Sum256(data)
	if x.entry, x.ref, x.read = opt.Cache.Content(opt.Side, h); x.read && opt.Recheck {
		x.read = x.ref.Read(make([]byte, shard.ImageBytes(opt.Side))) == nil
	}
	if x.read {
		x.cached = true
	} else {
		decoding <- struct{}{}
		x = fitted(f, data, h, opt)
		<-decoding
		if x.err != nil {
			return x
		}
	}
	x.opened = true
	if after, err := f.stat(); err == nil && after == st { // it did not change meanwhile
		opt.Cache.Remember(opt.Side, f.real, st, h, x.ref)
	}
	return x.checked(f, opt)
}

// fitted decodes an image whose bytes have a hash, and keeps it.
func fitted(f file, data []byte, h pixelcache.Hash, opt Options) (x result) {
	m, err := decode(data)
	if err != nil {
		return result{err: f.fault("image %s: %w", marked{err, errBadImage})}
	}
	pixels := fitSquare(m, opt.Side)
	x.entry, x.read = shard.Describe(pixels), true
	x.entry.Origin = m.hash()
	x.entry.Width, x.entry.Height, x.entry.Kind = uint32(m.w), uint32(m.h), uint32(m.kind)
	x.ref = opt.Cache.Put(opt.Side, h, x.entry, pixels)
	return x
}

// unread is that a file could not be read.
func (f file) unread(err error) error {
	if f.distant != nil && errors.Is(err, fault.ErrUnavailable) { // it is not the image that is at fault
		return fmt.Errorf("image %s: %w", Show(f.path), err)
	}
	if target, e := os.Readlink(f.path); e == nil && errors.Is(err, fs.ErrNotExist) {
		return f.fault("image %s: %w", marked{nowhere(target), errBadImage})
	}
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		err = p.Err // the path is in the message already
	}
	return f.fault("image %s: %w", err)
}

// nowhere is that a link leads nowhere, and what fetches what it is meant to lead to.
func nowhere(target string) error {
	text := fmt.Sprintf("it is a link to %s, which is not there", Show(target))
	if kind := filekind.Of([]byte(target)); kind.Remedy != "" {
		text += ": " + kind.Remedy
	}
	return errors.New(text)
}

// checked is x, or the error that its size does not fit.
func (x result) checked(f file, opt Options) result {
	if err := opt.fitting(int(x.entry.Width), int(x.entry.Height)); err != nil {
		x.err = f.misfit(err, opt)
	}
	return x
}

// Advice on images that are too small, one and several.
const (
	takeSmall     = "data.fit: enlarge (of a folder --fit enlarge) takes it all the same, --skip-bad leaves such images out, a smaller size fits it"
	takeAllSmall  = "data.fit: enlarge (of a folder --fit enlarge) takes them all the same, and a smaller size fits them"
	modelForSmall = "a model that was trained with data.fit: enlarge takes such images"
)

// misfit is that a file's size does not fit, and what can be done where it can be chosen.
func (f file) misfit(err error, opt Options) error {
	e := fault.New(fault.ErrData, "image %s: %w", Show(f.path), err)
	small := errors.Is(err, errTooSmall)
	switch {
	case f.where != "":
		return e.WithHint("named in %s", f.where)
	case small && opt.Trained:
		return e.WithHint("--skip-bad leaves such images out; %s", modelForSmall)
	case small:
		return e.WithHint(takeSmall)
	case opt.Trained:
		return e.WithHint("the model was trained on images of that size alone: crop or resize them")
	}
	return e.WithHint("data.fit: resize (of a folder --fit resize) fits images of other sizes")
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
	if errors.Is(err, fs.ErrPermission) {
		return e.WithHint("let this user read it, or remove it")
	}
	return e
}

var errTooLong = errors.New("the file is over the limit of 512 MiB")

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = marked{errTooLong, errBadImage}
	}
	return data, err
}
