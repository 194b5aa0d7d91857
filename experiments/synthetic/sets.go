package synthetic

import (
	"fmt"
	"path"
	"path/filepath"
	"runtime"
	"sync"

	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/philox"
)

// Config is data.synthetic of a spec.
type Config struct {
	Patients int    // patients with labelled patches, over all splits; at least minPatients
	Patches  int    // labelled patches of each patient, the classes in turn; at least one of each class
	Seed     uint32 // of the world
}

// Limits of a Config. Below the lower ones a split would lack patients or a
// class; the upper ones keep patients of different sets apart.
const (
	minPatients = 4
	maxPatients = 10_000
	maxPatches  = 10_000
)

// Shares of the labelled patients, rounded up.
const (
	testShare       = 4 // one in
	validationShare = 7
)

// domainPatients is how many labelled patients there are for each patient of an
// unlabelled domain.
const domainPatients = 3

// Validate returns what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Patients < minPatients || c.Patients > maxPatients:
		return fault.New(fault.ErrSpec, "data.synthetic.patients is %d, and must lie between %d and %d", c.Patients, minPatients, maxPatients)
	case c.Patches < len(Classes) || c.Patches > maxPatches:
		return fault.New(fault.ErrSpec, "data.synthetic.patches is %d, and must lie between %d and %d", c.Patches, len(Classes), maxPatches)
	}
	return nil
}

// patch is one image of a set, before it is drawn.
type patch struct {
	image   dataset.Image
	patient uint32
	number  uint32
	class   Class
	stain   Stain
}

// Labelled draws the labelled set in a stain: Patients x Patches images
// with classes noa, ss and gs, patients as groups, and splits by patient. In the
// order of philox.Shuffle(seed, Split, 0) the first quarter of the patients is for
// test, the next seventh for validation, the rest for training.
//
// In another stain it is the same images, names and splits of the same tissue:
// image i of one set is the truth for what is made of image i of the other.
func Labelled(c Config, stain Stain, side int) (*dataset.Set, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	splits := c.splits()
	var patches []patch
	for p := range c.Patients {
		for i := range c.Patches {
			class := Classes[i%len(Classes)]
			group := patientName(uint32(p))
			patches = append(patches, patch{
				image:   dataset.Image{Name: path.Join(string(class), fmt.Sprintf("%s-%04d.png", group, i)), Label: string(class), Group: group, Split: splits[p], Patient: group},
				patient: uint32(p), number: uint32(i), class: class, stain: stain,
			})
		}
	}
	return draw(c.Seed, patches, side)
}

// splits is the split of each labelled patient.
func (c Config) splits() []dataset.Split {
	splits := make([]dataset.Split, c.Patients)
	test := (c.Patients + testShare - 1) / testShare
	validation := (c.Patients + validationShare - 1) / validationShare
	for place, p := range philox.Shuffle(c.Seed, philox.Split, 0, c.Patients) {
		switch {
		case place < test:
			splits[p] = dataset.Test
		case place < test+validation:
			splits[p] = dataset.Validation
		default:
			splits[p] = dataset.Train
		}
	}
	return splits
}

// Domain draws the unlabelled set of a stain: of a third as many patients as are
// labelled (rounded up), Patches patches each, the classes mixed. The patients of
// each stain are its own, so no tissue occurs twice: domains are unpaired.
func Domain(c Config, stain Stain, side int) (*dataset.Set, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := known(stain); err != nil {
		return nil, err
	}
	var patches []patch
	for p := range (c.Patients + domainPatients - 1) / domainPatients {
		patient := uint32((1+stain.index())*maxPatients + p)
		for i := range c.Patches {
			patches = append(patches, patch{
				image:   dataset.Image{Name: fmt.Sprintf("%s-%04d.png", patientName(patient), i)},
				patient: patient, number: uint32(i), class: Classes[i%len(Classes)], stain: stain,
			})
		}
	}
	return draw(c.Seed, patches, side)
}

func patientName(patient uint32) string { return fmt.Sprintf("p%05d", patient) }

func known(stain Stain) error {
	for _, s := range Stains {
		if s == stain {
			return nil
		}
	}
	return fault.New(fault.ErrSpec, "synthetic tissue has no stain %q", string(stain)).WithHint("it has %v", Stains)
}

// draw renders patches on all processors.
func draw(seed uint32, patches []patch, side int) (*dataset.Set, error) {
	if side < 1 {
		return nil, fault.New(fault.ErrSpec, "the side of images is %d pixels, and must be at least 1", side)
	}
	for _, p := range patches {
		if err := known(p.stain); err != nil {
			return nil, err
		}
	}
	images := make([]dataset.Image, len(patches))
	pixels := make([][]uint8, len(patches))
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), len(patches))
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(patches); i += workers {
				p := patches[i]
				images[i] = p.image
				pixels[i] = Render(seed, p.patient, p.number, p.class, p.stain, side)
			}
		})
	}
	wg.Wait()
	return dataset.New(side, images, pixels), nil
}

// Write draws the whole world below dir, as a user's own data would lie there:
//
//	unlabelled/<STAIN>/<patient>-<number>.png
//	labelled/<split>/<class>/<patient>-<number>.png
//	labels.csv   path,label,patient of all labelled images
//
// The labelled folders have their patients by GroupPattern.
func Write(dir string, c Config, source Stain, side int) error {
	for _, stain := range Stains {
		domain, err := Domain(c, stain, side)
		if err != nil {
			return err
		}
		if err := dataset.WriteFolder(filepath.Join(dir, "unlabelled", string(stain)), domain); err != nil {
			return err
		}
	}
	labelled, err := Labelled(c, source, side)
	if err != nil {
		return err
	}
	var table []dataset.Image
	for _, split := range dataset.Splits {
		part := labelled.Split(split)
		if err := dataset.WriteFolder(filepath.Join(dir, "labelled", string(split)), part); err != nil {
			return err
		}
		for i := range part.Len() {
			im := part.Image(i)
			im.Name = path.Join("labelled", string(split), im.Name)
			table = append(table, im)
		}
	}
	return dataset.WriteTable(filepath.Join(dir, "labels.csv"), table)
}

// GroupPattern finds the patient in the file names that Write gives.
const GroupPattern = `^(?P<patient>p\d+)-\d+$`
