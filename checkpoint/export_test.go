package checkpoint

// NoticeKeys reads a notice of who saves or deletes.
func NoticeKeys(data []byte) ([]string, error) {
	n, err := parseNotice(data)
	return n.Keys, err
}

// SetNoticeKeys changes how many keys a notice may have, until undone.
func SetNoticeKeys(n int) (undo func()) {
	before := maxNoticeKeys
	maxNoticeKeys = n
	return func() { maxNoticeKeys = before }
}
