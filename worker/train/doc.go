// Package train holds the training loops as straight lines: the paper's two,
// pretraining a CycleGAN for a stain pair, and fine-tuning generators and
// classifier together; pix2pix on pairs of images; and evaluation. A loop is given a device, data and a task;
// it reports progress and hands snapshots to a checkpoint writer. It decides
// nothing about where it runs.
//
// A Step is one task's programs on one device: it runs training steps and moves
// weights in and out, and is what `debug step` drives directly. A fine-tuning may
// have one on each of several devices, in the bits of one.
//
// Nothing in a step allocates. One goroutine owns a Step.
package train
