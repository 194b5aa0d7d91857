package dataset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	utf "golang.org/x/text/encoding/unicode"

	"g2c/internal/filekind"
)

// tableText is a table's bytes as UTF-8 without a mark, its lines ended as
// encoding/csv wants them. Spreadsheets write all of these.
func tableText(data []byte) ([]byte, error) {
	switch kind := filekind.Of(data); {
	case kind == filekind.Zip:
		return nil, errors.New("it is a workbook, not a table of text: save it as CSV in UTF-8")
	case kind.Known() && kind != filekind.Text && kind != filekind.Empty:
		return nil, fmt.Errorf("it is %s, not a table of text%s", kind.Name, remedyText(kind))
	case bytes.HasPrefix(data, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(data, []byte("\x00\x00\xfe\xff")):
		return nil, errors.New("it is UTF-32: save it as UTF-8")
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		text, err := utf.UTF16(utf.LittleEndian, utf.UseBOM).NewDecoder().Bytes(data)
		if err != nil {
			return nil, fmt.Errorf("it is damaged UTF-16, save it as UTF-8: %w", err)
		}
		data = text
	case bytes.IndexByte(data[:min(len(data), 4)], 0) >= 0:
		return nil, errors.New("it is UTF-16 without a mark: save it as UTF-8")
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if bytes.IndexByte(data, '\r') >= 0 { // Windows' lines, those that were made so twice, and the old Mac's
		for _, end := range []string{"\r\r\n", "\r\n", "\r"} {
			data = bytes.ReplaceAll(data, []byte(end), []byte{'\n'})
		}
	}
	return data, nil
}

// remedyText is what to do with a file of a kind, behind what it is.
func remedyText(kind filekind.Kind) string {
	if kind.Remedy == "" {
		return ""
	}
	return ": " + kind.Remedy
}

// separators are tried in this order.
var separators = []rune{',', ';', '\t', '|'}

// cells reads a table of one separator, row by row, and passes over rows without
// content.
type cells struct {
	r       *csv.Reader
	skipped int // lines before the first that r sees
}

// openCells finds the separator: the one that a first line sep=… names, else the first
// that gives a header with the wanted columns, else the one that gives most cells.
func openCells(text []byte, fits func(header []string) bool) (*cells, []string, error) {
	tried, skipped := separators, 0
	line, rest, _ := bytes.Cut(text, []byte{'\n'})
	if first := strings.Trim(string(line), `"`); len(first) > 4 && strings.EqualFold(first[:4], "sep=") {
		named, size := utf8.DecodeRuneInString(first[4:])
		if size != len(first[4:]) || !usable(named) {
			return nil, nil, fmt.Errorf("line 1: %q names no separator", first)
		}
		tried, text, skipped = []rune{named}, rest, 1
	}
	var best *cells
	var widest []string
	var failed error
	for _, comma := range tried {
		c := &cells{r: csv.NewReader(bytes.NewReader(text)), skipped: skipped}
		c.r.Comma, c.r.FieldsPerRecord = comma, -1
		c.r.TrimLeadingSpace = !unicode.IsSpace(comma) // a space before a quote is none of the cell's
		header, err := c.next()
		if err != nil {
			if failed == nil {
				failed = err
			}
			continue
		}
		if fits(header) {
			return c, header, nil
		}
		if len(header) > len(widest) {
			best, widest = c, header
		}
	}
	if best == nil {
		return nil, nil, failed
	}
	return best, widest, nil
}

// usable tells whether encoding/csv takes a rune as a separator.
func usable(r rune) bool {
	return r != 0 && r != '"' && r != '\r' && r != '\n' && r != utf8.RuneError
}

// next is the next row that is not wholly empty; io.EOF at the end.
func (c *cells) next() ([]string, error) {
	for {
		fields, err := c.r.Read()
		if p := (*csv.ParseError)(nil); errors.As(err, &p) {
			p.StartLine += c.skipped
			p.Line += c.skipped
		}
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			if strings.TrimSpace(f) != "" {
				return fields, nil
			}
		}
	}
}

// line is that of the row that next gave last.
func (c *cells) line() int {
	line, _ := c.r.FieldPos(0)
	return line + c.skipped
}

// separator is what stands between cells, in words.
func (c *cells) separator() string {
	switch c.r.Comma {
	case ',':
		return "commas"
	case ';':
		return "semicolons"
	case '\t':
		return "tabs"
	}
	return fmt.Sprintf("%q", c.r.Comma)
}
