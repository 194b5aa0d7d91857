package report

import (
	"strings"

	"g2c/api"
)

// methodWords say behind a stain's name how it is made.
var methodWords = map[string]string{
	"": "", api.MethodReinhard: " by Reinhard", api.MethodMacenko: " by Macenko", api.MethodCopy: " (a copy of the source)",
	api.MethodRandom: " by an untrained generator", api.MethodTruth: " (the real stain)",
}

// stainWords are a group's stains for people, with how each is made.
func (g *group) stainWords() string {
	if len(g.methods) != len(g.stains) {
		return strings.Join(g.stains, " ")
	}
	var out []string
	plain := true
	for i, stain := range g.stains {
		out = append(out, stain+methodWords[g.methods[i]])
		plain = plain && g.methods[i] == ""
	}
	if plain {
		return strings.Join(out, " ")
	}
	return strings.Join(out, ", ")
}
