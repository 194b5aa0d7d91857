package tiff

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
)

// tags are a page's tags as 32-bit numbers, and a description.
type tags map[uint16][]uint32

// build makes a little-endian file of pages; the pixels of each are one strip.
func build(pixels []byte, description string, pages ...tags) []byte {
	le := binary.LittleEndian
	out := []byte("II*\x00\x00\x00\x00\x00")
	link := 4 // where the next directory's place stands
	for _, p := range pages {
		p = maps.Clone(p)
		strip := len(out)
		out = append(out, pixels...)
		if _, given := p[tagTileWidth]; given {
			p[tagTileOffsets], p[tagTileCounts] = []uint32{uint32(strip)}, []uint32{uint32(len(pixels))}
		} else {
			p[tagStripOffsets], p[tagStripCounts] = []uint32{uint32(strip)}, []uint32{uint32(len(pixels))}
		}
		text := len(out)
		out = append(out, description+"\x00"...)
		beyond := map[uint16]int{}
		for tag, values := range p {
			if len(values) > 1 {
				beyond[tag] = len(out)
				for _, v := range values {
					out = le.AppendUint32(out, v)
				}
			}
		}
		p[tagDescription] = nil
		le.PutUint32(out[link:], uint32(len(out)))
		out = le.AppendUint16(out, uint16(len(p)))
		for _, tag := range slices.Sorted(maps.Keys(p)) {
			out = le.AppendUint16(out, tag)
			values := p[tag]
			kind, count, value := uint16(4), uint32(len(values)), uint32(beyond[tag])
			switch {
			case tag == tagDescription:
				kind, count, value = 2, uint32(len(description)+1), uint32(text)
			case len(values) == 1:
				value = values[0]
			}
			out = le.AppendUint32(le.AppendUint32(le.AppendUint16(out, kind), count), value)
		}
		link = len(out)
		out = append(out, 0, 0, 0, 0)
	}
	return out
}

// rgb are the tags of a page of RGB pixels.
func rgb(w, h uint32) tags {
	return tags{tagWidth: {w}, tagHeight: {h}, tagBits: {8, 8, 8}, tagPhotometric: {trueColour}, tagSamples: {3}}
}

// with is tags with more of them.
func (t tags) with(tag uint16, values ...uint32) tags {
	t = maps.Clone(t)
	t[tag] = values
	return t
}

// ramp is n bytes that differ.
func ramp(n int) []byte {
	return bytes.Repeat([]byte{10, 60, 110, 160, 210, 250}, n/6+1)[:n]
}
