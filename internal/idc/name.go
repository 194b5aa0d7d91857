// Package idc reads Janowczyk's IDC data set as it is published, with its original names and
// patient lists, into tables that a spec can name.
//
// The set is 277,524 patches of 162 patients, cut from slides of breast tissue at 40 times and
// reduced; each has a label of its own. Patients are what must be kept apart.
// Source: Janowczyk and Madabhushi, "Deep learning for digital pathology image analysis",
// Journal of Pathology Informatics 7:29 (2016), use case 6; Cruz-Roa et al., SPIE 2014.
package idc

import (
	"fmt"
	"regexp"
	"strconv"
)

// Side is the side of a patch in pixels; those at a slide's border are smaller.
const Side = 50

// Patch is what a patch's name says.
type Patch struct {
	Patient string // digits
	X, Y    int    // of its upper left corner, in pixels of the reduced slide
	Class   string // "1": invasive ductal carcinoma, "0": none
}

var pattern = regexp.MustCompile(`^([0-9]{1,9})_idx5_x([0-9]{1,9})_y([0-9]{1,9})_class([01])\.png$`)

// ParseName reads `<patient>_idx5_x<X>_y<Y>_class<0|1>.png`, a name without a folder.
func ParseName(name string) (Patch, error) {
	m := pattern.FindStringSubmatch(name)
	if m == nil {
		return Patch{}, fmt.Errorf("%q is not <patient>_idx5_x<X>_y<Y>_class<0 or 1>.png", name)
	}
	x, errX := strconv.Atoi(m[2])
	y, errY := strconv.Atoi(m[3])
	if errX != nil || errY != nil || strconv.Itoa(x) != m[2] || strconv.Itoa(y) != m[3] {
		return Patch{}, fmt.Errorf("%q: a coordinate begins with zeros", name)
	}
	return Patch{Patient: m[1], X: x, Y: y, Class: m[4]}, nil
}

// Name is the name that ParseName reads.
func (p Patch) Name() string {
	return fmt.Sprintf("%s_idx5_x%d_y%d_class%s.png", p.Patient, p.X, p.Y, p.Class)
}
