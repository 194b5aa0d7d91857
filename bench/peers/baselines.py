#!/usr/bin/env python3
"""The networks that the paper's classifier is compared with (Table 5), in PyTorch, and their numbers.

  baselines.py step DIR    three training steps of each in float64: worker/train/testdata/<name>.safetensors

Images are (N,3,H,W) in [0,1]; the loss is cross-entropy. Names and shapes are ours: a layer over a whole image is kept as a convolution, (k,C,H,W). Needs torch
and safetensors; the files in the repository were written with torch 2.11. alexnet must have torchvision's
61,100,840 parameters with 1,000 classes at 224.
"""
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

from goldens import condense, draw, fill


class ShallowCNN(nn.Module):
    """Cruz-Roa et al. 2014: 8x8 convolutions to 16 and 32, 2x2 pooling, 128 units."""

    def __init__(self, size, classes=2):
        super().__init__()
        side = ((size - 7) // 2 - 7) // 2
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 8), nn.Conv2d(16, 32, 8)
        self.fc1, self.fc2 = nn.Conv2d(32, 128, side), nn.Linear(128, classes)

    def forward(self, x, dropout=None):
        x = F.max_pool2d(torch.tanh(self.conv1(2 * x - 1)), 2)
        x = F.max_pool2d(torch.tanh(self.conv2(x)), 2)
        return self.fc2(torch.tanh(self.fc1(x)).flatten(1))


class CIFAR10Quick(nn.Module):
    """Caffe's CIFAR10_quick on the middle 32x32; pooling rounds up."""

    def __init__(self, size, classes=2):
        super().__init__()
        self.conv1, self.conv2, self.conv3 = nn.Conv2d(3, 32, 5, 1, 2), nn.Conv2d(32, 32, 5, 1, 2), nn.Conv2d(32, 64, 5, 1, 2)
        self.ip1, self.ip2 = nn.Conv2d(64, 64, 4), nn.Linear(64, classes)

    def forward(self, x, dropout=None):
        at = (x.shape[2] - 32) // 2
        x = 2 * x[:, :, at : at + 32, at : at + 32] - 1
        x = F.relu(F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True))
        x = F.avg_pool2d(F.relu(self.conv2(x)), 3, 2, ceil_mode=True)
        x = F.avg_pool2d(F.relu(self.conv3(x)), 3, 2, ceil_mode=True)
        return self.ip2(self.ip1(x).flatten(1))


class AlexNet(nn.Module):
    """torchvision's alexnet, whose hidden units are dropped by a mask; images that are pooled to less than 6x6 stay so."""

    def __init__(self, size, classes=2):
        super().__init__()
        pool = nn.MaxPool2d(3, 2)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), pool, nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(), pool,
            nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(), nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(), nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(), pool,
        )
        with torch.no_grad():
            side = self.features(torch.zeros(1, 3, size, size)).shape[2]
        self.classifier = nn.ModuleDict({"1": nn.Conv2d(256, 4096, min(side, 6)), "4": nn.Conv2d(4096, 4096, 1), "6": nn.Linear(4096, classes)})

    def forward(self, x, dropout):
        x = self.features(2 * x - 1)
        if x.shape[2] > 6:
            x = F.adaptive_avg_pool2d(x, 6)
        for name, mask in zip(("1", "4"), dropout.chunk(2, 1)):
            x = F.relu(self.classifier[name](x)) * mask[:, :, None, None]
        return self.classifier["6"](x.flatten(1))


DECAY = 0.004
CASES = {  # name: network, side, batch, optimizer
    "shallow-cnn": (ShallowCNN, 64, 4, lambda p: torch.optim.SGD(p, 0.001, 0.5, weight_decay=DECAY)),
    "cifar10-quick": (CIFAR10Quick, 64, 4, lambda p: torch.optim.Adagrad(p, 0.001, weight_decay=DECAY)),
    "alexnet": (AlexNet, 64, 2, lambda p: torch.optim.SGD(p, 0.001, 0.5, weight_decay=DECAY)),
}


def step(make, size, n, optimizer):
    net = make(size)
    weights = {f"classifier.{k}": fill(k, v, 1000 + i).float() for i, (k, v) in enumerate(sorted(net.state_dict().items()))}
    net.load_state_dict({k.removeprefix("classifier."): v for k, v in weights.items()})
    net.double()
    x = fill("x", torch.zeros(n, 3, size, size), 900001).float().double()
    labels = torch.arange(n) % 2
    dropout = torch.from_numpy(draw(800000, n * 8192) >= 0).reshape(n, 8192).double() * 2
    opt, out = optimizer(net.parameters()), {}
    for k in range(3):
        opt.zero_grad()
        loss = F.cross_entropy(net(x, dropout), labels)
        loss.backward()
        out[f"loss.{k}.focal"] = loss.detach().reshape(1)
        out.update({f"grad.{k}.classifier.{name}": p.grad + DECAY * p.detach() for name, p in net.named_parameters()})  # ours decays before it steps
        opt.step()
    out.update({f"param.classifier.{name}": p.detach() for name, p in net.named_parameters()})
    return out


def main():
    if sys.argv[1:2] != ["step"] or len(sys.argv) != 3:
        sys.exit(__doc__)
    full = sum(p.numel() for p in AlexNet(224, 1000).parameters())
    assert full == 61_100_840, f"alexnet has {full} parameters, torchvision's 61100840"
    for name, (make, size, n, optimizer) in CASES.items():
        save_file(condense(step(make, size, n, optimizer)), f"{sys.argv[2]}/{name}.safetensors")


if __name__ == "__main__":
    main()
