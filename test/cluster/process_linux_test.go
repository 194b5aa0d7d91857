package cluster

import "syscall"

// dieWithParent has a process end with the tests, however they end.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
