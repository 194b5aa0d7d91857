// Package torchfile reads and writes the files of torch.save: state dicts, named
// arrays of numbers. It is not a general unpickler: a pickle is a program, and
// this reader runs only the few instructions and knows only the few names that a
// state dict is written with. An object of any other class is passed over: nothing is
// looked up, made or run for it, and what it holds is lost. Training scripts leave
// such beside a state dict (numpy scalars, argparse.Namespace). Damage is an error of
// class fault.ErrData. The package computes nothing and knows no network.
//
// Two layouts are read. The one that PyTorch has written since 1.6, and that is
// written here, is a zip file without compression:
//
//	<name>/data.pkl    pickle, protocol 2: an OrderedDict of tensors
//	<name>/byteorder   "little"
//	<name>/data/<k>    the numbers of storage k, little-endian
//	<name>/version     "3"
//
// The older one is four pickles, one after another (a magic number, a version,
// facts of the system, the object), a fifth with the keys of the storages in
// order, and then for each storage its number of elements (8 bytes,
// little-endian) and its numbers.
//
// A tensor in the pickle is a call of torch._utils._rebuild_tensor_v2 with a
// persistent reference ("storage", class, key, location, elements), an offset, a
// shape and strides, both in elements.
//
// Memory is bounded by the file: no length in it is believed before the bytes are
// there. Values are not changed after they are made and may be shared.
package torchfile
