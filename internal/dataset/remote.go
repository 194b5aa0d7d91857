package dataset

import (
	"context"
	"hash/fnv"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"g2c/internal/fault"
	"g2c/internal/filekind"
	"g2c/internal/pixelcache"
	"g2c/internal/remote"
)

// distant is where an image on another machine is read from.
type distant struct {
	files remote.Files
	file  remote.File
}

func (d *distant) read(ctx context.Context) ([]byte, error) {
	if d.file.Size > maxFileBytes {
		return nil, marked{errTooLong, errBadImage}
	}
	return d.files.Read(ctx, d.file)
}

// stat is what tells a file that may have changed from one that has not.
func (d *distant) stat() pixelcache.Stat {
	h := fnv.New64a()
	h.Write([]byte(d.file.Tag))
	at := d.file.Modified.UnixNano()
	return pixelcache.Stat{Size: d.file.Size, Modified: at, Changed: at, Inode: h.Sum64()}
}

// stat is that of a file, wherever it lies.
func (f file) stat() (pixelcache.Stat, error) {
	if f.distant != nil {
		return f.distant.stat(), nil
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return pixelcache.Stat{}, err
	}
	return pixelcache.StatOf(info), nil
}

// read reads a file, wherever it lies.
func (f file) read(ctx context.Context) ([]byte, error) {
	if f.distant != nil {
		return f.distant.read(ctx)
	}
	return readFile(f.path)
}

// below lists what lies below an address; without options.
func (f *finder) below(begin, options string) ([]remote.File, error) {
	if f.files == nil {
		return nil, fault.New(fault.ErrData, "data %s: only folders, globs and files of this machine can be read here", Show(begin)).
			WithHint("copy or mount the data and name the folder")
	}
	return f.files.List(f.ctx, begin+options)
}

// newDistant is a file below root, both without options, as newFile is one of this machine.
func (f *finder) newDistant(root, plain string, r remote.File) (file, error) {
	if filekind.Slide(plain) {
		return file{}, fault.New(fault.ErrData, "data %s is a whole slide, and slides are not read whole", Show(plain)).WithHint("cut it into patches")
	}
	name := relativeAddress(root, plain)
	if err := checkText("the name of image", name); err != nil {
		return file{}, err
	}
	return file{path: plain, real: r.Place, image: Image{Name: NFC(name)}, distant: &distant{f.files, r}}, nil
}

// relativeAddress is an address below a folder's; the address itself in another bucket.
func relativeAddress(root, plain string) string {
	if bucket := bucketPart(plain); bucket != bucketPart(root+"/") {
		return plain
	}
	return relative(root, plain)
}

// bucketPart is an address up to the slash behind its host.
func bucketPart(plain string) string {
	scheme, rest, _ := strings.Cut(plain, "://")
	bucket, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + bucket + "/"
}

// gathering is what was found below an address.
type gathering struct {
	found  []file
	unread map[string]int // images of kinds that are not read, by extension
	other  int            // files that are no images
}

// gather takes the images below root whose names, relative to it, are wanted.
func (f *finder) gather(root, options string, wanted func(name string) bool) (map[string]*gathering, error) {
	all, err := f.below(root+"/", options)
	if err != nil {
		return nil, err
	}
	byFolder := map[string]*gathering{} // the first part of the name; "" for what lies in root itself
	for _, r := range all {
		plain, _ := remote.Split(r.Address)
		name := strings.TrimPrefix(plain, root+"/")
		if name == "" || strings.HasSuffix(name, "/") || slices.ContainsFunc(strings.Split(name, "/"), passedOver) || !wanted(name) {
			continue
		}
		folder, _, nested := strings.Cut(name, "/")
		if !nested {
			folder = ""
		}
		g := byFolder[folder]
		if g == nil {
			g = &gathering{unread: map[string]int{}}
			byFolder[folder] = g
		}
		switch {
		case IsImageName(name):
			file, err := f.newDistant(root, plain, r)
			if err != nil {
				return nil, err
			}
			g.found = append(g.found, file)
		case filekind.Image(name):
			g.unread[filekind.Ext(name)]++
		default:
			g.other++
		}
	}
	return byFolder, nil
}

// listAddress finds the images of an address: below it, of a pattern, or the one that it is.
func listAddress(address string, find *finder, r *Report) ([]file, error) {
	plain, options := remote.Split(address)
	if IsImageName(plain) && !isGlob(plain) {
		r, err := find.lookup(plain, options)
		if err != nil {
			return nil, err
		}
		if r != nil {
			one, err := find.newDistant(plain[:strings.LastIndexByte(plain, '/')], plain, *r)
			return []file{one}, err
		}
	}
	root, wanted, err := wantedBelow(plain)
	if err != nil {
		return nil, err
	}
	byFolder, err := find.gather(root, options, wanted)
	if err != nil {
		return nil, err
	}
	all := gathering{unread: map[string]int{}}
	for _, folder := range slices.Sorted(maps.Keys(byFolder)) {
		all.add(byFolder[folder])
	}
	return all.files("data "+Show(address), r)
}

func (g *gathering) add(o *gathering) {
	g.found, g.other = append(g.found, o.found...), g.other+o.other
	for ext, n := range o.unread {
		g.unread[ext] += n
	}
}

// files are the images that were found, in order; the report has the counts of the rest.
func (g *gathering) files(what string, r *Report) ([]file, error) {
	if len(g.found) == 0 {
		return nil, noImage(what, g.unread)
	}
	r.addUnread(g.unread)
	r.Ignored += g.other
	sortFiles(g.found)
	return g.found, nil
}

// wantedBelow parts an address into the folder that is listed and what is wanted of it.
func wantedBelow(plain string) (root string, wanted func(string) bool, err error) {
	if !isGlob(plain) {
		return strings.TrimRight(plain, "/"), func(string) bool { return true }, nil
	}
	fixed := plain[:strings.IndexAny(plain, special)]
	at := strings.LastIndexByte(fixed, '/')
	p, err := newPattern(plain[at+1:])
	if err != nil {
		return "", nil, fault.New(fault.ErrData, "data %s: %w", Show(plain), err).WithHint(`a special character of a name is written with a backslash before it`)
	}
	return plain[:at], func(name string) bool {
		for i := range len(name) { // everything in a folder that matches is wanted
			if name[i] == '/' && p.matches(name[:i]) {
				return true
			}
		}
		return !p.folders && p.matches(name)
	}, nil
}

// listRemoteClasses lists an address below which folders are classes.
func (l *lister) listRemoteClasses(address string) ([]file, error) {
	plain, options := remote.Split(address)
	root := strings.TrimRight(plain, "/")
	classes, err := l.find.gather(root, options, func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	var all []file
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		g := classes[class]
		if class == "" {
			if len(g.found) > 0 {
				return nil, fault.New(fault.ErrData, "image %s lies beside the class folders, so it has no class", Show(g.found[0].path)).
					WithHint("move it into the folder of its class")
			}
			l.r.addUnread(g.unread)
			l.r.Ignored += g.other
			continue
		}
		if err := checkText("the name of class folder", class); err != nil {
			return nil, err
		}
		found, err := g.files("data folder "+Show(root+"/"+class), l.r)
		if err != nil {
			return nil, err
		}
		for i := range found {
			found[i].image.Label = NFC(class)
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.ErrData, "labelled data %s has no class folder", Show(address)).WithHint("put the images of each class below a folder of its name, or give a CSV")
	}
	sortFiles(all)
	return all, nil
}

// lookup describes the one file of an address; nil where there is none. The folder that it
// lies in is listed once: a table names many files of few folders.
func (f *finder) lookup(plain, options string) (*remote.File, error) {
	folder := plain[:strings.LastIndexByte(plain, '/')+1]
	key := folder + options
	if f.listed[key] == nil {
		all, err := f.below(folder, options)
		if err != nil {
			return nil, err
		}
		byAddress := make(map[string]remote.File, len(all))
		for _, r := range all {
			at, _ := remote.Split(r.Address)
			byAddress[at] = r
		}
		if f.listed == nil {
			f.listed = map[string]map[string]remote.File{}
		}
		f.listed[key] = byAddress
	}
	if r, ok := f.listed[key][plain]; ok {
		return &r, nil
	}
	return nil, nil
}

// joined is the address that a path in a table of an address's folder means.
func joined(table, name string) string {
	if remote.Is(name) {
		return name
	}
	plain, options := remote.Split(table)
	scheme, rest, _ := strings.Cut(plain, "://")
	return scheme + "://" + path.Join(path.Dir(rest), name) + options
}

// tableRow is the image of a row whose path is an address, or lies beside a table that has one.
func (f *finder) tableRow(table string, x row) (file, error) {
	address := joined(table, x.path)
	plain, options := remote.Split(address)
	r, err := f.lookup(plain, options)
	if err != nil {
		return file{}, err
	}
	if r == nil {
		return file{}, fault.New(fault.ErrData, "table %s: line %d: there is no %s", Show(table), x.line, Show(plain)).
			WithHint("paths are relative to the folder of the table")
	}
	at, _ := remote.Split(table)
	return f.newDistant(at[:strings.LastIndexByte(at, '/')], plain, *r)
}

// tableBytes reads a table, wherever it lies.
func (f *finder) tableBytes(table string) ([]byte, error) {
	if !remote.Is(table) {
		return readTableFile(table)
	}
	plain, options := remote.Split(table)
	r, err := f.lookup(plain, options)
	switch {
	case err != nil:
		return nil, err
	case r == nil:
		return nil, fault.New(fault.ErrData, "data %s: there is no such table", Show(table))
	case r.Size > maxTableBytes:
		return nil, fault.New(fault.ErrData, "table %s is over the limit of %d bytes", Show(table), maxTableBytes)
	}
	return f.files.Read(f.ctx, *r)
}

// hasFolders tells whether something lies in folders below an address.
func (f *finder) hasFolders(address string) (bool, error) {
	plain, options := remote.Split(address)
	if isGlob(plain) || IsTable(plain) || IsImageName(plain) {
		return false, nil
	}
	byFolder, err := f.gather(strings.TrimRight(plain, "/"), options, func(string) bool { return true })
	delete(byFolder, "")
	return len(byFolder) > 0, err
}
