package s3test

import "syscall"

// dieWithParent ends a server with the process that started it, however that ends.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
