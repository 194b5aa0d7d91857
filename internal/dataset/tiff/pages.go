package tiff

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Refusal is what a file is that is not read, as the end of the sentence "it is …".
type Refusal string

// Error is what the file is.
func (r Refusal) Error() string { return string(r) }

// slideRemedy ends a refusal of a whole slide.
const slideRemedy = "and slides are not read whole: cut it into patches"

// page is the directory of the one image of a file. Smaller copies and masks beside it
// are passed over; several images are refused, for nobody knows which is meant.
func page(all []directory) (directory, error) {
	var full []directory
	for _, d := range all {
		const copyOrMask = 1 | 4
		if d.number(tagNewSubfileType, 0)&copyOrMask == 0 && d.number(tagSubfileType, 1) != 2 {
			full = append(full, d)
		}
	}
	if len(full) == 0 {
		full = all
	}
	d := full[0]
	if isSlide(full) {
		return nil, Refusal(fmt.Sprintf("a whole slide (%d × %d pixels, %d pages), %s", d.number(tagWidth, 0), d.number(tagHeight, 0), len(all), slideRemedy))
	}
	if n := max(len(full), stacked(d)); n > 1 {
		what := "a TIFF"
		if isOME(d) {
			what = "an OME-TIFF"
		}
		if d.number(tagSamples, 1) == 1 && d.number(tagPhotometric, 1) < 2 {
			return nil, Refusal(fmt.Sprintf("%s of %d grey pages, of which only the first would be read: if they are colours, merge them into one RGB page, else write each to a file of its own", what, n))
		}
		return nil, Refusal(fmt.Sprintf("%s of %d pages, of which only the first would be read: write each to a file of its own", what, n))
	}
	return d, nil
}

// isSlide tells whole slides by their maker, or as tiles at several scales.
func isSlide(full []directory) bool {
	if len(full) < 2 {
		return false
	}
	d := full[0]
	const hamamatsu = 65420
	if _, ndpi := d[hamamatsu]; ndpi || strings.HasPrefix(d.text(tagDescription), "Aperio") {
		return true
	}
	w, h := d.number(tagWidth, 0), d.number(tagHeight, 0)
	for _, other := range full[1:] {
		ow, oh := other.number(tagWidth, 0), other.number(tagHeight, 0)
		if d.tiled() && ow > 0 && oh > 0 && ow <= w/2+1 && oh <= h/2+1 {
			return true
		}
	}
	return false
}

func (d directory) tiled() bool { return d.number(tagTileWidth, 0) > 0 }

func isOME(d directory) bool {
	text := d.text(tagDescription)
	return strings.Contains(text, "<OME") || strings.Contains(text, "openmicroscopy.org")
}

var imagejForm = regexp.MustCompile(`(?m)^images=([0-9]{1,6})\r?$`)

// stacked is the number of images that ImageJ keeps behind one directory.
func stacked(d directory) int {
	text := d.text(tagDescription)
	if m := imagejForm.FindStringSubmatch(text); m != nil && strings.HasPrefix(text, "ImageJ=") {
		n, _ := strconv.Atoi(m[1]) // six digits
		return n
	}
	return 1
}
