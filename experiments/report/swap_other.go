//go:build !linux

package report

import "errors"

// swap is not known here.
func swap(string, string) error { return errors.ErrUnsupported }
