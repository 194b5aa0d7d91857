// Package nn defines the networks of the paper, layer by layer, over a
// graph.Builder: generator, discriminator and classifier. Names of parameters
// are those of the PyTorch twin, which are the names we export.
//
// A Scope collects what a network declares: parameters with their
// initialisation, running statistics, and the batch statistics of a training
// pass. The package draws initial weights and converts layouts; it runs nothing.
package nn
