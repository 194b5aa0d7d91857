package pixelcache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// folder is what is known of the files of one folder, by name.
type folder struct {
	files   map[string]known
	changed bool // since it was read or written
}

// known is a file: what it was, and where its image is.
type known struct {
	stat Stat
	hash Hash
	id   [idBytes]byte // of the shard; zeros where it is in none yet
	slot int
	file *File // as long as it has no id
}

// Remember says what the bytes of a file at a path, without links, were found to be. It
// is believed next time if the file had not changed for a while when it was read.
func (c *Cache) Remember(sidePixels int, path string, st Stat, h Hash, r Ref) {
	if !st.settled(c.opt.Now()) || !r.Kept() {
		return
	}
	s := c.side(sidePixels)
	s.mu.Lock()
	defer s.mu.Unlock()
	dir, name := filepath.Split(path)
	f := s.folder(dir)
	f.files[name] = known{stat: st, hash: h, slot: r.slot, file: r.file}
	f.changed = true
}

// folder is what is known of a folder's files.
func (s *side) folder(dir string) *folder {
	f := s.index[dir]
	if f == nil {
		f = &folder{files: map[string]known{}}
		if s.dir != "" {
			if data, err := os.ReadFile(s.indexPath(dir)); err == nil {
				if files, err := parseFolder(data, dir); err == nil { // else it is written anew
					f.files = files
				}
			}
		}
		s.index[dir] = f
	}
	return f
}

func (s *side) indexPath(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return filepath.Join(s.dir, indexFolder, hex.EncodeToString(sum[:20])+".idx")
}

const indexFolder = "index"

// writeFolder writes what is known of a folder: as far as it lies in shards that have
// names.
func (s *side) writeFolder(dir string, f *folder) error {
	lasting := map[string]known{}
	for name, k := range f.files {
		if k.file != nil {
			k.id = k.file.lasting()
		}
		if k.id != ([idBytes]byte{}) {
			lasting[name] = k
		}
	}
	return writeFile(s.indexPath(dir), appendFolder(nil, dir, lasting))
}

// An index file: magic | the folder's path, its length u32 before it | files u32 | for
// each, by name: name, its length u32 before it | size, modified, changed, inode, 8 bytes
// each | SHA-256 of its bytes | id of the shard | place in it u32; and at the end the
// CRC-32C of all that.
const indexMagic = "g2cindex\x01"

const knownBytes = 4*8 + sha256.Size + idBytes + 4 // of a file, behind its name

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFolder(b []byte, dir string, files map[string]known) []byte {
	le := binary.LittleEndian
	text := func(t string) {
		b = le.AppendUint32(b, uint32(len(t)))
		b = append(b, t...)
	}
	b = append(b, indexMagic...)
	text(dir)
	b = le.AppendUint32(b, uint32(len(files)))
	for _, name := range slices.Sorted(maps.Keys(files)) {
		k := files[name]
		text(name)
		for _, v := range [4]uint64{uint64(k.stat.Size), uint64(k.stat.Modified), uint64(k.stat.Changed), k.stat.Inode} {
			b = le.AppendUint64(b, v)
		}
		b = append(b, k.hash[:]...)
		b = append(b, k.id[:]...)
		b = le.AppendUint32(b, uint32(k.slot))
	}
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

var errIndex = errors.New("damaged index of a folder")

// parseFolder reads the index of a folder.
func parseFolder(b []byte, dir string) (map[string]known, error) {
	le := binary.LittleEndian
	if len(b) < len(indexMagic)+4 || string(b[:len(indexMagic)]) != indexMagic ||
		crc32.Checksum(b[:len(b)-4], castagnoli) != le.Uint32(b[len(b)-4:]) {
		return nil, errIndex
	}
	b = b[len(indexMagic) : len(b)-4]
	ok := true
	take := func(n int) []byte {
		if ok = ok && n >= 0 && n <= len(b); !ok {
			return nil
		}
		head := b[:n]
		b = b[n:]
		return head
	}
	number := func() uint32 {
		if x := take(4); ok {
			return le.Uint32(x)
		}
		return 0
	}
	if string(take(int(number()))) != dir {
		return nil, errIndex
	}
	files := map[string]known{}
	for range number() {
		name := string(take(int(number())))
		x := take(knownBytes)
		if !ok {
			return nil, errIndex
		}
		k := known{stat: Stat{int64(le.Uint64(x)), int64(le.Uint64(x[8:])), int64(le.Uint64(x[16:])), le.Uint64(x[24:])}}
		copy(k.hash[:], x[32:])
		copy(k.id[:], x[32+sha256.Size:])
		k.slot = int(le.Uint32(x[knownBytes-4:]))
		files[name] = k
	}
	if !ok || len(b) > 0 {
		return nil, errIndex
	}
	return files, nil
}
