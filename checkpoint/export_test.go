package checkpoint

// NoticeKeys reads a notice of who saves or deletes.
func NoticeKeys(data []byte) ([]string, error) {
	n, err := parseNotice(data)
	return n.Keys, err
}
