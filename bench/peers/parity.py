#!/usr/bin/env python3
"""Holds g2c's training steps to PyTorch's, tensor by tensor.

    parity.py --g2c bin/g2c --peer PATH/torch_g2c.py [--out bench/results/parity.md]

The twin dumps weights, a batch and, in float64, every loss, gradient and updated weight of three steps; `g2c debug step --device ref`
does the same from the same files. Errors are relative norms. On the CPU the losses of the first step are compared, and every instruction
is held to the reference in lockstep, since whole steps in float32 amplify rounding.
"""
import argparse, os, subprocess, sys, tempfile

import numpy as np
from safetensors.numpy import load_file

# name, kind, size, batch, M, shards, way up (k3: the twin of original.py)
CASES = [
    ("CycleGAN 64², batch 1", "cyclegan", 64, 1, 0, 1, "k4"),
    ("CycleGAN 72², batch 2", "cyclegan", 72, 2, 0, 1, "k4"),
    ("joint 64², M=2, batch 4, 1 shard", "g2c", 64, 4, 2, 1, "k4"),
    ("joint 64², M=2, batch 8, 4 shards", "g2c", 64, 8, 2, 4, "k4"),
    ("CycleGAN 64², batch 1, up k3", "cyclegan", 64, 1, 0, 1, "k3"),
    ("joint 64², M=2, batch 4, 1 shard, up k3", "g2c", 64, 4, 2, 1, "k3"),
]
WIDTH, BLOCKS, CLASSIFIER, STEPS = 8, 2, 16, 3

SPEC = """apiVersion: g2c/v1
kind: Experiment
metadata: {{name: parity}}
data: {{source: PAS, size: {size}, synthetic: {{patients: 8, patches: 6, seed: 1}}}}
tasks: [{{name: t, positive: [gs], negative: [noa]}}]
model: {{generator: {{width: {w}, blocks: {b}, up: {up}}}, discriminator: {{width: {w}}}, classifier: {{width: {c}}}}}
pretrain: {{batch: {pretrain}}}
finetune: {{batch: {finetune}, shards: {shards}}}
arms: [{{name: A, stains: [{stains}]}}]
"""


def relative(a, b):
    return float(np.linalg.norm(a.astype(np.float64) - b) / max(np.linalg.norm(b), 1e-300))


def case(g2c, peer, folder, c):
    name, kind, size, batch, m, shards, up = c
    twin = [peer] if up == "k4" else [os.path.join(os.path.dirname(os.path.abspath(__file__)), "original.py"), "twin", peer]
    command = [sys.executable, *twin, "--what", kind, "--size", str(size), "--batch", str(batch), "--width", str(WIDTH), "--blocks", str(BLOCKS),
               "--dtype", "fp64", "--steps", str(STEPS), "--seed", "7", "--dump", folder]
    if kind == "g2c":
        command += ["--m", str(m), "--classifier-width", str(CLASSIFIER), "--shards", str(shards)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    spec = os.path.join(folder, "spec.yaml")
    with open(spec, "w") as f:
        f.write(SPEC.format(size=size, w=WIDTH, b=BLOCKS, c=CLASSIFIER, up=up, pretrain=batch if kind == "cyclegan" else 1,
                            finetune=batch if kind == "g2c" else 4, shards=shards, stains=", ".join(["HE", "MASSON"][: m or 1])))
    step = [g2c, "debug", "step", spec, "--task", "pretrain" if kind == "cyclegan" else "finetune",
            "--weights", f"{folder}/weights.safetensors", "--batch", f"{folder}/batch.safetensors"]
    want, out = load_file(f"{folder}/expected.safetensors"), f"{folder}/out.safetensors"
    subprocess.run(step + ["--device", "ref", "--steps", str(STEPS), "-o", out], check=True, stdout=subprocess.DEVNULL)
    got = load_file(out)
    assert set(got) == set(want), set(got) ^ set(want)
    worst = {part: max(relative(got[k], want[k]) for k in want if k.startswith(part)) for part in ("loss.", "grad.", "param.")}
    subprocess.run(step + ["--device", "cpu", "--steps", "1", "-o", out], check=True, stdout=subprocess.DEVNULL)
    got = load_file(out)
    worst["cpu"] = max(relative(got[k], want[k]) for k in want if k.startswith("loss.0."))
    worst["lockstep"] = subprocess.run(step + ["--device", "cpu", "--lockstep"], stdout=subprocess.DEVNULL).returncode == 0
    return worst


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--g2c", required=True)
    p.add_argument("--peer", required=True)
    p.add_argument("--out", default="")
    a = p.parse_args()
    lines = ["# Parity with PyTorch", "", f"`bench/peers/parity.py`, through `g2c debug step`: three steps in float64 (`--device ref`), width {WIDTH}, {BLOCKS} blocks, classifier {CLASSIFIER};",
             "worst relative error of any loss, gradient and weight. CPU: worst loss of the first step in float32; lockstep of every instruction.", "",
             "| step | losses | gradients | weights | CPU losses | CPU lockstep |", "|---|---|---|---|---|---|"]
    good = True
    for c in CASES:
        with tempfile.TemporaryDirectory() as folder:
            w = case(a.g2c, a.peer, folder, c)
        good &= w["loss."] <= 1e-8 and w["grad."] <= 1e-6 and w["param."] <= 1e-6 and w["cpu"] <= 1e-4 and w["lockstep"]
        lines.append(f"| {c[0]} | {w['loss.']:.1e} | {w['grad.']:.1e} | {w['param.']:.1e} | {w['cpu']:.1e} | {'passes' if w['lockstep'] else 'FAILS'} |")
        print(lines[-1], flush=True)
    if a.out:
        with open(a.out, "w") as f:
            f.write("\n".join(lines) + "\n")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
