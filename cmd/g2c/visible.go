package main

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is a text in which nothing steers a terminal: control characters, which names of
// files may hold, and bytes that are no UTF-8 are written out. Lines and tabs stay.
func visible(text string) string {
	steers := func(r rune) bool { return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Bidi_Control) }
	if utf8.ValidString(text) && !strings.ContainsFunc(text, steers) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		piece := text[i : i+size]
		if r == utf8.RuneError && size == 1 || steers(r) {
			quoted := strconv.QuoteToASCII(piece)
			piece = quoted[1 : len(quoted)-1]
		}
		out.WriteString(piece)
		i += size
	}
	return out.String()
}
