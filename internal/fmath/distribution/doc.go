// Package distribution holds the distributions that intervals and tests need:
// normal, Student's t, beta. Like fmath it is written with additions, products
// and roots alone, so that its bits do not depend on the processor.
//
// It is not for far tails: probabilities are good to about 1e-12, absolutely.
// All functions are pure.
package distribution
