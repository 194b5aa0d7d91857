package dataset

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// fitted is one image of the set's side, and what it was before.
type fitted struct {
	pix    []uint8
	hash   [sha256.Size]byte // of pix
	origin [sha256.Size]byte // of the file's own pixels: see rgb.hash
	w, h   int               // of the file
	kind   Kind
	mapped []byte // the mapping that pix lies in, or nil
}

// cache keeps decoded and resized pixels in a directory, under a name made of
// everything they depend on. Entries are written whole and renamed into place,
// so any number of processes may share the directory; an entry that fails its
// checks is written anew. The zero cache keeps nothing.
//
// An entry, numbers little-endian:
//
//	 0  magic "G2CPIX2\n"
//	 8  side u32 | width u32 | height u32 | kind u32     width, height: of the file
//	24  SHA-256 of the pixels (32 bytes)
//	56  SHA-256 of the file's own pixels (32 bytes)
//	88  CRC-32C of bytes 0 to 87 | zero u32
//	96  pixels, side*side*3 bytes: rows, columns, RGB
type cache struct{ dir string }

const (
	cacheMagic       = "G2CPIX2\n"
	cacheVersion     = 2 // of entries: rises with the magic, so that none of another form is met
	cacheHeaderBytes = 96
	cacheSumAt       = 24
	cacheOriginAt    = 56
	cacheCRCAt       = 88
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// path is where the entry of a file's bytes lies. The fit is not in the name:
// `refuse` and `resize` agree wherever both accept.
func (c cache) path(data []byte, side int) string {
	h := sha256.New()
	fmt.Fprintf(h, "g2c pixels %d side %d entry %d\n", fitVersion, side, cacheVersion)
	h.Write(data)
	name := hex.EncodeToString(h.Sum(nil))
	return filepath.Join(c.dir, name[:2], name+".rgb")
}

// errDamaged is an entry that fails its checks: to be rebuilt.
var errDamaged = errors.New("cache entry is damaged")

// read maps an entry and checks it; fs.ErrNotExist where there is none.
func (c cache) read(path string, side int) (fitted, error) {
	f, err := os.Open(path)
	if err != nil {
		return fitted{}, err
	}
	defer f.Close()
	size := cacheHeaderBytes + side*side*3
	if info, err := f.Stat(); err != nil || info.Size() != int64(size) {
		return fitted{}, errDamaged
	}
	entry, mapped := []byte(nil), []byte(nil)
	if entry, err = mapFile(f, size); err == nil {
		mapped = entry
	} else { // no mappings here, or none left: a copy does as well
		entry = make([]byte, size)
		if _, err := io.ReadFull(f, entry); err != nil {
			return fitted{}, errDamaged
		}
	}
	out, err := parseEntry(entry, side)
	if err != nil {
		if mapped != nil {
			err = errors.Join(err, unmapFile(mapped))
		}
		return fitted{}, err
	}
	out.mapped = mapped
	return out, nil
}

func parseEntry(entry []byte, side int) (fitted, error) {
	u32 := binary.LittleEndian.Uint32
	if len(entry) != cacheHeaderBytes+side*side*3 || string(entry[:8]) != cacheMagic ||
		u32(entry[cacheCRCAt:]) != crc32.Checksum(entry[:cacheCRCAt], castagnoli) || u32(entry[8:]) != uint32(side) {
		return fitted{}, errDamaged
	}
	out := fitted{pix: entry[cacheHeaderBytes:], w: int(u32(entry[12:])), h: int(u32(entry[16:])), kind: Kind(u32(entry[20:]))}
	out.hash, out.origin = sha256.Sum256(out.pix), [sha256.Size]byte(entry[cacheOriginAt:])
	if out.hash != [sha256.Size]byte(entry[cacheSumAt:]) {
		return fitted{}, errDamaged
	}
	return out, nil
}

// write stores an entry under its path. Another process may do the same at the
// same time: both write equal bytes.
func (c cache) write(path string, side int, im fitted) error {
	header := make([]byte, 0, cacheHeaderBytes)
	header = append(header, cacheMagic...)
	for _, v := range []int{side, im.w, im.h, int(im.kind)} {
		header = binary.LittleEndian.AppendUint32(header, uint32(v))
	}
	header = append(header, im.hash[:]...)
	header = append(header, im.origin[:]...)
	header = binary.LittleEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
	header = binary.LittleEndian.AppendUint32(header, 0)
	return writeAtomic(path, header, im.pix)
}

// writeAtomic writes parts to a temporary file beside path and renames it.
func writeAtomic(path string, parts ...[]byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreMissing(os.Remove(f.Name())))
		}
	}()
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := f.Chmod(0o644); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
