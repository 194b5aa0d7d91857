package filekind

import (
	"path/filepath"
	"strings"
)

// slides are the extensions of whole slides.
var slides = map[string]bool{
	".svs": true, ".ndpi": true, ".ndpis": true, ".mrxs": true, ".scn": true, ".vms": true, ".vmu": true, ".czi": true, ".bif": true, ".svslide": true,
	".isyntax": true, ".tmap": true, ".kfb": true, ".sdpc": true, ".nd2": true, ".lif": true, ".vsi": true, ".ets": true, ".qptiff": true, ".afi": true,
	".i2syntax": true, ".tron": true, ".mds": true, ".lei": true,
}

// images are the extensions of other images than JPEG, PNG and TIFF.
var images = map[string]bool{
	".bmp": true, ".dib": true, ".gif": true, ".webp": true, ".jp2": true, ".j2k": true, ".jpx": true, ".jpf": true, ".j2c": true, ".jxl": true, ".jxr": true,
	".wdp": true, ".heic": true, ".heif": true, ".hif": true, ".avif": true, ".dcm": true, ".dicom": true, ".svg": true, ".psd": true, ".xcf": true,
	".exr": true, ".hdr": true, ".pbm": true, ".pgm": true, ".ppm": true, ".pnm": true, ".tga": true, ".pcx": true, ".ico": true, ".dng": true, ".cr2": true,
	".nef": true, ".arw": true, ".raw": true, ".fits": true, ".nii": true, ".mha": true, ".npy": true, ".npz": true, ".lsm": true, ".oib": true, ".oif": true,
	".zarr": true, ".btf": true,
}

// Slide says whether a file has the name of a whole slide.
func Slide(name string) bool { return slides[Ext(name)] }

// Image says whether a file has the name of an image other than JPEG, PNG and TIFF, or of
// a whole slide.
func Image(name string) bool { return images[Ext(name)] || Slide(name) }

// Ext is a name's extension in lower case, with its dot.
func Ext(name string) string { return strings.ToLower(filepath.Ext(name)) }
