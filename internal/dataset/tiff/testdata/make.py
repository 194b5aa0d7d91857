# Writes the images of this folder with other writers than ours (tifffile, Pillow, libtiff's
# JPEG): python make.py, in this folder, with numpy, pillow, tifffile and imagecodecs. All show
# one picture, which interop_test.go knows by its formula.
import io
import numpy as np, tifffile
from PIL import Image

W, H = 40, 24
y, x = np.mgrid[0:H, 0:W]
A = np.stack([60 + 4 * x, 220 - 5 * y, 90 + 2 * x + 3 * y], -1).astype(np.uint8)
A16 = A.astype(np.uint16) * 257
G = A[..., 0]
RGB = dict(photometric="rgb", metadata=None, software=False)
GREY = dict(photometric="minisblack", metadata=None, software=False)


def tiff(name, array, **k):
    tifffile.imwrite(name + ".tif", array, **k)


tiff("jpeg-rgb", A, compression="jpeg", compressionargs=dict(level=95, outcolorspace="rgb"), **RGB)
tiff("jpeg-ycbcr-tiled", A, compression="jpeg", subsampling=(2, 2), tile=(16, 16), compressionargs=dict(level=95), **RGB)
Image.fromarray(A).save("jpeg-tables.tif", compression="jpeg", quality=95, tiffinfo={278: 8})
tiff("planar-deflate", A.transpose(2, 0, 1).copy(), planarconfig="separate", compression="zlib", rowsperstrip=10, **RGB)
tiff("planar-tiled-lzw", A.transpose(2, 0, 1).copy(), planarconfig="separate", compression="lzw", tile=(16, 16), **RGB)
tiff("big-lzw-predictor", A, bigtiff=True, byteorder=">", compression="lzw", predictor=True, **RGB)
tiff("deep-big-endian-predictor", A16, byteorder=">", compression="zlib", predictor=True, tile=(32, 16), **RGB)
tiff("unspecified-sample", np.dstack([A, np.zeros((H, W), np.uint8)]), extrasamples=["unspecified"], compression="zlib", **RGB)
tiff("grey-packbits", G, compression="packbits", **GREY)
tiff("cmyk", np.dstack([255 - A, np.zeros((H, W), np.uint8)]), photometric="separated", compression="zlib", metadata=None, software=False)
B = (G > 140).astype(np.uint8) * 255
for name, compression in [("bits-raw", "raw"), ("bits-group3", "group3"), ("bits-group4", "group4")]:
    Image.fromarray(B).convert("1").save(name + ".tif", compression=compression)
