package first

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// signals are those that came; nil for another process than the first. They are heard from
// before anything else of the program begins.
var signals chan os.Signal

func init() {
	if os.Getpid() == 1 {
		signals = make(chan os.Signal, 256)
		signal.Notify(signals)
	}
}

// Is says whether this is the first process.
func Is() bool { return signals != nil }

// Run runs the program again with the same arguments, and returns the exit code that it ends
// with: 128 and its number where a signal has ended it, as a shell counts. An error says that
// it could not be begun.
func Run() (code int, err error) {
	program, err := os.Executable()
	if err != nil {
		return 0, fmt.Errorf("run beneath the first process: %w", err)
	}
	attr := &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Env: os.Environ()}
	if term.IsTerminal(int(os.Stdin.Fd())) { // what is typed there is the program's to hear, once
		attr.Sys = &syscall.SysProcAttr{Setpgid: true, Foreground: true, Ctty: int(os.Stdin.Fd())}
	}
	p, err := os.StartProcess(program, os.Args, attr)
	if err != nil {
		return 0, fmt.Errorf("run beneath the first process: %w", err)
	}
	for s := range signals {
		switch s {
		case syscall.SIGCHLD:
			if code, over := reap(p.Pid); over {
				return code, nil
			}
		case syscall.SIGURG, syscall.SIGPIPE: // the runtime's, and this process's own
		default:
			p.Signal(s) // or it has just ended, which is heard next
		}
	}
	panic("first: signals are heard for ever")
}

// reap waits for all that have ended, and says how the program did, if it is among them.
func reap(program int) (code int, over bool) {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return code, over
		}
		switch {
		case pid != program:
		case status.Exited():
			code, over = status.ExitStatus(), true
		case status.Signaled():
			code, over = 128+int(status.Signal()), true
		}
	}
}
