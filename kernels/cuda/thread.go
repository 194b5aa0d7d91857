//go:build gpu

package cuda

import "runtime"

// thread is one thread of the operating system, which a context is current on.
type thread struct {
	work chan job
}

type job struct {
	f    func() error
	done chan error
}

// newThread starts a thread. Its calls come from several goroutines.
func newThread() *thread {
	t := &thread{work: make(chan job)}
	go t.serve()
	return t
}

func (t *thread) serve() {
	runtime.LockOSThread() // for good: the thread ends with its goroutine
	for j := range t.work {
		j.done <- j.f()
	}
}

// do runs f on the thread.
func (t *thread) do(f func() error) error {
	done := make(chan error, 1)
	t.work <- job{f, done}
	return <-done
}

// end ends the thread.
func (t *thread) end() { close(t.work) }
