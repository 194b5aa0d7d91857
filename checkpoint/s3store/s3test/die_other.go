//go:build !linux

package s3test

import "syscall"

// dieWithParent has no way elsewhere: a test that is killed leaves its server.
func dieWithParent() *syscall.SysProcAttr { return nil }
