#!/usr/bin/env python3
"""The generator of the original CycleGAN in PyTorch, with the names of its published weights.

    original.py make FILE [--width 64 --blocks 9 --seed 0] [--statistics]   a file as it is published
    original.py translate FILE OUT [--size 256]                             20 images through it, in float64: OUT.safetensors with x and y in [0,1]
    original.py load FILE [--like OTHER]                                    holds FILE to the network, strictly, and to OTHER's weights
    original.py twin PEER ARGUMENTS...                                      torch_g2c.py with generators that go up as the original's do

Layers are numbered through in one list called model; blocks hold a list called conv_block. Padding reflects, instance norm has no weights and no
running statistics (files from before 2018 hold some: --statistics), every convolution has a bias. Images are in [-1,1] inside.
"""
import argparse
import importlib.util
import sys

import torch
import torch.nn as nn


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        layers = []
        for last in (False, True):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), nn.InstanceNorm2d(c)] + ([] if last else [nn.ReLU()])
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv_block(x)


class Original(nn.Module):
    """(N,3,H,W) in [-1,1] -> (N,3,H,W) in [-1,1]; H and W multiples of 4."""

    def __init__(self, width=64, blocks=9):
        super().__init__()
        w = width
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, w, 7), nn.InstanceNorm2d(w), nn.ReLU()]
        for i in (w, 2 * w):
            layers += [nn.Conv2d(i, 2 * i, 3, 2, 1), nn.InstanceNorm2d(2 * i), nn.ReLU()]
        layers += [Block(4 * w) for _ in range(blocks)]
        for i in (4 * w, 2 * w):
            layers += [nn.ConvTranspose2d(i, i // 2, 3, 2, 1, output_padding=1), nn.InstanceNorm2d(i // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(w, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x)


def of(weights):
    blocks = {k.split(".")[1] for k in weights if "conv_block" in k}
    return Original(weights["model.1.weight"].shape[0], len(blocks))


def read(path):
    return torch.load(path, map_location="cpu", weights_only=True)


def make(a):
    torch.manual_seed(a.seed)
    net = Original(a.width, a.blocks)
    for q in net.parameters():
        nn.init.normal_(q, 0, 0.02 if q.dim() > 1 else 0.1)
    weights = net.state_dict()
    if a.statistics:
        for name, m in net.named_modules():
            c = m.num_features if isinstance(m, nn.InstanceNorm2d) else 0
            if c:
                weights.update({f"{name}.running_mean": torch.randn(c), f"{name}.running_var": torch.rand(c), f"{name}.num_batches_tracked": torch.tensor(7)})
    torch.save(weights, a.file)


def translate(a):
    from safetensors.torch import save_file

    torch.manual_seed(a.seed)
    x = torch.randint(0, 256, (20, 3, a.size, a.size)).double() / 255
    weights = {k: v for k, v in read(a.file).items() if "running" not in k and "tracked" not in k}
    net = of(weights).double()
    net.load_state_dict({k: v.double() for k, v in weights.items()}, strict=True)
    with torch.no_grad():
        y = (torch.cat([net(2 * i[None] - 1) for i in x]) + 1) / 2
    save_file({"x": (x * 255).round().to(torch.uint8), "y": y.float()}, a.out)


def load(a):
    weights = read(a.file)
    of(weights).load_state_dict(weights, strict=True)
    if a.like:
        other = read(a.like)
        changed = [k for k in weights if not torch.equal(weights[k], other[k]) and weights[k].abs().max() > 0]
        if changed:
            sys.exit(f"{a.file} and {a.like} differ in {', '.join(changed)}")
    print(f"{a.file}: loads strictly, {len(weights)} tensors")


def twin(peer, arguments):
    spec = importlib.util.spec_from_file_location("peer", peer)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    class Up3(module.Generator):
        def __init__(self, width=64, blocks=6):
            super().__init__(width, blocks)
            self.up = nn.ModuleList(nn.ConvTranspose2d(i * width, i * width // 2, 3, 2, 1, output_padding=1, bias=False) for i in (4, 2))

    module.Generator = Up3
    sys.argv = [peer, *arguments]
    module.main()


def main():
    if sys.argv[1:2] == ["twin"]:
        return twin(sys.argv[2], sys.argv[3:])
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["make", "translate", "load"])
    p.add_argument("file")
    p.add_argument("out", nargs="?")
    p.add_argument("--width", type=int, default=64)
    p.add_argument("--blocks", type=int, default=9)
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--statistics", action="store_true")
    p.add_argument("--like", default="")
    a = p.parse_args()
    {"make": make, "translate": translate, "load": load}[a.what](a)


if __name__ == "__main__":
    main()
