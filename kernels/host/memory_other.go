//go:build !unix

package host

import "errors"

func mapMemory(int64) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapMemory([]byte) error { return nil }
