package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// cacheDir is where decoded pixels are kept, as a flag says or with the user's other
// caches. It is empty, and a note says why, where the machine has no place for it: a cache
// saves time, and is worth no error.
func cacheDir(flag string) string {
	dir, err := cachePlace(flag)
	if err == nil {
		return dir
	}
	if entries, e := os.ReadDir(dir); e == nil && len(entries) > 0 {
		return dir // it can be read at least
	}
	say("note: nothing is cached, and images are decoded anew in every run: %v (give a folder with --cache)", err)
	return ""
}

// cachePlace is the folder of decoded pixels, and what is wrong with it.
func cachePlace(flag string) (string, error) {
	dir := flag
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("this user has no cache directory: %w", err)
		}
		dir = filepath.Join(user, "g2c", "pixels")
	}
	place, err := standing(dir)
	if err == nil {
		if err = tryFolder(place); err != nil {
			err = fmt.Errorf("%s: %w", dir, err)
		}
	}
	return dir, err
}

// standing is a folder, or the nearest above it that is there.
func standing(dir string) (string, error) {
	place := dir
	for {
		info, err := os.Stat(place)
		if _, linked := os.Readlink(place); linked == nil && errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s: %s is a link that leads nowhere", dir, place)
		}
		if errors.Is(err, fs.ErrNotExist) && filepath.Dir(place) != place {
			place = filepath.Dir(place)
			continue
		}
		switch {
		case err != nil:
			if at := (*fs.PathError)(nil); errors.As(err, &at) { // the folder is in the message already
				err = at.Err
			}
			return "", fmt.Errorf("%s cannot be used: %w", dir, err)
		case info.IsDir():
			return place, nil
		case place == dir:
			return "", fmt.Errorf("%s is a file, not a folder", dir)
		}
		return "", fmt.Errorf("%s: %s is a file, not a folder", dir, place)
	}
}

// probeBytes is more than any file system writes without asking whether there is room.
const probeBytes = 4096

// tryFolder writes a file into a folder and removes it.
func tryFolder(dir string) error {
	f, err := os.CreateTemp(dir, ".g2c-try-*")
	if err == nil {
		_, err = f.Write(make([]byte, probeBytes))
		err = errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	var at *fs.PathError // the name of the file says nothing
	if errors.As(err, &at) {
		return fmt.Errorf("%s cannot be written: %w", dir, at.Err)
	}
	return err
}
