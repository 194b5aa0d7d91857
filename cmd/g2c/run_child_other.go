//go:build !linux

package main

import "syscall"

// childOfThis has a process hear no Ctrl-C of the terminal: it is told what to do.
func childOfThis() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
