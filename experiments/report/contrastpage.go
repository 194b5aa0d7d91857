package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
)

//go:embed contrast.html
var contrastText string

var contrastTemplate = template.Must(template.New("contrast").Funcs(words).Funcs(template.FuncMap{
	"metric": func(name string) string { return metricNames[name] },
}).Parse(contrastText))

// HTML is the contrast as one page with its curves, which asks for no other file and runs no
// script.
func (c *Contrast) HTML() ([]byte, error) {
	var out bytes.Buffer
	v := struct {
		*Contrast
		Figures []pageFigure
	}{c, onPages(c.figures)}
	if err := contrastTemplate.Execute(&out, v); err != nil {
		return nil, fmt.Errorf("write the contrast: %w", err)
	}
	return out.Bytes(), nil
}
