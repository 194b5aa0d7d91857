package pixelcache

import (
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"
)

// pool keeps files open, as many as a process may well have, and a shared lock on each:
// nobody removes what is in use.
type pool struct {
	most int

	mu    sync.Mutex
	files map[string]*handle
	late  []*handle // in the order they were opened
}

// handle is an open file.
type handle struct {
	path  string
	f     *os.File
	users int
	gone  bool // closed by its last user
}

func newPool() *pool { return &pool{most: maxOpen(), files: map[string]*handle{}} }

// with calls use with a file.
func (p *pool) with(path string, use func(*os.File) error) error {
	h, err := p.take(path)
	if err != nil {
		return err
	}
	defer p.give(h)
	return use(h.f)
}

func (p *pool) take(path string) (*handle, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.files[path]
	if h == nil {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		_ = lockShared(f) // where there are no locks, files in use may go and are made anew
		now := time.Now()
		_ = os.Chtimes(path, now, now) // of use to pruning alone; not permitted in another's folder
		h = &handle{path: path, f: f}
		p.files[path], p.late = h, append(p.late, h)
		if len(p.late) > p.most {
			p.remove(p.late[0])
		}
	}
	h.users++
	return h, nil
}

func (p *pool) give(h *handle) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.users--; h.gone && h.users == 0 {
		_ = h.f.Close() // it was read alone
	}
}

// hold keeps a file open, and with that its name, until release: then it is closed unless
// somebody else uses it.
func (p *pool) hold(path string) (release func(), err error) {
	h, err := p.take(path)
	if err != nil {
		return nil, err
	}
	release = sync.OnceFunc(func() {
		p.give(h)
		p.mu.Lock()
		defer p.mu.Unlock()
		if h.users == 0 && !h.gone {
			p.remove(h)
		}
	})
	if !h.named() { // it went between being opened and locked
		release()
		return nil, &fs.PathError{Op: "hold", Path: path, Err: fs.ErrNotExist}
	}
	return release, nil
}

// named tells whether the file still has its name.
func (h *handle) named() bool {
	open, err := h.f.Stat()
	named, gone := os.Stat(h.path)
	return err == nil && gone == nil && os.SameFile(open, named)
}

// remove closes a file once nobody uses it. It is called with the lock held.
func (p *pool) remove(h *handle) {
	delete(p.files, h.path)
	p.late = slices.DeleteFunc(p.late, func(x *handle) bool { return x == h })
	if h.gone = true; h.users == 0 {
		_ = h.f.Close() // it was read alone
	}
}

func (p *pool) forget(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.files[path]; h != nil {
		p.remove(h)
	}
}

// renew forgets a file that has lost its name, so that what has it now is opened.
func (p *pool) renew(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.files[path]; h != nil && !h.named() {
		p.remove(h)
	}
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.late) > 0 {
		p.remove(p.late[0])
	}
}
