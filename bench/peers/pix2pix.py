#!/usr/bin/env python3
"""Training steps of pix2pix in PyTorch: the peer's generator, its discriminator on pairs, the original's losses and order of updates.

    pix2pix.py PEER --size 64 --width 4 --blocks 1 --batch 1 [--load DIR] --dump DIR --steps 3 --dtype fp64

PEER is the PyTorch program of the paper's steps (torch_g2c.py), whose networks these are; the discriminator's first layer has six channels. As
pix2pix_model.py of junyanz/pytorch-CycleGAN-and-pix2pix: the discriminator steps first, on a fake that is not differentiated, with half the sum
of both losses (vanilla: binary cross-entropy of logits); then the generator, by the stepped discriminator, with L1 of [-1,1] images times 100.
"""
import argparse
import importlib.util
import json
import os

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("peer")
for name in ("size", "width", "blocks", "batch", "steps"):
    p.add_argument(f"--{name}", type=int, required=True)
p.add_argument("--dtype", default="fp64", choices=["fp64"])
p.add_argument("--load", default="")
p.add_argument("--dump", required=True)
a = p.parse_args()
loaded = importlib.util.spec_from_file_location("peer", a.peer)
peer = importlib.util.module_from_spec(loaded)
loaded.loader.exec_module(peer)

d = peer.Discriminator(a.width)
d.layers[0] = nn.Conv2d(6, a.width, 4, 2, 1)
nets = {"G_AB": peer.Generator(a.width, a.blocks).double(), "D": d.double()}
g = nets["G_AB"]
batch = {n: torch.zeros(a.batch, 3, a.size, a.size, dtype=torch.float64) for n in ("A", "B")}
if a.load:
    weights = load_file(f"{a.load}/weights.safetensors")
    for n, m in nets.items():
        m.load_state_dict({k[len(n) + 1 :]: v.double() for k, v in weights.items() if k.startswith(n + ".")}, strict=True)
    batch = {n: v.double() for n, v in load_file(f"{a.load}/batch.safetensors").items()}
og = torch.optim.Adam(g.parameters(), 2e-4, (0.5, 0.999))
od = torch.optim.Adam(d.parameters(), 2e-4, (0.5, 0.999))
gan = lambda scores, real: F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, float(real)))
judge = lambda x, y: d(torch.cat([x, y], 1))


def step():
    x, y = batch["A"], batch["B"]
    fake = g(x)
    od.zero_grad(set_to_none=True)
    losses = {"D_real": 0.5 * gan(judge(x, y), True), "D_fake": 0.5 * gan(judge(x, fake.detach()), False)}
    sum(losses.values()).backward()
    od.step()
    kept = {n: q.grad.clone() for n, q in d.named_parameters()}
    for q in d.parameters():
        q.requires_grad_(False)
    og.zero_grad(set_to_none=True)
    t = {"gan": gan(judge(x, fake), True), "l1": 100 * F.l1_loss(2 * fake - 1, 2 * y - 1)}
    sum(t.values()).backward()
    og.step()
    for n, q in d.named_parameters():
        q.requires_grad_(True)
        q.grad = kept[n]
    return {**t, **losses}


def state(dtype):
    return {f"{n}.{k}": v.detach().to(dtype).contiguous().clone() for n, m in nets.items() for k, v in m.state_dict().items()}


os.makedirs(a.dump, exist_ok=True)
save_file(state(torch.float32), f"{a.dump}/weights.safetensors")
save_file({n: v.float() for n, v in batch.items()}, f"{a.dump}/batch.safetensors")
out, losses = {}, {}
for k in range(a.steps):
    losses = step()
    out.update({f"loss.{k}.{n}": v.detach().reshape(1) for n, v in losses.items()})
    out.update({f"grad.{k}.{n}.{q}": v.grad.contiguous().clone() for n, m in nets.items() for q, v in m.named_parameters()})
out.update({f"param.{n}": v for n, v in state(torch.float64).items()})
save_file(out, f"{a.dump}/expected.safetensors")
print(json.dumps({"dump": "pix2pix", "size": a.size, "steps": a.steps, "losses": {n: v.item() for n, v in losses.items()}}))
