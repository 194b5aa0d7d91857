//go:build !linux

package runners

import "syscall"

// apart has a process hear no Ctrl-C of the terminal: the worker tells it what to do.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// GoFirst does nothing: whom the system ends where memory runs out is its own choice.
func GoFirst() error { return nil }

// memoryKills is not known.
func memoryKills() (int, bool) { return 0, false }
