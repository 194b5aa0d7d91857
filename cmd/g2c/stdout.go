package main

import (
	"errors"
	"log"
	"os"
	"sync"
	"syscall"

	"golang.org/x/term"

	"g2c/internal/fault"
)

// stdout is standard output, and the only way to it: what could not be written is
// remembered, so that no verb can end well whose result nobody has.
var stdout = &standardOutput{}

// standardOutput writes to standard output. It may be used from several goroutines.
type standardOutput struct {
	mu     sync.Mutex
	failed error // the first write that did not succeed
}

// Write writes, unless something before it could not be written. A reader who closed the
// pipe ends the program, as the system has it.
func (s *standardOutput) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return 0, s.failed
	}
	lastLine.erase()
	n, err := os.Stdout.Write(p)
	if err != nil {
		var at *os.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		s.failed = fault.New(fault.ErrUnavailable, "write standard output: %w", err).WithHint("the result is not whole: make room where it goes, and call this again")
		err = s.failed
	}
	return n, err
}

// settle is how a verb ended whose results went here. Training that was interrupted stays
// that.
func (s *standardOutput) settle(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil || errors.Is(err, s.failed) {
		return err
	}
	return errors.Join(err, s.failed)
}

// isTerminal says whether somebody watches.
func (s *standardOutput) isTerminal() bool { return term.IsTerminal(int(os.Stdout.Fd())) }

// firstStderr keeps the first descriptor of standard error open: a crash is written there.
var firstStderr = os.Stderr

// outliveStderr gives standard error a descriptor of another number: on that of its own a
// closed pipe would end the program, and what is said there is worth no training.
func outliveStderr() {
	fd, err := syscall.Dup(int(firstStderr.Fd()))
	if err != nil {
		return // none is left: it stays as it is
	}
	syscall.CloseOnExec(fd)
	os.Stderr = os.NewFile(uintptr(fd), firstStderr.Name())
	log.SetOutput(os.Stderr)
}
