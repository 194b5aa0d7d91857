package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strconv"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/model/metrics"
	"g2c/worker/infer"
)

// modelFlags are the flags of verbs that run a model on images.
type modelFlags struct {
	store, device, output string
	imageFlags
	force bool
}

func (f *modelFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.store, "store", defaultStore, "store of the model's key")
	addDevice(c, &f.device, "auto, cpu, cuda, cuda:1 or ref")
	f.imageFlags.add(c)
}

// newPredict is `g2c predict MODEL PATH...`.
func newPredict() *cobra.Command {
	var f modelFlags
	c := &cobra.Command{
		Use:   "predict MODEL PATH...",
		Short: "Classify images or folders of images",
		Long: `Classify images or folders of images with a fine-tuned model.

The result is a table, path,label,p_CLASS..., an image a line: the path as given,
the class that the model calls it, and the probability of each class. Images are
cropped and resized as they were for training.

` + outputHelp + "\n\n" + modelHelp + "\n\n" + exitCodes,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return predict(c, args[0], args[1:], &f) },
	}
	f.add(c)
	c.Flags().StringVarP(&f.output, "output", "o", "", "CSV file to write (default standard output)")
	addForce(c, &f.force)
	return c
}

// prediction is an image of `g2c predict --json`.
type prediction struct {
	Path  string             `json:"path"`
	Label string             `json:"label"`
	P     map[string]float32 `json:"p"`
}

func predict(c *cobra.Command, model string, paths []string, f *modelFlags) error {
	ctx := c.Context()
	m, err := findModel(ctx, f.store, model, api.KindFinetune)
	if err != nil {
		return err
	}
	_, weights, err := m.weights(ctx)
	if err != nil {
		return err
	}
	t := m.task.Finetune
	images, err := openImages(ctx, paths, &f.imageFlags, t.Size, t.Fit)
	if err != nil {
		return err
	}
	out := predictionsFile(f)
	if f.output != "" {
		if err := out.check(filesOf(images, append(paths, model)...)...); err != nil {
			return err
		}
	}
	device, err := openDevice(f.device)
	if err != nil {
		return err
	}
	defer device.Close()
	names, err := m.classes(ctx)
	if err != nil {
		return err
	}
	classifier, err := infer.NewClassifier(device, t, names, weights)
	if err != nil {
		return err
	}
	defer classifier.Close()
	classifier.Progress = imagesOf("classifying")
	classes := classifier.Classes()
	table := [][]string{{"path", "label", "p_" + classes[0], "p_" + classes[1]}}
	all := []prediction{}
	probabilities, err := classifier.Predict(ctx, setsOf(images)...)
	if err != nil {
		return err
	}
	for _, group := range images {
		for i := range group.set.Len() {
			p := probabilities[len(all)]
			label := classes[metrics.Sample{P: float64(p[0])}.Called()]
			all = append(all, prediction{group.path(i), label, map[string]float32{classes[0]: p[0], classes[1]: p[1]}})
			table = append(table, []string{group.path(i), label, shortest(p[0]), shortest(p[1])})
		}
	}
	return writePredictions(c, out, table, all)
}

// shortest is a number in as many digits as tell it from every other float32.
func shortest(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }

// predictionsFile is the file of -o. Either form of a table gives way to the other.
func predictionsFile(f *modelFlags) *output {
	return &output{path: f.output, force: f.force, begins: []string{"path,label,p_", "path,label,\"p_", "[\n  {\n    \"path\": ", "[]\n"}}
}

func writePredictions(c *cobra.Command, to *output, table [][]string, all []prediction) error {
	var out bytes.Buffer
	if wantJSON(c) {
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(all); err != nil {
			return err
		}
	} else if err := csv.NewWriter(&out).WriteAll(table); err != nil {
		return err
	}
	if to.path == "" {
		text := out.String()
		if stdout.isTerminal() {
			text = visible(text)
		}
		_, err := stdout.Write([]byte(text))
		return err
	}
	return to.write(out.Bytes())
}
