#!/usr/bin/env python3
"""Holds g2c on the first GPU of this machine to its references, and writes what was found.

    gpu_check.py --g2c bin/g2c --tests build/gpu-check --peer PATH/torch_g2c.py [--out bench/results/gpu-check.md]

Needs the binaries that `make gpu-tests` builds, and PyTorch with CUDA for the gradients; no Go, no compiler. In order:

- `g2c doctor`: a card, its class, one image held to the reference;
- the suite of every operation's contract on the card, in float32 and bfloat16 (kernels.test);
- both training steps in lockstep with the reference in both precisions, first losses, and the same bits twice (steps.test);
- gradients of the first step beside PyTorch's at the same precision, each side's error to PyTorch in float64: ours may be twice theirs
  (losses are held to 1e-4 and 2e-2 where theirs keep to that);
- 200 steps of a CycleGAN and a small joint run by `g2c run`, twice: the same weights.
"""
import argparse, json, os, statistics, subprocess, sys, tempfile

import numpy as np
from safetensors.numpy import load_file

from bench_cpu import networks, spec, task

# name, kind, size, batch, generator width, M, classifier width
STEPS = [
    ("CycleGAN 128², width 32, batch 1", "cyclegan", 128, 1, 32, 0, 0),
    ("joint 96², M=2, generator 32, classifier 64, batch 4", "g2c", 96, 4, 32, 2, 64),
]
SMALL = [
    ("CycleGAN 64², width 8, batch 1", "cyclegan", 64, 1, 8, 0, 0),
    ("joint 64², M=1, generator 8, classifier 16, batch 4", "g2c", 64, 4, 8, 1, 16),
]
PRECISIONS = ["fp32", "bf16"]

RUN = """apiVersion: g2c/v1
kind: Experiment
metadata: {{name: check}}
data: {{source: PAS, size: 64, synthetic: {{patients: 10, patches: 10, seed: 1}}}}
precision: {precision}
tasks: [{{name: t, positive: [gs], negative: [noa]}}]
model: {{generator: {{width: 16, blocks: 2}}, discriminator: {{width: 16}}, classifier: {{width: 32, units: 1}}}}
pretrain: {{epochs: {epochs}, batch: 1}}
finetune: {{epochs: 2, batch: 8, shards: 2}}
arms: [{{name: A, stains: [HE]}}]
"""


def write_spec(folder, row, precision):
    path = os.path.join(folder, f"{precision}.yaml")
    with open(path, "w") as f:
        f.write(spec(row) + f"precision: {precision}\n")
    return path


def twin(peer, row, device, dtype, dump, load=""):
    command = [sys.executable, peer, *networks(row), "--device", device, "--dtype", dtype, "--steps", "1", "--seed", "7", "--dump", dump]
    if load:
        command += ["--load", load]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return load_file(f"{dump}/expected.safetensors")


def errors(got, want):
    """Relative errors of losses and gradients: the worst loss, the median and the worst gradient."""
    relative = lambda k: float(np.linalg.norm(got[k].astype(np.float64) - want[k]) / max(np.linalg.norm(want[k]), 1e-300))
    losses = [relative(k) for k in want if k.startswith("loss.0.")]
    grads = [relative(k) for k in want if k.startswith("grad.0.")]
    return max(losses), statistics.median(grads), max(grads)


def gradients(g2c, peer, device, torch_device, rows):
    lines = ["| step | precision | losses: g2c | PyTorch | gradients, median: g2c | PyTorch | worst: g2c | PyTorch |", "|---|---|---|---|---|---|---|---|"]
    good = True
    for row in rows:
        with tempfile.TemporaryDirectory() as folder:
            want = twin(peer, row, torch_device, "fp64", f"{folder}/fp64")
            for precision in PRECISIONS:
                theirs = errors(twin(peer, row, torch_device, precision, f"{folder}/{precision}", f"{folder}/fp64"), want)
                out = f"{folder}/out.safetensors"
                subprocess.run([g2c, "debug", "step", write_spec(folder, row, precision), "--task", task(row), "--device", device,
                                "--weights", f"{folder}/fp64/weights.safetensors", "--batch", f"{folder}/fp64/batch.safetensors", "--steps", "1", "-o", out],
                               check=True, stdout=subprocess.DEVNULL)
                ours = errors(load_file(out), want)
                bound = {"fp32": 1e-4, "bf16": 2e-2}[precision]
                good &= ours[0] <= max(bound, 2 * theirs[0]) and ours[1] <= 2 * theirs[1] + 1e-5
                lines.append(f"| {row[0]} | {precision} | {ours[0]:.1e} | {theirs[0]:.1e} | {ours[1]:.1e} | {theirs[1]:.1e} | {ours[2]:.1e} | {theirs[2]:.1e} |")
                print(lines[-1], flush=True)
    return lines, good


def weights(store):
    """The hashes of all weights that a run left."""
    with open(f"{store}/reports/check/results.json") as f:
        r = json.load(f)
    return [g["weightsSHA256"] for g in r["generators"]] + [x["weightsSHA256"] for x in r["arms"]]


def runs(g2c, device):
    lines, good = ["200 steps of a CycleGAN, then a joint run: the first digits of weightsSHA256 of each.", "", "| precision | first | again |", "|---|---|---|"], True
    for precision in PRECISIONS:
        seen = []
        with tempfile.TemporaryDirectory() as folder:
            spec = f"{folder}/check.yaml"
            with open(spec, "w") as f:
                f.write(RUN.format(precision=precision, epochs=5))  # of 40 steps
            for k in range(2):
                subprocess.run([g2c, "run", spec, "--device", device, "--store", f"{folder}/{k}"], check=True, stdout=subprocess.DEVNULL)
                seen.append(weights(f"{folder}/{k}"))
        good &= seen[0] == seen[1] != []
        lines.append(f"| {precision} | {', '.join(w[:12] for w in seen[0])} | {', '.join(w[:12] for w in seen[1])} |")
        print(lines[-1], flush=True)
    return lines, good


def tests(folder):
    lines, good = [], True
    for binary, arguments in (("kernels.test", []), ("steps.test", ["-test.run", "CUDA"])):
        p = subprocess.run([os.path.join(folder, binary), "-test.timeout", "9m", *arguments], env={**os.environ, "G2C_TEST_GPU": "1"}, capture_output=True, text=True)
        good &= p.returncode == 0
        lines.append(f"- `{binary}`: {'passes' if p.returncode == 0 else 'FAILS'}")
        if p.returncode:
            lines += ["", "```", *(p.stdout + p.stderr).splitlines()[-60:], "```", ""]
        print(lines[-1] if p.returncode == 0 else "\n".join(lines), flush=True)
    return lines, good


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--g2c", required=True)
    p.add_argument("--tests", required=True, help="folder of kernels.test and steps.test")
    p.add_argument("--peer", default="", help="PyTorch's side; without it gradients are not compared")
    p.add_argument("--device", default="cuda")
    p.add_argument("--torch-device", default="cuda")
    p.add_argument("--only", default="tests,gradients,runs", help="which parts, divided by commas: a card that is lent for minutes takes them one by one")
    p.add_argument("--small", action="store_true", help="small networks, and gradients alone: to try this program without a GPU")
    p.add_argument("--out", default="")
    a = p.parse_args()
    doctor = subprocess.run([a.g2c, "doctor"], capture_output=True, text=True).stdout
    card = [l.strip() for l in doctor.splitlines() if "gpu" in l]
    lines = ["# Checks on a GPU", "", "`make gpu-check PEER=torch_g2c.py`. Errors are relative to PyTorch in float64, from the same weights and batch.", ""] + [f"    {l}" for l in card] + [""]
    print("\n".join(card), flush=True)
    good, parts = True, ["gradients"] if a.small else a.only.split(",")
    if "tests" in parts:
        more, good = tests(a.tests)
        lines += ["## Contracts, lockstep, replay", ""] + more
    if a.peer and "gradients" in parts:
        more, ok = gradients(a.g2c, a.peer, a.device, a.torch_device, SMALL if a.small else STEPS)
        lines, good = lines + ["", "## The first step", ""] + more, good and ok
    if "runs" in parts:
        more, ok = runs(a.g2c, a.device)
        lines, good = lines + ["", "## Runs, twice", ""] + more, good and ok
    lines += ["", "all passed" if good else "NOT all passed"]
    if a.out:
        with open(a.out, "w") as f:
            f.write("\n".join(lines) + "\n")
    print(lines[-1])
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
