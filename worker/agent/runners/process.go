package runners

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// process is a runner as its worker has it.
type process struct {
	conn  *conn
	words *lastWords
	ended chan struct{} // closed when the process is gone; then state is set
	state *os.ProcessState

	mu   sync.Mutex
	cmd  *exec.Cmd
	sent map[syscall.Signal]bool // what this worker has sent it
}

// startProcess starts a runner, whose standard error goes to another's, line by line.
func startProcess(c *exec.Cmd, stderr io.Writer) (*process, error) {
	conn, theirs, err := pair()
	if err != nil {
		return nil, err
	}
	said, says, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, conn.close(), theirs.Close())
	}
	c.ExtraFiles, c.Stderr, c.SysProcAttr = []*os.File{theirs}, says, apart()
	p := &process{conn: conn, words: &lastWords{to: stderr}, ended: make(chan struct{}), cmd: c, sent: map[syscall.Signal]bool{}}
	started := make(chan error)
	go p.live(started, theirs, says, said)
	if err := <-started; err != nil {
		return nil, errors.Join(err, conn.close())
	}
	return p, nil
}

// live is the process from beginning to end.
func (p *process) live(started chan<- error, theirs, says, said *os.File) {
	runtime.LockOSThread() // on Linux a child dies with the thread that made it
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	theirs.Close() // the child's
	says.Close()
	if err != nil {
		said.Close()
		started <- err
		return
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		p.words.read(said)
	}()
	started <- nil
	_ = p.cmd.Wait() // how it ended is in ProcessState
	p.state = p.cmd.ProcessState
	select {
	case <-heard:
	case <-time.After(wordsTime): // a process that it has started holds on to its standard error
	}
	said.Close()
	<-heard
	close(p.ended)
}

// wordsTime is how long the last words of a process are waited for, once it is gone.
const wordsTime = 2 * time.Second

// signal sends it a signal. One that has ended needs none.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[s] = true
	_ = p.cmd.Process.Signal(s)
}

// wasSent says whether this worker has sent it a signal.
func (p *process) wasSent(s syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent[s]
}

// pid is its number, for people.
func (p *process) pid() int { return p.cmd.Process.Pid }

// how says how a process has ended that said nothing of it.
func (p *process) how() string {
	if s, ok := p.state.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return fmt.Sprintf("was ended by signal %d (%v)", s.Signal(), s.Signal())
	}
	return fmt.Sprintf("ended with exit code %d and without a result", p.state.ExitCode())
}

// killed says whether a process was killed by somebody else than its worker.
func (p *process) killed() bool {
	s, ok := p.state.Sys().(syscall.WaitStatus)
	return ok && s.Signaled() && s.Signal() == syscall.SIGKILL && !p.wasSent(syscall.SIGKILL)
}

// Bounds of what is kept of a process's standard error.
const (
	maxWords     = 20   // the last lines
	maxCrash     = 60   // of a crash, the first: there it says what has happened
	maxWordBytes = 4096 // of a line that is kept
)

// lastWords passes lines on and keeps what says how a process has ended. It belongs to
// one goroutine until the process is gone.
type lastWords struct {
	to    io.Writer
	last  []string
	crash []string // from where the runtime says why it ends the process
}

// passing is held while a line is passed on: the lines of several runners do not mix.
var passing sync.Mutex

// read reads all that a process says.
func (w *lastWords) read(from io.Reader) {
	lines := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := lines.ReadSlice('\n') // one that is longer is passed on in parts
		if len(line) > 0 {
			passing.Lock()
			_, _ = w.to.Write(line) // what is said there is worth no training
			passing.Unlock()
			w.keep(line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (w *lastWords) keep(line []byte) {
	text := string(line[:min(len(line), maxWordBytes)])
	for len(text) > 0 && (text[len(text)-1] == '\n' || text[len(text)-1] == '\r') {
		text = text[:len(text)-1]
	}
	if len(w.crash) > 0 || crashes(text) {
		if len(w.crash) < maxCrash {
			w.crash = append(w.crash, text)
		}
		return
	}
	w.last = append(w.last, text)
	w.last = w.last[max(0, len(w.last)-maxWords):]
}

// lines are what is worth keeping: how a crash begins, or else the end.
func (w *lastWords) lines() []string {
	if len(w.crash) > 0 {
		return w.crash
	}
	return w.last
}

// reason is the line that says most; empty if nothing was said.
func (w *lastWords) reason() string {
	switch {
	case len(w.crash) > 0:
		return w.crash[0]
	case len(w.last) > 0:
		return w.last[len(w.last)-1]
	}
	return ""
}
