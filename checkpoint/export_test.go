package checkpoint

// NoticeKeys reads a notice of a deletion.
func NoticeKeys(data []byte) ([]string, error) {
	n, err := parseNotice(data)
	return n.Delete, err
}
