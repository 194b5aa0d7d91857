// Package foreign takes weights that other programs trained: it recognises a state
// dict by the names of its tensors, gives the tensors our names, holds their
// shapes to our networks, and describes the result as a task, so that the rest of
// the program takes it for a model of its own. It reads no files and trains
// nothing.
//
// It also gives a generator the original CycleGAN's names, for PyTorch to load.
//
// Recognised are:
//
//   - a generator with the names of our PyTorch twin: head.weight, down.0.weight, …;
//   - the forward generator of a twin's CycleGAN, G_AB.*;
//   - a generator of the original CycleGAN, with 3×3 transposed convolutions or with 4×4:
//     model.1.weight, model.4.weight, …; its followers call the lists otherwise;
//   - a joint model: generators.<i>.* by sorted stain name, and classifier.*.
//
// Any prefix may stand before these names, such as the keys of dicts in the file, or what
// DataParallel, torch.compile and Lightning put there: networks are found by the ends of
// their names. Of several, one is chosen by name. A bias before an instance norm does
// nothing and is dropped with a notice, and so are an instance norm's running statistics.
// Functions may be called from many goroutines.
package foreign
