// Package tiff reads TIFF and BigTIFF images as microscopes and their programs write
// them: strips and tiles, colours together or a plane each, JPEG, LZW, deflate, PackBits
// and fax compression, grey, palette, RGB, YCbCr and CMYK. What it does not read it
// calls by its name, in a Refusal. It reads what anyone may have written: every size is
// held to the file's length or to a limit before memory is taken for it.
//
// Words: a *page* is one image of a file, described by a *directory* of tags; a *segment*
// is a strip or a tile, compressed by itself; a *sample* is one number of a pixel.
//
// Source: TIFF 6.0 (Adobe, 1992), Supplement 2 and Technical Note 2 for deflate and JPEG,
// and the BigTIFF design of libtiff.
package tiff
