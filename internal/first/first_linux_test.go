package first

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"syscall"
	"testing"
	"time"
)

// ends are ways in which a program ends.
var ends = map[string]func(){
	"well":          func() {},
	"a wrong spec":  func() { os.Exit(2) },
	"killed":        func() { syscall.Kill(os.Getpid(), syscall.SIGKILL); <-time.After(time.Minute) },
	"a crash":       func() { debug.SetTraceback("crash"); panic("a crash") },
	"asked to save": func() { waits(1); os.Exit(130) },
	"asked twice": func() {
		waits(1)
		signal.Reset()
		fmt.Println("begun")
		<-time.After(time.Minute)
	},
	"leaves a process": func() {
		// A shell that ends before what it has begun: nobody else waits for that.
		exec.Command("/bin/sh", "-c", "sh -c 'exit 3' & sh -c 'exit 4' &").Run()
		os.Exit(5)
	},
}

// waits hears so many signals.
func waits(n int) {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGTERM)
	fmt.Println("begun")
	for range n {
		<-heard
	}
}

// TestMain is a program that runs beneath itself, if a test starts it as the first process.
func TestMain(m *testing.M) {
	how := os.Getenv("FIRST_ENDS")
	if how == "" {
		os.Exit(m.Run())
	}
	if Is() {
		code, err := Run()
		if err != nil {
			fmt.Println(err)
			os.Exit(99)
		}
		os.Exit(code)
	}
	ends[how]()
	os.Exit(0)
}

// As the first process a program ends as it would elsewhere: with its own code, or with that of
// the signal that has ended it, and it hears what it is asked.
func TestRun(t *testing.T) {
	for how, code := range map[string]int{
		"well": 0, "a wrong spec": 2, "killed": 128 + 9, "a crash": 128 + 6, "asked to save": 130, "asked twice": 128 + 15, "leaves a process": 5,
	} {
		t.Run(how, func(t *testing.T) {
			p := exec.Command(os.Args[0])
			p.Env = append(os.Environ(), "FIRST_ENDS="+how)
			p.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID,
				UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
			}
			out, err := p.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Start(); err != nil {
				if os.Getenv("CI") == "true" {
					t.Fatalf("no namespace for a first process: %v", err)
				}
				t.Skipf("SKIPPED: no namespace for a first process here: %v", err)
			}
			defer p.Process.Kill()
			for lines := bufio.NewScanner(out); lines.Scan(); {
				if lines.Text() == "begun" {
					if err := p.Process.Signal(syscall.SIGTERM); err != nil {
						t.Fatal(err)
					}
				}
			}
			p.Wait()
			if got := p.ProcessState.ExitCode(); got != code {
				t.Errorf("it ends with %d, want %d", got, code)
			}
		})
	}
	if Is() {
		t.Error("the test is the first process")
	}
}
