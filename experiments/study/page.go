package study

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
)

//go:embed page.html
var pageText string

//go:embed study.js
var scriptText string

var pageTemplate = template.Must(template.New("study").Parse(pageText))

// Begins is what every page begins with.
const Begins = "<!doctype html>\n<html lang=\"en\" data-g2c=\"study\">"

// Page is the page for readers: one file that asks for no other, and holds nothing of the
// key. It names the study in the key.
func (k *Key) Page() ([]byte, error) {
	images, err := k.encode()
	if err != nil {
		return nil, err
	}
	data := struct {
		Study  string   `json:"study"`
		Format int      `json:"format"`
		Images []string `json:"images"` // data URIs, in the order of the patches
	}{k.Study, k.Format, nil}
	for _, b := range images {
		data.Images = append(data.Images, "data:image/jpeg;base64,"+base64.StdEncoding.EncodeToString(b))
	}
	hash := sha256.Sum256([]byte(scriptText))
	var out bytes.Buffer
	err = pageTemplate.Execute(&out, struct {
		Study   string
		Patches int
		Data    any
		Script  template.HTML
		Allowed template.HTMLAttr
	}{
		k.Study, len(k.Patches), data, template.HTML("<script>" + scriptText + "</script>"),
		template.HTMLAttr(fmt.Sprintf(`content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-%s'"`, base64.StdEncoding.EncodeToString(hash[:]))),
	})
	if err != nil {
		return nil, fmt.Errorf("write the study: %w", err)
	}
	return out.Bytes(), nil
}
