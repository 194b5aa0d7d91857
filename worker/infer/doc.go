// Package infer runs finished models on images: a Classifier gives the
// probabilities of a fine-tuned model, a Translator the images of one generator.
// It loads the small programs of model/g2c and model/cyclegan that only look, not
// those that train; a probability is, bit for bit, the one that an evaluation
// stores. It finds no models and reads no files: callers bring weights and sets.
//
// A Classifier or Translator belongs to one goroutine, and is to be closed before
// its device.
package infer
