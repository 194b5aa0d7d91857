package results

import "g2c/model/metrics"

// AuthenticityVersion is the version of these numbers: what another version found is looked
// at again.
const AuthenticityVersion = 1

// Authenticity is what joint training made of the generators of one fine-tuning.
type Authenticity struct {
	Version    int         `json:"version"`             // AuthenticityVersion of the program that looked
	Of         string      `json:"of"`                  // the images: test, or unlabelled
	Images     int         `json:"images"`              // of the source stain, the same for all generators
	Inception  string      `json:"inception,omitempty"` // SHA-256 of the file of the network that KIDs are of
	Generators []Authentic `json:"generators"`          // those that were trained before, by stain
}

// The images that generators are judged on.
const (
	OfTest       = "test"       // labelled test images: nothing was trained on them
	OfUnlabelled = "unlabelled" // those of pretraining, where there are no test images
)

// Authentic is one generator before joint training, as it was pretrained, and after.
type Authentic struct {
	Stain      string `json:"stain"`
	Pretrained string `json:"pretrained"` // key of the task that trained it
	Before     Looks  `json:"before"`
	After      Looks  `json:"after"`
	Drift      Drift  `json:"drift"`
	// RealCheckering is the checkering of real images of the stain; undefined where there
	// are none.
	RealCheckering metrics.Number `json:"realCheckering"`
}

// Looks judges what a generator makes of the images, as bytes, on [0,1].
type Looks struct {
	CycleL1   *metrics.Number `json:"cycleL1,omitempty"`   // mean |back(G(x)) − x|, back the pretraining's backward generator, where that is kept
	CycleSSIM *metrics.Number `json:"cycleSSIM,omitempty"` // of the same pairs

	ColourDistance metrics.Number  `json:"colourDistance"` // of mean colours, to the real stain; undefined without its images
	Checkering     metrics.Number  `json:"checkering"`     // amplitude: the root of the mean metrics.CheckerEnergy
	SSIM           *metrics.Number `json:"ssim,omitempty"` // against the truth, of synthetic tissue
	PSNR           *metrics.Number `json:"psnr,omitempty"` // decibels
	// KID is the kernel Inception distance to the real stain, where somebody brought the
	// network, and KIDSE its standard error: metrics.KID.
	KID   *metrics.Number `json:"kid,omitempty"`
	KIDSE *metrics.Number `json:"kidSE,omitempty"`
}

// Drift is how far a generator went from what was pretrained; all of a generator that stood
// still is 0, and its SSIM 1.
type Drift struct {
	Weights metrics.Number `json:"weights"`   // ‖after − before‖₂ / ‖before‖₂
	Images  metrics.Number `json:"images"`    // mean |difference| of what they make
	SSIM    metrics.Number `json:"imageSSIM"` // of the same pairs
}

// Still says that the generator is the pretrained one, number by number.
func (d Drift) Still() bool { return d.Weights == 0 }

// Shown is what the generators of a fine-tuning make of a few of the images that they are
// judged on: RGB, (images,Size,Size,3).
type Shown struct {
	Size   int
	Names  []string
	Source []uint8
	Stains []ShownStain // in the order of Authenticity.Generators
}

// ShownStain is these images in one stain; Truth is nil where it is not known.
type ShownStain struct {
	Stain                string
	Before, After, Truth []uint8
}
