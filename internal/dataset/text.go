package dataset

import (
	"strconv"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"g2c/internal/fault"
)

// NFC is a text in Unicode's composed form. Names, labels and groups are held and
// compared in it: a Mac unpacks é as two characters, a spec is typed with one.
func NFC(text string) string { return norm.NFC.String(text) }

// Show is a text as a message may hold it: quoted and escaped where a character of
// it cannot be printed, else as it is.
func Show(text string) string {
	if !utf8.ValidString(text) {
		return strconv.QuoteToASCII(text)
	}
	for _, r := range text {
		if !strconv.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return text
}

// checkText refuses a text that is no UTF-8: it could be written into no table, spec
// or result and be found again.
func checkText(what, text string) error {
	if utf8.ValidString(text) {
		return nil
	}
	return fault.New(fault.ErrData, "%s %s is not UTF-8", what, strconv.QuoteToASCII(text)).
		WithHint("give it a name in UTF-8: convmv renames whole folders")
}
