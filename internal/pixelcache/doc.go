// Package pixelcache keeps the pixels of images that were decoded and fitted once, in a
// folder that any number of processes share, and in memory where there is no folder or
// it fails: a cache that cannot be used is a note and never an error. It decodes nothing.
//
//	DIR/v<version>/<side>/<id>.shard        pixels (package shard)
//	DIR/v<version>/<side>/index/<hash>.idx  what is known of the files of one folder
//	DIR/packs/<fingerprint>.shards          data that a cluster's worker was sent
//
// An image is found in two ways. By its file: the index knows it by path, and believes
// it where size, times of change and inode are what they were, so that nothing is
// opened. By the hash of the file's bytes: so that a moved or touched file is read, and
// not decoded.
//
// Nothing is mapped. A read of pixels is a pread of one image, checked by SHA-256 the
// first time and by CRC-32C afterwards: a cut or changed file is an error for one
// image, which the caller reads again from where it came.
//
// What was not used for longest goes when the folder is over its limit; what a process
// has open stays. Of a pack that is while somebody holds it: then it is closed.
package pixelcache
