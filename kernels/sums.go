package kernels

// PixelSum is the order in which every per-channel sum over pixels runs
// (instance and batch norm, their gradients, bias gradients, global pooling,
// attention's scale):
//
// A sample's H*W pixels are cut into chunks of PixelChunk, the last one maybe
// shorter. A chunk is summed in pixel order from zero. Chunk sums are added in
// order, from the first, and go on from sample to sample in the order of
// Segments where a sum spans samples. The order says nothing about channels, so
// it is the same for every width of vector. A class may have another fixed order
// instead, and take mean and variance in one pass (kernels/cuda/src/pixel_sum.cu);
// cpu and cpu-portable keep this one.
const PixelChunk = 64

// Lanes is the number of virtual lanes of every sum over all elements of a
// sample (losses): element i of the sample, in memory order, goes to lane i mod
// Lanes; each lane is summed in order in float64; lanes are added in the order
// 0, 1, 2, ...; samples are added in order. The sum is rounded once, at the end.
// A class may have another fixed order of the sum in float64 instead.
const Lanes = 16
