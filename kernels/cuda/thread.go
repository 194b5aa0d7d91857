//go:build gpu

package cuda

import "runtime"

// thread is one thread of the operating system, which a context belongs to.
type thread struct {
	work chan func() error
	done chan error
}

func newThread() *thread {
	t := &thread{work: make(chan func() error), done: make(chan error)}
	go t.serve()
	return t
}

func (t *thread) serve() {
	runtime.LockOSThread() // for good: the thread ends with its goroutine
	for f := range t.work {
		t.done <- f()
	}
	close(t.done)
}

// do runs f on the thread.
func (t *thread) do(f func() error) error {
	t.work <- f
	return <-t.done
}

// end ends the thread.
func (t *thread) end() {
	close(t.work)
	<-t.done
}
