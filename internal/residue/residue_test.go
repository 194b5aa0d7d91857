package residue

import "testing"

func TestIs(t *testing.T) {
	for _, name := range []string{
		".DS_Store", "._a.png", "._.DS_Store", "__MACOSX", "Thumbs.db", "thumbs.DB", "desktop.ini", "Desktop.ini", "@eaDir", "#recycle", "#snapshot",
		".ipynb_checkpoints", "lost+found", "$RECYCLE.BIN", "System Volume Information", ".Trash-1000", ".nfs000000000004a1b200000001", "Icon\r",
	} {
		if !Is(name) {
			t.Errorf("%q is data", name)
		}
	}
	for _, name := range []string{"", ".", "..", "_", "a.png", "normal", "macosx", "thumbs", "lost", "@normal", "#1", "snapshot", ".g2c", ".nfs", "trash", "eaDir"} {
		if Is(name) {
			t.Errorf("%q is taken for residue", name)
		}
	}
}
