package foreign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
)

// firstBlock is the number of the first residual block in the original's list of
// layers: padding, convolution, norm, activation, and two times convolution, norm,
// activation stand before it.
const firstBlock = 10

// originalLayers is where ResnetGenerator of the original CycleGAN, whose layers are
// numbered through, has its convolutions. Followers call the list, and the list in a
// block, by other names; the numbers of a block differ with dropout.
type originalLayers struct {
	shape api.Generator
	list  string   // "model.", or nothing
	block []string // the two convolutions of a block: "conv_block.1", "conv_block.5"
}

func (d *dict) originalLayers() originalLayers {
	l := originalLayers{list: originalList}
	if !d.has(l.list + "1.weight") {
		l.list = ""
	}
	l.block = d.convolutionsOf(l.list + strconv.Itoa(firstBlock) + ".")
	l.shape = api.Generator{Width: d.dim(l.list+"1.weight", 0)}
	for len(l.block) == 2 && d.has(l.inBlock(l.shape.Blocks, 0)) {
		l.shape.Blocks++
	}
	l.shape.Up = d.up(fmt.Sprintf("%s%d.weight", l.list, firstBlock+l.shape.Blocks))
	return l
}

// convolutionsOf are the convolutions below a prefix, in the order of their numbers, if
// they have a name and a number: conv_block.1, conv_block.5.
func (d *dict) convolutionsOf(prefix string) []string {
	var found []string
	for _, name := range d.names {
		rest, inside := strings.CutPrefix(name, prefix)
		layer, weight := strings.CutSuffix(rest, ".weight")
		if inside && weight && strings.Count(layer, ".") == 1 && len(d.tensors[name].Shape) == 4 {
			found = append(found, layer)
		}
	}
	number := func(layer string) int {
		n, _ := strconv.Atoi(layer[strings.Index(layer, ".")+1:])
		return n
	}
	slices.SortStableFunc(found, func(a, b string) int { return number(a) - number(b) })
	return found
}

// inBlock is the weight of a convolution of a block.
func (l *originalLayers) inBlock(block, which int) string {
	return fmt.Sprintf("%s%d.%s.weight", l.list, firstBlock+block, l.block[which])
}

// names maps our names to the file's.
func (l *originalLayers) names() map[string]string {
	at := func(layer int, kind string) string { return fmt.Sprintf("%s%d.%s", l.list, layer, kind) }
	up := firstBlock + l.shape.Blocks
	names := map[string]string{
		"head.weight": at(1, "weight"), "down.0.weight": at(4, "weight"), "down.1.weight": at(7, "weight"),
		"up.0.weight": at(up, "weight"), "up.1.weight": at(up+3, "weight"),
		"tail.weight": at(up+7, "weight"), "tail.bias": at(up+7, "bias"),
	}
	for i := range l.shape.Blocks {
		names[fmt.Sprintf("blocks.%d.conv1.weight", i)] = l.inBlock(i, 0)
		names[fmt.Sprintf("blocks.%d.conv2.weight", i)] = l.inBlock(i, 1)
	}
	return names
}

// published is where the original itself has a generator's convolutions.
func published(shape api.Generator) originalLayers {
	return originalLayers{shape: shape, list: originalList, block: []string{"conv_block.1", "conv_block.5"}}
}

// Original gives a generator's weights the names of the original CycleGAN, whose network
// loads them strictly: biases before an instance norm, which it has, are zero, and change
// nothing. prefix stands before the names in weights.
func Original(weights *safetensors.File, prefix string, shape api.Generator) ([]safetensors.Tensor, error) {
	layers := published(shape)
	var out []safetensors.Tensor
	for ours, theirs := range layers.names() {
		t, ok := weights.Tensor(prefix + ours)
		if !ok {
			return nil, fault.New(fault.ErrData, "the weights have no tensor %s", prefix+ours)
		}
		t.Name = theirs
		out = append(out, t)
		base, isWeight := strings.CutSuffix(theirs, ".weight")
		if !isWeight || strings.HasPrefix(ours, "tail.") {
			continue
		}
		channels := t.Shape[0]
		if strings.HasPrefix(ours, "up.") {
			channels = t.Shape[1]
		}
		out = append(out, safetensors.Float32(base+".bias", []int{channels}, make([]float32, channels)))
	}
	slices.SortFunc(out, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}
