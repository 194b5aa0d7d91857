#!/usr/bin/env python3
"""A model that `g2c export` wrote, in PyTorch: classifies or translates images as `g2c predict` and `g2c translate` do.

    g2c export KEY --format torch -o model.pth         # or --format safetensors -o model.safetensors
    model.py --peer PATH/torch_g2c.py --weights model.pth --size 64 --classes s,noa IMAGE_OR_FOLDER... > predictions.csv
    model.py --peer PATH/torch_g2c.py --weights model.pth --size 64 --translate OUT [--generator 0] IMAGE_OR_FOLDER...

--peer names the file with the networks (its Generator and Classifier are used as they are); widths and depths are read off the
weights. --compare FILE holds the probabilities to a table of `g2c predict` and fails where one is further than 1e-4 away.

Images of another size are cropped to their centre square and resized with Pillow's bicubic filter, which is near, not equal, to
g2c's: compare on images of --size pixels. The twin has one stem and shared branches: models of the ablations are refused.

As a module: `network = load(peer_module("torch_g2c.py"), read("model.pth"))` gives .generators and .classifier.
"""
import argparse, csv, importlib.util, os, sys

import numpy as np
import torch
import torch.nn as nn
from PIL import Image

KINDS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


def peer_module(path):
    spec = importlib.util.spec_from_file_location("peer", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(path):
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def count(weights, pattern):
    n = 0
    while pattern.format(n) in weights:
        n += 1
    return n


class Model(nn.Module):
    """Generators, and a classifier over the source image and what they make of it; a generator alone has no classifier."""

    def __init__(self, generators, classifier):
        super().__init__()
        self.generators, self.classifier = nn.ModuleList(generators), classifier

    def forward(self, x):
        return torch.softmax(self.classifier([x] + [g(x) for g in self.generators]), 1)


def load(peer, weights):
    """Builds the networks that a state dict fits and fills them; every tensor must find its place."""
    if "head.weight" in weights:
        weights = {"generators.0." + k: v for k, v in weights.items()}
    m = count(weights, "generators.{}.head.weight")
    generators = []
    for i in range(m):
        width = weights[f"generators.{i}.head.weight"].shape[0]
        net = peer.Generator(width, count(weights, f"generators.{i}.blocks." + "{}.conv1.weight"))
        if weights[f"generators.{i}.up.0.weight"].shape[2] == 3:  # model.generator.up: k3
            net.up = nn.ModuleList(nn.ConvTranspose2d(c * width, c * width // 2, 3, 2, 1, output_padding=1, bias=False) for c in (4, 2))
        generators.append(net)
    classifier = None
    if "classifier.head.weight" in weights:
        blocks = count(weights, "classifier.blocks.{}.conv1.conv.weight")
        if not blocks or "classifier.stem.conv2.conv.weight" not in weights:
            raise SystemExit("the twin has no unshared branches and no 7x7 stem")
        attention = "classifier.attention.0.fc1.weight" in weights
        hidden = weights["classifier.attention.0.fc1.weight"].shape[0] if attention else 32
        width = weights["classifier.blocks.0.conv1.conv.weight"].shape[0]
        classifier = peer.Classifier(m + 1, width, blocks // 3, hidden, weights["classifier.head.weight"].shape[0], attention)
    model = Model(generators, classifier)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [k for k in missing if not k.endswith("num_batches_tracked")]  # a count that evaluation does not read
    if missing or unexpected:
        raise SystemExit(f"the weights do not fit: missing {missing}, left over {unexpected}")
    return model.eval()


def images(paths):
    """(path as g2c writes it, path below its argument), in g2c's order."""
    for root in paths:
        if os.path.isfile(root):
            yield root, os.path.basename(root)
            continue
        found = [os.path.relpath(os.path.join(d, f), root) for d, _, files in os.walk(root) for f in files if f.lower().endswith(KINDS)]
        for name in sorted(found):
            yield os.path.join(root, name), name


def load_image(path, size):
    im = Image.open(path).convert("RGB")
    if im.size != (size, size):
        s = min(im.size)
        left, top = (im.size[0] - s) // 2, (im.size[1] - s) // 2
        im = im.crop((left, top, left + s, top + s)).resize((size, size), Image.BICUBIC)
    return torch.from_numpy(np.asarray(im).copy()).permute(2, 0, 1)[None].float() / 255


def classify(model, a):
    names = a.classes.split(",")
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["path", "label", *("p_" + n for n in names)])
    want = {row[0]: [float(v) for v in row[2:]] for row in list(csv.reader(open(a.compare)))[1:]} if a.compare else {}
    worst = 0.0
    for path, _ in images(a.paths):
        p = model(load_image(path, a.size))[0].tolist()
        out.writerow([path, names[0] if p[0] >= 0.5 else names[1], *p])
        if a.compare:
            worst = max([worst] + [abs(x - y) for x, y in zip(p, want.pop(path))])
    if a.compare:
        print(f"largest difference of a probability {worst:.2g}, {len(want)} images not found", file=sys.stderr)
        return 0 if worst <= 1e-4 and not want else 1
    return 0


def translate(model, a):
    for path, name in images(a.paths):
        y = model.generators[a.generator](load_image(path, a.size))[0]
        target = os.path.join(a.translate, os.path.splitext(name)[0] + ".png")
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        Image.fromarray((y.clamp(0, 1) * 255 + 0.5).permute(1, 2, 0).to(torch.uint8).numpy()).save(target)
    return 0


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peer", required=True)
    p.add_argument("--weights", required=True)
    p.add_argument("--size", type=int, default=224)
    p.add_argument("--classes", default="positive,negative")
    p.add_argument("--compare", default="")
    p.add_argument("--translate", default="", help="folder for the translated images, in place of classifying")
    p.add_argument("--generator", type=int, default=0)
    p.add_argument("paths", nargs="+")
    a = p.parse_args()
    with torch.no_grad():
        model = load(peer_module(a.peer), read(a.weights))
        sys.exit(translate(model, a) if a.translate else classify(model, a))


if __name__ == "__main__":
    main()
