package report

import (
	"context"
	"io"
	"strings"

	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/model/g2c"
	"g2c/model/metrics"
)

// Parameters counts the numbers of a fine-tuned model that training changes; running
// statistics are none.
type Parameters struct {
	Generators int `json:"generators"` // all of them together
	Classifier int `json:"classifier"` // without its attention
	Attention  int `json:"attention"`
}

// Share is what the attention adds to the classifier, in percent.
// Source: paper, "The Design of Classifier": 5.27 % with three generated stains.
func (p Parameters) Share() metrics.Number {
	if p.Classifier == 0 {
		return metrics.Undefined()
	}
	return metrics.Number(100 * float64(p.Attention) / float64(p.Classifier))
}

// parameters counts those of a model by the names and shapes of its weights.
func (c *collector) parameters(m *checkpoint.Manifest) (Parameters, error) {
	var p Parameters
	weights, ok := m.Payloads[checkpoint.Weights]
	if !ok {
		return p, damaged(m, checkpoint.Weights, "the manifest names none")
	}
	tensors, err := safetensors.ReadHeader(c.ctx, weights.Bytes, func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
		return c.repo.Store().GetRange(ctx, weights.Key(), offset, length)
	})
	if err != nil {
		return p, damaged(m, checkpoint.Weights, "%w", err)
	}
	for _, t := range tensors {
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		switch {
		case t.DType == safetensors.F64: // the numbers of a method without a network
		case strings.HasSuffix(t.Name, ".running_mean"), strings.HasSuffix(t.Name, ".running_var"):
		case strings.HasPrefix(t.Name, g2c.GeneratorPrefix):
			p.Generators += n
		case strings.HasPrefix(t.Name, g2c.ClassifierNet+".attention."):
			p.Attention += n
		default:
			p.Classifier += n
		}
	}
	return p, nil
}
