#!/usr/bin/env python3
"""The network of the Fréchet Inception distance in plain PyTorch (float64), and its features of drawn images under drawn weights.

  inception.py FILE              writes worker/infer/testdata/inception.safetensors
  inception.py - --bench N       prints images a second of the features in float32, of N images a time
  inception.py - --check         compares it with pytorch-fid's network (pip install --no-deps pytorch-fid==0.3.0 torchvision) under the same weights

Operands are not stored: both sides draw them with goldens.draw(). Layers are named as in pt_inception-2015-12-05-6726825d.pth. A weight is a draw in
[-1,1) times sqrt(6/fan-in), in float32; batch norm: weight and variance 1 + u/4, bias and mean u/8. The number of a tensor in the order of names seeds it.
"""
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from goldens import draw

SIZES = (64, 299, 400)  # of the images, which are brought to 299


class Inception:
    """Layers are found by what asks for them; first() lists them."""

    def __init__(self):
        self.shapes, self.weights = {}, None

    def conv(self, name, x, k, r, s, stride=1, pad=(0, 0)):
        shape = (k, x.shape[1], r, s)
        if self.weights is None:
            self.shapes[f"{name}.conv.weight"] = shape
            for part in ("weight", "bias", "running_mean", "running_var"):
                self.shapes[f"{name}.bn.{part}"] = (k,)
            return F.conv2d(x, torch.zeros(shape), stride=stride, padding=pad)
        w = self.weights
        y = F.conv2d(x, w[f"{name}.conv.weight"], stride=stride, padding=pad)
        y = F.batch_norm(y, w[f"{name}.bn.running_mean"], w[f"{name}.bn.running_var"], w[f"{name}.bn.weight"], w[f"{name}.bn.bias"], eps=0.001)
        return F.relu(y)

    def square(self, name, x, k, r):
        return self.conv(name, x, k, r, r, pad=(r // 2, r // 2))

    def row(self, name, x, k, r):
        return self.conv(name, x, k, 1, r, pad=(0, r // 2))

    def column(self, name, x, k, r):
        return self.conv(name, x, k, r, 1, pad=(r // 2, 0))

    def average(self, x):
        return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)

    def a(self, m, x, pooled):
        five = self.square(f"{m}.branch5x5_2", self.square(f"{m}.branch5x5_1", x, 48, 1), 64, 5)
        double = self.square(f"{m}.branch3x3dbl_2", self.square(f"{m}.branch3x3dbl_1", x, 64, 1), 96, 3)
        double = self.square(f"{m}.branch3x3dbl_3", double, 96, 3)
        return torch.cat([self.square(f"{m}.branch1x1", x, 64, 1), five, double, self.square(f"{m}.branch_pool", self.average(x), pooled, 1)], 1)

    def b(self, m, x):
        double = self.square(f"{m}.branch3x3dbl_2", self.square(f"{m}.branch3x3dbl_1", x, 64, 1), 96, 3)
        double = self.conv(f"{m}.branch3x3dbl_3", double, 96, 3, 3, stride=2)
        return torch.cat([self.conv(f"{m}.branch3x3", x, 384, 3, 3, stride=2), double, F.max_pool2d(x, 3, stride=2)], 1)

    def c(self, m, x, width):
        seven = self.row(f"{m}.branch7x7_2", self.square(f"{m}.branch7x7_1", x, width, 1), width, 7)
        seven = self.column(f"{m}.branch7x7_3", seven, 192, 7)
        double = self.column(f"{m}.branch7x7dbl_2", self.square(f"{m}.branch7x7dbl_1", x, width, 1), width, 7)
        double = self.row(f"{m}.branch7x7dbl_3", double, width, 7)
        double = self.column(f"{m}.branch7x7dbl_4", double, width, 7)
        double = self.row(f"{m}.branch7x7dbl_5", double, 192, 7)
        return torch.cat([self.square(f"{m}.branch1x1", x, 192, 1), seven, double, self.square(f"{m}.branch_pool", self.average(x), 192, 1)], 1)

    def d(self, m, x):
        three = self.conv(f"{m}.branch3x3_2", self.square(f"{m}.branch3x3_1", x, 192, 1), 320, 3, 3, stride=2)
        seven = self.row(f"{m}.branch7x7x3_2", self.square(f"{m}.branch7x7x3_1", x, 192, 1), 192, 7)
        seven = self.column(f"{m}.branch7x7x3_3", seven, 192, 7)
        seven = self.conv(f"{m}.branch7x7x3_4", seven, 192, 3, 3, stride=2)
        return torch.cat([three, seven, F.max_pool2d(x, 3, stride=2)], 1)

    def e(self, m, x, pooled):
        three = self.square(f"{m}.branch3x3_1", x, 384, 1)
        three = [self.row(f"{m}.branch3x3_2a", three, 384, 3), self.column(f"{m}.branch3x3_2b", three, 384, 3)]
        double = self.square(f"{m}.branch3x3dbl_2", self.square(f"{m}.branch3x3dbl_1", x, 448, 1), 384, 3)
        double = [self.row(f"{m}.branch3x3dbl_3a", double, 384, 3), self.column(f"{m}.branch3x3dbl_3b", double, 384, 3)]
        return torch.cat([self.square(f"{m}.branch1x1", x, 320, 1), *three, *double, self.square(f"{m}.branch_pool", pooled, 192, 1)], 1)

    def features(self, x):
        x = self.conv("Conv2d_1a_3x3", x, 32, 3, 3, stride=2)
        x = self.square("Conv2d_2b_3x3", self.conv("Conv2d_2a_3x3", x, 32, 3, 3), 64, 3)
        x = self.square("Conv2d_3b_1x1", F.max_pool2d(x, 3, stride=2), 80, 1)
        x = F.max_pool2d(self.conv("Conv2d_4a_3x3", x, 192, 3, 3), 3, stride=2)
        for m, pooled in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = self.a(m, x, pooled)
        x = self.b("Mixed_6a", x)
        for m, width in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            x = self.c(m, x, width)
        x = self.d("Mixed_7a", x)
        x = self.e("Mixed_7b", x, self.average(x))
        x = self.e("Mixed_7c", x, F.max_pool2d(x, 3, stride=1, padding=1))
        return x.mean((2, 3))

    def draw(self, dtype):
        self.features(torch.zeros(1, 3, 299, 299))
        out = {}
        for i, name in enumerate(sorted(self.shapes)):
            shape = self.shapes[name]
            u = draw(16 * (i + 1), int(np.prod(shape))).astype(np.float32).reshape(shape)
            if len(shape) > 1:
                v = u * np.float32(np.sqrt(6 / np.prod(shape[1:])))
            elif name.endswith(("bn.weight", "running_var")):
                v = 1 + u / 4
            else:
                v = u / 8
            out[name] = torch.from_numpy(v.astype(np.float32)).to(dtype)
        self.weights = out


def check(net):
    import torchvision
    from pytorch_fid import inception as fid

    theirs = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, init_weights=False)
    for name, block in (("5b", fid.FIDInceptionA(192, 32)), ("5c", fid.FIDInceptionA(256, 64)), ("5d", fid.FIDInceptionA(288, 64)), ("6b", fid.FIDInceptionC(768, 128)),
                        ("6c", fid.FIDInceptionC(768, 160)), ("6d", fid.FIDInceptionC(768, 160)), ("6e", fid.FIDInceptionC(768, 192)), ("7b", fid.FIDInceptionE_1(1280)), ("7c", fid.FIDInceptionE_2(2048))):
        setattr(theirs, "Mixed_" + name, block)
    net.draw(torch.float64)
    state = theirs.state_dict()
    beside = [n for n in state if n not in net.weights and not n.endswith("num_batches_tracked")]
    theirs.load_state_dict({**state, **net.weights})
    theirs.fc = torch.nn.Identity()
    x = torch.from_numpy(draw(7, 2 * 3 * 299 * 299)).reshape(2, 3, 299, 299)
    with torch.no_grad():
        a, b = theirs.eval()(x), net.features(x)
    print(f"pytorch-fid's has {beside} beside ours; the features differ by {((a - b).norm() / a.norm()).item():.2g}")


def main():
    net = Inception()
    if "--check" in sys.argv:
        return check(net)
    if "--bench" in sys.argv:
        n = int(sys.argv[sys.argv.index("--bench") + 1])
        torch.set_default_dtype(torch.float32)
        net.draw(torch.float32)
        x = torch.rand(n, 3, 299, 299)
        with torch.no_grad():
            net.features(x)
            times = []
            for _ in range(3):
                start = time.perf_counter()
                net.features(x)
                times.append(time.perf_counter() - start)
        print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads: {n / sorted(times)[1]:.2f} images/s")
        return
    net.draw(torch.float64)
    out = {}
    for i, size in enumerate(SIZES):
        u = torch.from_numpy(draw(1000003 + i, size * size * 3)).reshape(1, size, size, 3)
        x = torch.floor((u + 1) * 128).permute(0, 3, 1, 2) / 255
        x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False)
        with torch.no_grad():
            out[f"features.{size}"] = net.features(2 * x - 1)[0].clone()
        print(size, out[f"features.{size}"].mean().item(), out[f"features.{size}"].std().item())
    save_file(out, sys.argv[1])


if __name__ == "__main__":
    main()
