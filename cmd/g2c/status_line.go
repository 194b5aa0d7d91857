package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// lastLine is the last line of the terminal, which progress is drawn on again and again.
var lastLine statusLine

// statusLine is a line that is drawn over. It may be used from several goroutines.
type statusLine struct {
	mu    sync.Mutex
	cells int // that stand there now
}

// usualWidth is taken of a terminal that does not say how wide it is.
const usualWidth = 80

// onTerminal says whether standard error is a terminal on which a line can be drawn over.
func onTerminal() bool {
	return os.Getenv("TERM") != "dumb" && term.IsTerminal(int(os.Stderr.Fd()))
}

// draw replaces the line by what compose makes for so many cells. The last column stays
// empty: some terminals begin a new line as soon as it is written.
func (l *statusLine) draw(compose func(cells int) string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	width, _, err := term.GetSize(int(os.Stderr.Fd())) // each time: windows are resized
	if err != nil || width <= 0 {
		width = usualWidth
	}
	text := compose(width - 1)
	cells := uniseg.StringWidth(text)
	fmt.Fprint(os.Stderr, "\r"+text+strings.Repeat(" ", max(0, min(l.cells, width-1)-cells)))
	l.cells = cells
}

// above writes a line where the line was, which is drawn again below it.
func (l *statusLine) above(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
	fmt.Fprintln(os.Stderr, line)
}

// erase takes the line away.
func (l *statusLine) erase() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.clear()
}

func (l *statusLine) clear() {
	if l.cells > 0 {
		fmt.Fprint(os.Stderr, "\r"+strings.Repeat(" ", l.cells)+"\r")
		l.cells = 0
	}
}

// printable is a text without what would move the cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, text)
}

// cut is the beginning of a text that takes so many cells at most, with a mark where
// something is missing. A character is never cut, nor is a wide one counted as one cell.
func cut(text string, cells int) string {
	if uniseg.StringWidth(text) <= cells {
		return text
	}
	if cells <= 0 {
		return ""
	}
	var out strings.Builder
	left, state := cells-1, -1
	for text != "" {
		var character string
		var width int
		if character, text, width, state = uniseg.FirstGraphemeClusterInString(text, state); width > left {
			break
		}
		out.WriteString(character)
		left -= width
	}
	return out.String() + "…"
}
