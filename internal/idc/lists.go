package idc

import (
	"bufio"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"g2c/internal/fault"
)

// The parts of the set, in the order of their tables.
var parts = []struct{ name, file string }{
	{"train", "cases_train.txt"}, {"validation", "cases_val.txt"}, {"test", "cases_test.txt"},
}

// readLists reads the official lists of a folder: a patient's number a line. A patient is in
// one of them.
func readLists(dir string) (map[string]string, error) {
	of := map[string]string{}
	for _, part := range parts {
		path := filepath.Join(dir, part.file)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.ErrNotFound, "there is no list %s", path).WithHint("the lists are cases_train.txt, cases_val.txt and cases_test.txt, as they come with the data set's code")
		}
		if err != nil {
			return nil, fault.New(fault.ErrUnavailable, "read a list: %w", err)
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		for n := 1; lines.Scan(); n++ {
			patient := strings.TrimSpace(lines.Text())
			if patient == "" {
				continue
			}
			if strings.Trim(patient, "0123456789") != "" {
				return nil, fault.New(fault.ErrData, "%s:%d: %q is no patient's number", path, n, patient)
			}
			if other, ok := of[patient]; ok {
				return nil, fault.New(fault.ErrData, "%s:%d: patient %s is in the part %s already", path, n, patient, other)
			}
			of[patient] = part.name
		}
		if err := lines.Err(); err != nil {
			return nil, fault.New(fault.ErrData, "%s: %w", path, err)
		}
	}
	return of, nil
}
