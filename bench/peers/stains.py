#!/usr/bin/env python3
"""Writes what torchstain and scikit-image make of synthetic tissue: internal/stain/testdata/peers.safetensors.

  g2c data synth WORLD --patients 5 --patches 4 --seed 7 --size 48 --source PAS
  stains.py WORLD internal/stain/testdata/peers.safetensors

The 20 labelled images are given the colours of the unlabelled HE ones, and jittered. Held are the target's statistics and, of each image, each
STRIDE-th pixel in [0, 1] before it is rounded to bytes. Needs torchstain and scikit-image. Two things of torchstain are done for it: it
quantises what it returns, so its own parts are called without that; and its Macenko takes eigenvectors with whatever signs LAPACK gives, so
they are turned first to where red is absorbed, as staintools does.
"""
import os
import sys

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from skimage.color import combine_stains, hed_from_rgb, rgb2hed, rgb_from_hed
from torchstain.numpy.normalizers import NumpyMacenkoNormalizer, NumpyReinhardNormalizer
from torchstain.numpy.utils.lab2rgb import lab2rgb
from torchstain.numpy.utils.rgb2lab import rgb2lab
from torchstain.numpy.utils.split import lab_merge, lab_split
from torchstain.numpy.utils.stats import get_mean_std, standardize

STRIDE = 23
JITTER = {"scale": [0.05, -0.03, 0.02], "shift": [-0.01, 0.04, -0.05]}

eigh = np.linalg.eigh


def oriented(m):
    values, vectors = eigh(m)
    return values, vectors * np.where(vectors[0] < 0, -1, 1)


np.linalg.eigh = oriented


def images(folder):
    for at, _, names in sorted(os.walk(folder)):
        for name in sorted(names):
            if name.endswith(".png"):
                yield "/".join([os.path.basename(at), name]), np.asarray(Image.open(os.path.join(at, name)).convert("RGB"))


def reinhard(target, image):
    labs = lab_split(rgb2lab(image.astype("float32") / 255))
    moments = zip(labs, target.target_means, target.target_stds)
    return lab2rgb(lab_merge(*[standardize(x, *get_mean_std(x)) * std + mean for x, mean, std in moments]))


def macenko(target, image):
    own = NumpyMacenkoNormalizer()
    stains, c, most = own._NumpyMacenkoNormalizer__compute_matrices(image, 240, 1, 0.15)
    mixed = 240 * np.exp(-target.HERef.dot(c / (most / target.maxCRef)[:, np.newaxis]))
    out = np.reshape(np.minimum(mixed, 255).T, image.shape)
    assert np.array_equal(out.astype(np.uint8), target.normalize(image)[0])
    return out / 255


def hed(image):
    density = -np.log10(np.maximum(image / 255, 1e-6))
    stains = density @ hed_from_rgb
    assert np.allclose(np.maximum(stains / 6, 0), rgb2hed(image), atol=1e-12)
    return combine_stains((stains * (1 + np.array(JITTER["scale"])) + np.array(JITTER["shift"])) / 6, rgb_from_hed)


def main(world, out):
    unlabelled = np.concatenate([image for _, image in images(os.path.join(world, "unlabelled", "HE"))])
    to_reinhard, to_macenko = NumpyReinhardNormalizer(), NumpyMacenkoNormalizer()
    to_reinhard.fit(unlabelled)
    to_macenko.fit(unlabelled)
    held = {
        "target/reinhard": np.stack([to_reinhard.target_means, to_reinhard.target_stds]),
        "target/macenko": np.concatenate([to_macenko.HERef.T.ravel(), to_macenko.maxCRef]),
    }
    count = 0
    for name, image in images(os.path.join(world, "labelled")):
        count += 1
        for method, v in (("reinhard", reinhard(to_reinhard, image)), ("macenko", macenko(to_macenko, image)), ("hed", hed(image))):
            held[f"{name}/{method}"] = v.reshape(-1, 3)[::STRIDE].astype(np.float32)
    assert count == 20
    save_file({k: np.ascontiguousarray(v, dtype=np.float32) for k, v in sorted(held.items())}, out)


main(*sys.argv[1:])
