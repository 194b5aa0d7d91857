// Package study makes reader studies, as the paper's: real and generated patches, one by
// one, of which somebody says which is which, and the judgement of what was said.
//
// A study is a page that works without a network or a server, and a key, which says what
// the patches are and is kept from readers. All patches of a page have one size and went
// through one encoder, so that nothing but the tissue tells them apart. Equal images and an
// equal seed give equal bytes.
//
// Source: Wu et al., G2C, AAAI 2019, "Qualitative Studies on the Generators": 50 generated
// patches and 50 real ones, shown one by one to three pathologists, who were right in 70.0 %.
package study
