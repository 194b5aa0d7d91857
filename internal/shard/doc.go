// Package shard is the one file format for the pixels of many images: of the pixel
// cache, of what is uploaded to a cluster, and of what its workers keep. It is promised
// in checkpoint/FORMAT.md. It knows nothing of folders, sets or splits.
//
// Pixels come first and the table of the images behind them, so that a shard can be
// written image by image; the header, written last, says how many there are and holds a
// hash over itself and the table, and the table a hash of each image. Numbers are
// little-endian.
//
//	 0  magic "g2cshard"
//	 8  version u32 = 1 | side u32
//	16  images u64
//	24  bytes of the table u64
//	32  SHA-256 of bytes 0 to 31 and the table (32 bytes)
//	64  pixels: for each image side*side*3 bytes, rows, columns, RGB
//	 …  table: for each image
//	        SHA-256 of its pixels (32 bytes) | SHA-256 of the file's own pixels (32 bytes)
//	        CRC-32C of its pixels u32 | sums of its red, green and blue, u32 each
//	        width u32 | height u32 | kind u32                     of the file
//	        name | label | group | split                          each length u32, bytes
package shard
