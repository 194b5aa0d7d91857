package dataset

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"g2c/internal/fault"
	"g2c/internal/remote"
)

// mirror is a folder of this machine as if it lay in a bucket.
type mirror struct {
	dir   string
	reads atomic.Int32
	down  error // what every call fails with
}

const bucketAddress = "s3://bucket/"

func (m *mirror) List(_ context.Context, begin string) ([]remote.File, error) {
	if m.down != nil {
		return nil, m.down
	}
	plain, options := remote.Split(begin)
	var all []remote.File
	err := filepath.WalkDir(m.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(m.dir, path)
		if err != nil || !strings.HasPrefix(bucketAddress+filepath.ToSlash(rel), plain) {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		all = append(all, remote.File{
			Address: bucketAddress + filepath.ToSlash(rel) + options, Place: "host/" + rel, Size: info.Size(), Modified: info.ModTime(), Tag: fmt.Sprint(crc32.ChecksumIEEE(data)),
		})
		return nil
	})
	return all, err
}

func (m *mirror) Read(_ context.Context, f remote.File) ([]byte, error) {
	m.reads.Add(1)
	if m.down != nil {
		return nil, m.down
	}
	plain, _ := remote.Split(f.Address)
	return os.ReadFile(filepath.Join(m.dir, strings.TrimPrefix(plain, bucketAddress)))
}

// hospital is labelled and unlabelled images, with what lies beside images elsewhere.
func hospital(t *testing.T) *mirror {
	t.Helper()
	dir := t.TempDir()
	tree(t, dir, "he/p1/1.png", "he/p1/2.png", "he/p2/1.png", "he/.hidden/1.png", "he/._1.png", "pas/1.png",
		"train/gs/p1_1.png", "train/gs/p2_1.png", "train/noa/p3_1.png", "train/noa/deep/p4_1.png", "test/gs/p5_1.png", "test/noa/p6_1.png")
	write(t, filepath.Join(dir, "he", "notes.txt"), []byte("notes"))
	write(t, filepath.Join(dir, "he", "scan.bmp"), []byte("BM"))
	write(t, filepath.Join(dir, "tables", "train.csv"), []byte("path,label,patient\n../train/gs/p1_1.png,gs,p1\n../train/noa/p3_1.png,noa,p3\n"))
	return &mirror{dir: dir}
}

// What lies in a bucket is the same set as in a folder, however it is named: same names,
// same pixels, same counts of what is no image.
func TestRemoteImagesAreThoseOfTheFolder(t *testing.T) {
	m := hospital(t)
	for _, path := range []string{"he", "he/", "he/p1", "he/p1/2.png", "h*/p?/*.png", "he/**", "he/p*/"} {
		want, wantReport, err := Unlabelled(background, []string{m.dir + "/" + path}, Options{Side: 8})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, options := range []string{"", "?endpoint=http://host:1"} {
			got, r, err := Unlabelled(background, []string{bucketAddress + path + options}, Options{Side: 8, Remote: m})
			if err != nil {
				t.Fatalf("%s%s: %v", path, options, err)
			}
			equalSets(t, got, want)
			if r.Ignored != wantReport.Ignored || len(r.Unread) != len(wantReport.Unread) {
				t.Errorf("%s: %d ignored, %v unread; want %d, %v", path, r.Ignored, r.Unread, wantReport.Ignored, wantReport.Unread)
			}
		}
	}
}

func TestRemoteLabelledImages(t *testing.T) {
	m := hospital(t)
	const pattern = `(?P<patient>p\d)_`
	for from, paths := range map[string][2]string{"folders": {"train", "test"}, "a table": {"tables/train.csv", "test"}} {
		local := Labelled{Train: []string{filepath.Join(m.dir, paths[0])}, Test: []string{filepath.Join(m.dir, paths[1])}, GroupPattern: pattern, By: FromPattern}
		distant := local
		distant.Train, distant.Test = []string{bucketAddress + paths[0]}, []string{bucketAddress + paths[1]}
		want, _, err := LoadLabelled(background, local, Options{Side: 8})
		if err != nil {
			t.Fatalf("%s: %v", from, err)
		}
		got, _, err := LoadLabelled(background, distant, Options{Side: 8, Remote: m})
		if err != nil {
			t.Fatalf("%s: %v", from, err)
		}
		equalSets(t, got, want)
		if got.Image(0).Label != want.Image(0).Label || got.Image(0).Group != want.Image(0).Group {
			t.Errorf("%s: %+v, want %+v", from, got.Image(0), want.Image(0))
		}
	}
	// A table of this machine may name images elsewhere.
	table := filepath.Join(t.TempDir(), "t.csv")
	write(t, table, []byte("path,label,patient\ns3://bucket/train/gs/p1_1.png,gs,p1\ns3://bucket/train/noa/p3_1.png,noa,p3\n"))
	s, _, err := LoadLabelled(background, Labelled{Train: []string{table}}, Options{Side: 8, Remote: m})
	if err != nil || s.Len() != 2 {
		t.Errorf("%v", err)
	}
	for path, labelled := range map[string]bool{"train": true, "train/gs": false, "tables/train.csv": true} {
		s, _, err := Open(background, bucketAddress+path, "", "", Options{Side: 8, Remote: m})
		if err != nil || (len(s.Classes()) > 0) != labelled {
			t.Errorf("open %s: %v", path, err)
		}
	}
}

// The second look lists and reads nothing, what has changed is read again, and pixels that
// the cache lost are read from where they came.
func TestRemoteImagesAreCached(t *testing.T) {
	m, cacheDir := hospital(t), t.TempDir()
	load := func() (*Set, *Report) {
		t.Helper()
		s, r, err := Unlabelled(background, []string{bucketAddress + "he"}, Options{Side: 8, Remote: m, Cache: openCache(t, cacheDir)})
		if err != nil {
			t.Fatal(err)
		}
		return s, r
	}
	first, r := load()
	if n := int(m.reads.Swap(0)); n != first.Len() || r.Opened != n {
		t.Errorf("%d of %d images were read", n, first.Len())
	}
	second, r := load()
	if n := m.reads.Load(); n > 0 || r.Opened > 0 || r.Cached != second.Len() {
		t.Errorf("%d images were read again; %d opened, %d cached", n, r.Opened, r.Cached)
	}
	equalSets(t, second, first)
	write(t, filepath.Join(m.dir, "he", "p2", "1.png"), encodePNG(t, picture(8, 8, 999)))
	third, _ := load()
	if n := m.reads.Swap(0); n != 1 || third.Fingerprint() == first.Fingerprint() {
		t.Errorf("%d images were read after one had changed", n)
	}
	for _, path := range shards(t, cacheDir) {
		if err := os.Truncate(path, 10); err != nil {
			t.Fatal(err)
		}
	}
	for i := range third.Len() {
		if len(pixels(t, third, i)) == 0 {
			t.Error("no pixels")
		}
	}
	if m.reads.Load() == 0 {
		t.Error("nothing was read in place of what was damaged")
	}
}

func TestRemoteErrors(t *testing.T) {
	m := hospital(t)
	opt := Options{Side: 8, Remote: m}
	for path, says := range map[string]string{"none": "no image", "none/*.png": "no image", "he/none.png": "no image", "tables": "no image", "he/[": "pattern"} {
		_, _, err := Unlabelled(background, []string{bucketAddress + path}, opt)
		wantData(t, err, path, says)
	}
	_, _, err := Unlabelled(background, []string{bucketAddress + "he"}, Options{Side: 8})
	wantData(t, err, "only folders")
	_, _, err = LoadLabelled(background, Labelled{Train: []string{bucketAddress + "train/gs"}}, opt)
	wantData(t, err, "beside the class folders")
	_, _, err = LoadLabelled(background, Labelled{Train: []string{bucketAddress + "none.csv"}}, opt)
	wantData(t, err, "no such table")
	write(t, filepath.Join(m.dir, "tables", "bad.csv"), []byte("path,label\nnowhere.png,gs\n"))
	_, _, err = LoadLabelled(background, Labelled{Train: []string{bucketAddress + "tables/bad.csv"}}, opt)
	wantData(t, err, "line 2", "nowhere.png")
	m.down = fault.New(fault.ErrUnavailable, "the server is away")
	if _, _, err := Unlabelled(background, []string{bucketAddress + "he"}, opt); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}
