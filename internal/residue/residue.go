// Package residue knows the names of what operating systems, network drives and
// notebooks leave in folders: never data, nor a reason to refuse a folder.
package residue

import "strings"

// names are of files and folders, in lower case: most of their makers do not tell case.
var names = map[string]bool{
	// macOS
	".ds_store": true, "__macosx": true, ".appledouble": true, ".lsoverride": true, "icon\r": true, ".spotlight-v100": true, ".trashes": true,
	".fseventsd": true, ".temporaryitems": true, ".documentrevisions-v100": true, ".apdisk": true, ".volumeicon.icns": true, ".localized": true,
	// Windows
	"thumbs.db": true, "ehthumbs.db": true, "ehthumbs_vista.db": true, "desktop.ini": true, "$recycle.bin": true, "recycler": true,
	"system volume information": true, "found.000": true,
	// Linux
	"lost+found": true, ".directory": true, ".trash": true,
	// Synology, QNAP, NetApp
	"@eadir": true, "#recycle": true, "#snapshot": true, "@tmp": true, "@sharebin": true, "@recycle": true, "@recently-snapshot": true, "@__thumb": true,
	".@__thumb": true, ".snapshot": true, "~snapshot": true,
	// Jupyter, Python
	".ipynb_checkpoints": true, "__pycache__": true,
}

// Is tells whether a file or folder of this name, without its path, is such a thing.
func Is(name string) bool {
	lower := strings.ToLower(name)
	return names[lower] || strings.HasPrefix(name, "._") || strings.HasPrefix(lower, ".trash-") || strings.HasPrefix(lower, ".nfs0")
}
