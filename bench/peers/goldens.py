#!/usr/bin/env python3
"""Writes the numbers of PyTorch (float64, CPU) that our tests are held to.

  goldens.py ops DIR                           every operation: kernels/kernelstest/testdata/<family>.safetensors
  goldens.py step TWIN DIR                     whole training steps: worker/train/testdata/<name>.safetensors
  goldens.py original DIR                      20 images through the original CycleGAN's generators: worker/foreign/testdata/original-<blocks>.safetensors

TWIN is the PyTorch program of both training steps (torch_g2c.py), which takes --dump and --load. Needs torch and safetensors; the files in the
repository were written with torch 2.11. Operands are not stored: both sides draw them with draw() below, which is exact in float32. Layouts in
the files of operations are ours (NHWC, KRSC); step files hold norms and projections of tensors in PyTorch's layout.
"""
import os
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

torch.set_default_dtype(torch.float64)


def draw(seed, n):
    """n numbers in [-1,1), multiples of 2^-23: a hash of (seed, index), the same in Go."""
    mask = np.uint64(0xFFFFFFFF)
    x = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(seed) * np.uint64(0x9E3779B9)) & mask
    for shift, multiplier in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(multiplier)) & mask
    x ^= x >> np.uint64(16)
    return (x >> np.uint64(8)).astype(np.float64) / 2**23 - 1


class Case:
    """A case draws its operands in order and keeps its results under its name."""

    number, out = 0, {}

    def __init__(self, name):
        Case.number += 1
        self.name, self.seed = name, Case.number * 16

    def __call__(self, *shape, grad=False):
        n = int(np.prod(shape)) if shape else 1
        t = torch.from_numpy(draw(self.seed, n)).reshape(shape).clone()
        self.seed += 1
        return t.requires_grad_(grad)

    def keep(self, **results):
        for k, v in results.items():
            Case.out[f"{self.name}/{k}"] = v.detach().contiguous().clone()


def nchw(t):
    return t.permute(0, 3, 1, 2)


def nhwc(t):
    return t.permute(0, 2, 3, 1)


def grads(y, dy, *xs):
    return torch.autograd.grad(y, xs, dy)


CONVOLUTIONS = [  # name, x, k, r, s, stride, padH, padW, mode
    ("conv1x1", (2, 3, 4, 5), 4, 1, 1, 1, 0, 0, "zero"),
    ("conv3x3", (2, 5, 4, 3), 4, 3, 3, 1, 1, 1, "zero"),
    ("conv3x3 valid stride", (2, 6, 7, 3), 4, 3, 3, 2, 0, 0, "zero"),
    ("conv3x3 stride", (2, 5, 6, 3), 4, 3, 3, 2, 1, 1, "zero"),
    ("conv4x4 stride", (2, 7, 6, 3), 4, 4, 4, 2, 1, 1, "zero"),
    ("conv4x4", (2, 5, 4, 3), 4, 4, 4, 1, 1, 1, "zero"),
    ("conv1x7", (2, 3, 4, 3), 4, 1, 7, 1, 0, 3, "zero"),
    ("conv7x1", (2, 4, 3, 3), 4, 7, 1, 1, 3, 0, "zero"),
    ("conv3x3 reflect", (2, 3, 4, 3), 4, 3, 3, 1, 1, 1, "reflect"),
    ("conv7x7 reflect", (2, 4, 5, 3), 4, 7, 7, 1, 3, 3, "reflect"),
]


def convolutions():
    for name, shape, k, r, s, stride, ph, pw, mode in CONVOLUTIONS:
        c = Case(name)
        x, w, b = c(*shape, grad=True), c(k, r, s, shape[3], grad=True), c(k, grad=True)

        def conv(x):
            x = nchw(x)
            if mode == "reflect":
                return nhwc(F.conv2d(F.pad(x, (pw, pw, ph, ph), mode="reflect"), nchw(w), b, stride))
            return nhwc(F.conv2d(x, nchw(w), b, stride, (ph, pw)))

        y = conv(x)
        dy = c(*y.shape)
        parts = [grads(conv(x[n : n + 1]), dy[n : n + 1], w, b) for n in range(2)]  # a shard a sample
        c.keep(y=y, dx=grads(y, dy, x)[0], dw=torch.stack([p[0] for p in parts]), db=torch.stack([p[1] for p in parts]))
    c = Case("transposed")
    x, w = c(2, 3, 4, 5, grad=True), c(5, 4, 4, 3, grad=True)
    y = nhwc(F.conv_transpose2d(nchw(x), nchw(w), None, 2, 1))
    dy = c(*y.shape)
    dx, dw = grads(y, dy, x, w)
    c.keep(y=y, dx=dx, dw=dw[None])


def activation(name):
    return {"none": lambda t: t, "relu": F.relu, "leaky": lambda t: F.leaky_relu(t, 0.2), "tanh": torch.tanh, "sigmoid": torch.sigmoid}[name]


def norms():
    for act in ("none", "relu", "leaky"):
        c = Case(f"instance norm {act}")
        x, res = c(2, 4, 3, 4, grad=True), c(2, 4, 3, 4)
        y = nhwc(activation(act)(F.instance_norm(nchw(x), eps=1e-5))) + res
        c.keep(y=y, mean=x.mean((1, 2)), var=x.var((1, 2), unbiased=False), dx=grads(y, c(*y.shape), x)[0])
    for act in ("none", "relu"):  # two groups of two shards of one sample
        c = Case(f"batch norm {act}")
        x, gamma, beta, res = c(4, 3, 2, 5, grad=True), c(5, grad=True), c(5, grad=True), c(4, 3, 2, 5, grad=True)
        dy = c(4, 3, 2, 5)
        y, dx, dres = torch.zeros(4, 3, 2, 5), torch.zeros(4, 3, 2, 5), torch.zeros(4, 3, 2, 5)
        stats, dgamma, dbeta = [], [], []
        for v in range(2):
            of = [v, 2 + v]
            xs, rs = x[of], res[of]
            ys = activation(act)(nhwc(F.batch_norm(nchw(xs), None, None, gamma, beta, True, 0.1, 1e-3)) + rs)
            g = grads(ys, dy[of], xs, gamma, beta, rs)
            y[of], dx[of], dres[of] = ys.detach(), g[0], g[3]
            dgamma.append(g[1]), dbeta.append(g[2])
            stats.append(torch.stack([xs.mean((0, 1, 2)), xs.var((0, 1, 2), unbiased=False)]))
        c.keep(y=y, stats=torch.stack(stats), dx=dx, dgamma=torch.stack(dgamma), dbeta=torch.stack(dbeta), dres=dres)
        c = Case(f"batch norm infer {act}")
        x, gamma, beta, mean, var, res = c(2, 3, 2, 5), c(5), c(5), c(5), 1 + c(5) / 2, c(2, 3, 2, 5)
        c.keep(y=activation(act)(nhwc(F.batch_norm(nchw(x), mean, var, gamma, beta, False, 0.1, 1e-3)) + res))
    c = Case("running stats")
    x, mean, var = c(3, 2, 2, 5), c(5), 1 + c(5) / 2
    sums = torch.stack([x.mean((0, 1, 2)), x.var((0, 1, 2), unbiased=False)])
    F.batch_norm(nchw(x), mean, var, None, None, True, 0.1, 1e-3)
    c.keep(sums=sums, mean=mean, var=var)


def pools():
    for k, stride, pad in ((3, 2, 0), (3, 2, 1), (2, 2, 0)):
        c = Case(f"pool {k} {stride} {pad}")
        x = c(2, 6, 5, 4, grad=True)
        y, arg = F.max_pool2d(nchw(x), k, stride, pad, return_indices=True)
        y, arg = nhwc(y), nhwc(arg)
        avg = nhwc(F.avg_pool2d(nchw(x), k, stride, pad))
        dy = c(*y.shape)
        c.keep(max=y, arg=arg.double(), dmax=grads(y, dy, x)[0], avg=avg, davg=grads(avg, dy, x)[0])
    c = Case("global pool")
    x = c(2, 3, 4, 5, grad=True)
    y = x.mean((1, 2))
    c.keep(y=y, dx=grads(y, c(2, 5), x)[0])


def dense():
    c = Case("linear")  # two shards of two samples
    x, w, b = c(4, 5, grad=True), c(3, 5, grad=True), c(3, grad=True)
    y = F.linear(x, w, b)
    dy = c(4, 3)
    parts = [grads(F.linear(x[i : i + 2], w, b), dy[i : i + 2], w, b) for i in (0, 2)]
    c.keep(y=y, dx=grads(y, dy, x)[0], dw=torch.stack([p[0] for p in parts]), db=torch.stack([p[1] for p in parts]))
    c = Case("scale channels")
    x, s = c(2, 3, 4, 5, grad=True), c(2, 5, grad=True)
    y = x * s[:, None, None, :]
    dx, ds = grads(y, c(2, 3, 4, 5), x, s)
    c.keep(y=y, dx=dx, ds=ds)
    c = Case("branches")  # three branches of two samples
    x = c(6, 4)
    c.keep(y=torch.cat(list(x.chunk(3)), 1))
    c = Case("concat")
    a, b, d = c(2, 3, 2, 4, grad=True), c(2, 3, 2, 1, grad=True), c(2, 3, 2, 3, grad=True)
    y = torch.cat([a, b, d], 3)
    dy = c(2, 3, 2, 8)
    da, db, dd = grads(y, dy, a, b, d)
    part = y.narrow(3, 4, 4)
    c.keep(y=y, dlast=dd, part=part, dpart=grads(part, dy.narrow(3, 0, 4), y)[0])


def pointwise():
    for act in ("relu", "leaky", "tanh", "sigmoid"):
        c = Case(f"activation {act}")
        x = (4 * c(40)).requires_grad_()
        y = activation(act)(x)
        c.keep(y=y, dx=grads(y, c(40), x)[0])
    c = Case("sums")
    x = c(4, 7)
    c.keep(affine=2 * x - 1, add=x[0] + x[1] + x[2], tree=x.sum(0))


def losses():
    c = Case("losses")  # two shards of two samples
    p, b = c(4, 3, 2, 2, grad=True), c(4, 3, 2, 2)
    n = p.numel()
    mse, l1 = F.mse_loss(p, torch.ones_like(p)), F.l1_loss(p, b)
    shards = lambda f: torch.stack([f(i) for i in (slice(0, 2), slice(2, 4))])
    c.keep(
        mse=shards(lambda i: ((p[i] - 1) ** 2).sum() / n), dmse=grads(mse, torch.tensor(0.75), p)[0],
        l1=shards(lambda i: (p[i] - b[i]).abs().sum() / n), dl1=grads(l1, torch.tensor(0.75), p)[0],
    )
    for gamma in (0.0, 1.0, 2.0, 2.5):
        c = Case(f"focal {gamma}")
        z = (3 * c(4, 3)).requires_grad_()
        lp = F.log_softmax(z, 1)[torch.arange(4), torch.arange(4) % 3]
        each = -((1 - lp.exp()) ** gamma) * lp
        c.keep(l=torch.stack([each[:2].sum(), each[2:].sum()]) / 4, p=F.softmax(z, 1), dz=grads(each.mean(), torch.tensor(0.75), z)[0])


def optimizers():
    c = Case("adam")
    w, gs = c(9), [c(9) for _ in range(3)]
    opt = torch.optim.Adam([w], 2e-4, (0.5, 0.999))
    for g in gs:
        w.grad = g
        opt.step()
    s = opt.state[w]
    c.keep(w=w, m=s["exp_avg"], v=s["exp_avg_sq"])
    c = Case("sgd")
    w, gs = c(9), [c(9) for _ in range(3)]
    opt = torch.optim.SGD([w], 0.01, 0.5)
    for g in gs:
        w.grad = g
        opt.step()
    c.keep(w=w, m=opt.state[w]["momentum_buffer"])


def pixels():
    c = Case("pixels")
    u = torch.floor((c(2, 6, 6, 3) + 1) * 128) / 255
    jitter = 1 + c(2, 2) / 2
    out = []
    for i, (y0, x0, flips) in enumerate(((1, 2, (1,)), (2, 0, (0,)))):  # the first flips columns, the second rows
        x = torch.flip(u[i, y0 : y0 + 4, x0 : x0 + 4], flips)
        out.append(x)
    x = torch.stack(out)
    b, s = jitter[:, 0, None, None, None], jitter[:, 1, None, None, None]
    v = (b * x).clamp(0, 1)
    grey = (v * torch.tensor([0.299, 0.587, 0.114])).sum(3, keepdim=True)
    c.keep(plain=x, jittered=(grey + s * (v - grey)).clamp(0, 1))


def casts():
    c = Case("cast")
    x = c(64) * 2.0 ** torch.arange(-32, 32)
    c.keep(half=x.float().bfloat16().double())


def transposes():
    c = Case("transposed 3x3")  # as the original CycleGAN's, an even image comes out
    x, w = c(2, 3, 4, 5, grad=True), c(5, 3, 3, 4, grad=True)
    y = nhwc(F.conv_transpose2d(nchw(x), nchw(w), None, 2, 1, output_padding=1))
    dy = c(*y.shape)
    dx, dw = grads(y, dy, x, w)
    c.keep(y=y, dx=dx, dw=dw[None])


def baselines():
    """What the baselines of Table 5 need beside the rest: pooling as Caffe's, AdaGrad, weight decay."""
    for k, stride, pad in ((3, 2, 0), (3, 2, 1), (2, 3, 0)):
        c = Case(f"ceil pool {k} {stride} {pad}")
        x = c(2, 8, 6, 4, grad=True)
        y, arg = F.max_pool2d(nchw(x), k, stride, pad, ceil_mode=True, return_indices=True)
        y, arg = nhwc(y), nhwc(arg)
        avg = nhwc(F.avg_pool2d(nchw(x), k, stride, pad, ceil_mode=True))
        dy = c(*y.shape)
        c.keep(max=y, arg=arg.double(), dmax=grads(y, dy, x)[0], avg=avg, davg=grads(avg, dy, x)[0])
    for name, make in (("adagrad", lambda w: torch.optim.Adagrad([w], 0.001, weight_decay=0.004)), ("sgd decay", lambda w: torch.optim.SGD([w], 0.01, 0.5, weight_decay=0.004))):
        c = Case(name)
        w, gs = c(9), [c(9) for _ in range(3)]
        opt = make(w)
        for g in gs:
            w.grad = g
            opt.step()
        s = opt.state[w]
        c.keep(w=w, s=s["sum"] if "sum" in s else s["momentum_buffer"])


def entropies():
    c = Case("cross-entropy")  # two shards of two samples
    p = (32 * c(4, 3, 2, 2)).requires_grad_()
    for target in (0, 1):
        each = F.binary_cross_entropy_with_logits(p, torch.full_like(p, target), reduction="none") / p.numel()
        c.keep(**{f"bce{target}": torch.stack([each[:2].sum(), each[2:].sum()]), f"dbce{target}": grads(each.sum(), torch.tensor(0.75), p)[0]})


def insides():
    """Averages that leave the padding out, as the Inception network of the FID's has them."""
    for k, stride, pad, ceil in ((3, 1, 1, False), (3, 2, 1, False), (2, 2, 1, True)):
        c = Case(f"inside pool {k} {stride} {pad}")
        x = c(2, 7, 6, 4, grad=True)
        y = nhwc(F.avg_pool2d(nchw(x), k, stride, pad, ceil_mode=ceil, count_include_pad=False))
        dy = c(*y.shape)
        c.keep(y=y, dx=grads(y, dy, x)[0])


def write_ops(folder):
    for f in (convolutions, norms, pools, dense, pointwise, losses, optimizers, pixels, casts, transposes, baselines, entropies, insides):
        f()
        save_file(Case.out, f"{folder}/{f.__name__}.safetensors")
        Case.out = {}


STEPS = {  # name: arguments of the twin; where the name says k3, of the twin that goes up as the original does (original.py); of pix2pix.py
    "cyclegan-64": "--what cyclegan --size 64 --width 4 --blocks 1 --batch 1",
    "cyclegan-72": "--what cyclegan --size 72 --width 4 --blocks 1 --batch 1",
    "joint-1": "--what g2c --size 48 --width 4 --blocks 1 --batch 2 --m 2 --classifier-width 8 --shards 1",
    "joint-4": "--what g2c --size 36 --width 4 --blocks 1 --batch 4 --m 2 --classifier-width 8 --shards 4",
    "cyclegan-k3-64": "--what cyclegan --size 64 --width 4 --blocks 1 --batch 1",
    "pix2pix-64": "--size 64 --width 4 --blocks 1 --batch 1",
    "pix2pix-44": "--size 44 --width 4 --blocks 1 --batch 2",
    "joint-k3-1": "--what g2c --size 48 --width 4 --blocks 1 --batch 2 --m 2 --classifier-width 8 --shards 1",
}


def fill(name, t, seed):
    """A parameter, statistic or image from draw(): powers of two keep it exact in float32."""
    u = torch.from_numpy(draw(seed, t.numel())).reshape(t.shape)
    if name in ("A", "B", "x"):
        return image(u, seed)
    if t.dim() > 1:
        fan = t[0].numel()
        return u / 2 ** int(np.ceil(np.log2(fan) / 2))
    if name.endswith(("running_var", "bn.weight")):
        return 1 + u / 4
    return u / 8


def image(u, seed):
    """Blocks of 8 by 8 pixels (they repeat past 64) and a little noise, in [0,1): white noise would make batch norm blow up rounding."""
    n, _, h, w = u.shape
    blocks = torch.from_numpy(draw(seed + 500000, n * 3 * 8 * 8)).reshape(n, 3, 8, 8)
    rows, cols = torch.arange(h) // 8 % 8, torch.arange(w) // 8 % 8
    return 0.5 + 0.375 * blocks[:, :, rows][:, :, :, cols] + 0.125 * u


def write_steps(twin, folder):
    for name, arguments in STEPS.items():
        here = os.path.dirname(os.path.abspath(__file__))
        with tempfile.TemporaryDirectory() as tmp:
            program = [twin]
            if "k3" in name:
                program = [f"{here}/original.py", "twin", twin]
            elif "pix2pix" in name:
                program = [f"{here}/pix2pix.py", twin]
            run = lambda *more: subprocess.run([sys.executable, *program, *arguments.split(), *more], check=True)
            run("--dump", f"{tmp}/shapes", "--steps", "0")
            os.makedirs(f"{tmp}/in")
            for kind, first in (("weights", 1000), ("batch", 900000)):
                tensors = load_file(f"{tmp}/shapes/{kind}.safetensors")
                filled = {n: fill(n, t, first + i).float() if t.is_floating_point() else torch.arange(len(t)) % 2 for i, (n, t) in enumerate(sorted(tensors.items()))}
                save_file(filled, f"{tmp}/in/{kind}.safetensors")
            run("--load", f"{tmp}/in", "--dump", f"{tmp}/out", "--steps", "3", "--dtype", "fp64")
            save_file(condense(load_file(f"{tmp}/out/expected.safetensors")), f"{folder}/{name}.safetensors", {"arguments": arguments})


def write_originals(folder):
    """Generators of 6 and 9 blocks and width 8 with the original's names; images of 16 by 16 pixels, as bytes; what comes out, in [0,1]."""
    from original import Original

    for blocks in (6, 9):
        net = Original(8, blocks)
        weights = {n: fill(n, t, 1000 + i) for i, (n, t) in enumerate(sorted(net.state_dict().items()))}
        net.load_state_dict(weights, strict=True)
        x = torch.floor((torch.from_numpy(draw(900000, 20 * 3 * 16 * 16)).reshape(20, 3, 16, 16) + 1) * 128) / 255
        with torch.no_grad():
            y = (torch.cat([net(2 * i[None] - 1) for i in x]) + 1) / 2
        save_file({"y": y.float()}, f"{folder}/original-{blocks}.safetensors")


def condense(expected):
    """Losses as they are; of every other tensor its norm and its product with draw(1), in the order of the names."""
    out = {n: t for n, t in expected.items() if n.startswith("loss.")}
    rest = sorted(n for n in expected if not n.startswith("loss."))
    out["norms"] = torch.stack([expected[n].double().norm() for n in rest])
    out["projections"] = torch.stack([(expected[n].double().flatten() * torch.from_numpy(draw(1, expected[n].numel()))).sum() for n in rest])
    return out


if __name__ == "__main__":
    if sys.argv[1:2] == ["ops"] and len(sys.argv) == 3:
        write_ops(sys.argv[2])
    elif sys.argv[1:2] == ["step"] and len(sys.argv) == 4:
        write_steps(sys.argv[2], sys.argv[3])
    elif sys.argv[1:2] == ["original"] and len(sys.argv) == 3:
        write_originals(sys.argv[2])
    else:
        sys.exit(__doc__)
