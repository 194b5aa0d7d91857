#!/usr/bin/env python3
"""Fuzzy colour histograms and random forests of numpy, scikit-image and scikit-learn, that ours are held to.

  fuzzy.py FILE    writes model/fuzzy/testdata/peers.safetensors

Holds centres (64,3) of fuzzy c-means in CIELAB, features (20,64) of 20 of the images, and of 200 test images the classes and the probabilities of
sklearn's forest, mean over ten seeds, after 200 training images. Images are 16 by 16 pixels, drawn as image() says, the same in Go. FCM is written from
Bezdek's formulas with whole matrices; only its start (the middles of 4x4x4 cubes) and the number of its rounds are shared with ours.
"""
import sys

import numpy as np
from safetensors.numpy import save_file
from skimage.color import rgb2lab
from sklearn.ensemble import RandomForestClassifier

M, ROUNDS, FINE, SIDE = 1.9, 50, 16, 16


def draw(seed, n):
    """goldens.py's, without torch."""
    mask = np.uint64(0xFFFFFFFF)
    x = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed) * np.uint64(0x9E3779B9)) & mask
    for shift, multiplier in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(multiplier)) & mask
    x ^= x >> np.uint64(16)
    return (x >> np.uint64(8)).astype(np.float64) / 2**23 - 1


def image(i):
    """Tissue of a tint of its own: a base colour that the class shifts a little, and noise. Bytes (SIDE,SIDE,3)."""
    base, noise = draw(2 * i, 3), draw(2 * i + 1, SIDE * SIDE * 3).reshape(-1, 3)
    colour = np.array([0.7, 0.4, 0.6]) + 0.15 * base + np.array([0.06, -0.06, 0.0]) * (i % 2)
    return np.floor(np.clip(colour + 0.12 * noise, 0, 1) * 255).astype(np.uint8)


def lattice(n):
    middles = (np.arange(n) + 0.5) / n
    return rgb2lab(np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), -1).reshape(1, -1, 3))[0]


def memberships(x, centres):
    d = np.sqrt(((x[:, None] - centres[None]) ** 2).sum(2))
    return 1 / ((d[:, :, None] / d[:, None, :]) ** (2 / (M - 1))).sum(2)


def main():
    x, centres = lattice(FINE), lattice(4)
    for _ in range(ROUNDS):
        u = memberships(x, centres) ** M
        centres = u.T @ x / u.sum(0)[:, None]
    u = memberships(x, centres)

    def features(i):
        q = image(i).astype(int) // (256 // FINE)
        h = np.bincount((q[:, 0] * FINE + q[:, 1]) * FINE + q[:, 2], minlength=FINE**3) / len(q)
        return h @ u

    f = np.stack([features(i) for i in range(400)])
    y = np.arange(400) % 2
    p = np.mean([RandomForestClassifier(100, random_state=s).fit(f[:200], y[:200]).predict_proba(f[200:])[:, 1] for s in range(10)], 0)
    print("sklearn's accuracy", ((p > 0.5) == y[200:]).mean())
    save_file({"centres": centres, "features": f[:20], "probabilities": p}, sys.argv[1])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
