package dataset

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// pairRow is one line of a table of pairs.
type pairRow struct {
	line  int
	paths [2]string // source, target
	split Split
	slide string
}

// pairColumns are the columns of a table of pairs, in any case; the first two must be there.
var pairColumns = [4]string{"source", "target", "split", "slide"}

// findPairColumns is where the columns stand in a header, -1 where one is missing.
func findPairColumns(header []string) (at [4]int, err error) {
	var names []string
	for _, h := range header {
		names = append(names, NFC(strings.TrimSpace(h)))
	}
	for i, name := range pairColumns {
		var e error
		if at[i], e = findDefault(names, name, i < 2); err == nil {
			err = e
		}
	}
	return at, err
}

// parsePairs reads lines of cells below a header, as parseTable does, and lists the columns
// that nothing reads.
func parsePairs(data []byte) (rows []pairRow, unused []string, err error) {
	text, err := tableText(data)
	if err != nil {
		return nil, nil, err
	}
	c, header, err := openCells(text, func(header []string) bool {
		at, _ := findPairColumns(header)
		return at[0] >= 0 && at[1] >= 0
	})
	if errors.Is(err, io.EOF) {
		return nil, nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, nil, err
	}
	at, err := findPairColumns(header)
	if err != nil {
		return nil, nil, fmt.Errorf("line %d: %w (cells are separated by %s)", c.line(), err, c.separator())
	}
	for {
		fields, err := c.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		x, err := parsePair(fields, len(header), at)
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", c.line(), err)
		}
		x.line = c.line()
		if len(rows) > 0 && (x.slide == "") != (rows[0].slide == "") {
			return nil, nil, fmt.Errorf("the column slide is empty in line %d or in line %d, and filled in the other", rows[0].line, x.line)
		}
		rows = append(rows, x)
	}
	if len(rows) == 0 {
		return nil, nil, errors.New("it names no pair")
	}
	for i, h := range header {
		if name := NFC(strings.TrimSpace(h)); !slices.Contains(at[:], i) && name != "" {
			unused = append(unused, name)
		}
	}
	return rows, unused, nil
}

// parsePair takes the wanted cells out of a row.
func parsePair(fields []string, width int, at [4]int) (x pairRow, err error) {
	if len(fields) != width {
		return x, fmt.Errorf("it has %s, the header has %d", count(len(fields), "cell", "cells"), width)
	}
	var cell [4]string
	for i, what := range pairColumns {
		if at[i] < 0 {
			continue
		}
		cell[i] = strings.TrimSpace(fields[at[i]])
		switch {
		case !utf8.ValidString(cell[i]):
			return x, fmt.Errorf("the %s %s is not UTF-8: save the table as UTF-8", what, Show(cell[i]))
		case strings.ContainsRune(cell[i], 0):
			return x, fmt.Errorf("the %s holds a zero byte", what)
		}
	}
	x = pairRow{paths: [2]string{cell[0], cell[1]}, split: Train, slide: NFC(cell[3])}
	for i, path := range x.paths {
		if path == "" {
			return x, fmt.Errorf("the %s is empty", roles[i])
		}
	}
	if at[2] < 0 {
		return x, nil
	}
	switch x.split = Split(strings.ToLower(cell[2])); x.split {
	case Train, Test:
		return x, nil
	}
	return x, fmt.Errorf("the split is %s, and must be train or test", Show(cell[2]))
}
