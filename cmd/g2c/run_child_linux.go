package main

import "syscall"

// childOfThis has a process die with this one, and hear no Ctrl-C of the terminal: it is
// told what to do.
func childOfThis() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
