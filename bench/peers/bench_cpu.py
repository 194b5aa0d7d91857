#!/usr/bin/env python3
"""Times the training steps of g2c and of PyTorch on this CPU, in turn, and writes a table of medians and ratios.

    bench_cpu.py --g2c bin/g2c --peer PATH/torch_g2c.py --out bench/results/cpu.md [--rounds 5] [--steps 10]

Every row is a configuration of reference figures. A round runs each side once as a process of its own, alternating, so that both
see the same machine; a side's figure is the median over rounds of its own median step. Peak memory is the process's largest
resident set, as the kernel counts it. Below come the operations of our steps beside ceilings that each process measures
itself (the micro-kernel on packed operands in cache, and a copy of memory), and single convolutions from the Go benchmarks.
The last line is the geometric mean of PyTorch's median / ours.
"""
import argparse, json, math, os, re, statistics, subprocess, sys, tempfile

# name, kind, size, batch, generator width, M, classifier width
ROWS = [
    ("CycleGAN 64², width 16, batch 1", "cyclegan", 64, 1, 16, 0, 0),
    ("CycleGAN 64², width 32, batch 1", "cyclegan", 64, 1, 32, 0, 0),
    ("CycleGAN 128², width 64, batch 1", "cyclegan", 128, 1, 64, 0, 0),
    ("G2C joint 64², M=1, generator 16, classifier 256, batch 8", "g2c", 64, 8, 16, 1, 256),
    ("G2C joint 64², M=3, generator 32, classifier 256, batch 8", "g2c", 64, 8, 32, 3, 256),
    ("G2C joint 128², M=3, generator 64, classifier 256, batch 4", "g2c", 128, 4, 64, 3, 256),
]

SPEC = """apiVersion: g2c/v1
kind: Experiment
metadata: {{name: bench}}
data:
  source: PAS
  size: {size}
  synthetic: {{patients: 8, patches: 6, seed: 1}}
tasks: [{{name: t, positive: [gs], negative: [noa]}}]
model: {{generator: {{width: {width}, blocks: 6}}, discriminator: {{width: {width}}}, classifier: {{width: {classifier}}}}}
pretrain: {{batch: {pretrain}}}
finetune: {{batch: {finetune}, shards: 1}}
arms: [{{name: bench, stains: [{stains}]}}]
"""


def run(command, env=None):
    """The last line of JSON on standard output, and the peak resident set in MiB."""
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(command, stdout=out, env={**os.environ, **(env or {})})
        _, status, usage = os.wait4(p.pid, 0)
        if status:
            sys.exit(f"{' '.join(command)}: exit status {status}")
        out.seek(0)
        return out.read().decode(), usage.ru_maxrss / 1024


def spec(row):
    """The spec of a row, for both kinds of step."""
    _, kind, size, batch, width, m, classifier = row
    return SPEC.format(size=size, width=width, classifier=classifier or 64, stains=", ".join(["HE", "MASSON", "PASM"][: m or 1]),
                       pretrain=batch if kind == "cyclegan" else 1, finetune=batch if kind == "g2c" else 4)


def task(row):
    return "pretrain" if row[1] == "cyclegan" else "finetune"


def networks(row):
    """The arguments of PyTorch's side that name a row's networks and batch."""
    _, kind, size, batch, width, m, classifier = row
    arguments = ["--what", kind, "--size", str(size), "--batch", str(batch), "--width", str(width)]
    return arguments + (["--m", str(m), "--classifier-width", str(classifier)] if kind == "g2c" else [])


def ours(g2c, row, steps):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(spec(row))
        f.flush()
        out, rss = run([g2c, "debug", "bench", f.name, "--task", task(row), "--steps", str(steps), "--json"])
    r = json.loads(out)
    return r["ms"], rss, r


def peer(path, row, steps):
    command = [sys.executable, path, *networks(row), "--threads", "2", "--steps", str(steps)]
    out, rss = run(command)
    return json.loads(out.strip().splitlines()[-1])["ms"], rss


def operations(row, info):
    """A table of the operations that take most of a step."""
    lines = [f"### {row[0]}", "",
             f"Ceilings: {info['peakGFLOPS']:.0f} GFLOP/s of products, {info['copyGBPerSecond']:.0f} GB/s of copies. "
             f"Input: {info['inputMS']:.2f} ms of the step's {info['ms']:.1f}.", "",
             "| operation | calls | ms | share | GFLOP/s | GB/s | of its ceiling |", "|---|---|---|---|---|---|---|"]
    total = sum(o["ms"] for o in info["ops"])
    for o in info["ops"]:
        if o["ms"] < total / 200:
            break
        lines.append(f"| {o['name']} | {o['calls']} | {o['ms']:.2f} | {100 * o['ms'] / total:.1f} % | {o['gflops']:.0f} | {o['gbPerSecond']:.0f} | {100 * o['share']:.0f} % |")
    return lines + [""]


def convolutions(go):
    """Single 3×3 convolutions of 256 channels, by size and batch, from the Go benchmarks."""
    bench = "Conv/^res256$/^(16|32|64)$/^n(1|8|16)$"
    out = subprocess.run([go, "test", "./kernels/cpu", "-run", "^$", "-bench", bench, "-benchtime", "300ms"], check=True, capture_output=True, text=True).stdout
    lines = ["| size | batch | forward | input gradient | weight gradient |", "|---|---|---|---|---|"]
    rows = {}
    for name, ns, rest in re.findall(r"BenchmarkConv/res256/(\S+)\s+\d+\s+([\d.]+) ns/op(.*)", out):
        size, batch, op = name.split("/")
        gflops = float(re.search(r"([\d.]+) GFLOP/s", rest).group(1))
        rows.setdefault((int(size), int(batch[1:])), {})[re.sub(r"-\d+$", "", op)] = f"{float(ns) / 1e6:.2f} ms, {gflops:.0f}"
    for (size, batch), ops in sorted(rows.items()):
        lines.append(f"| {size}² | {batch} | {ops['conv2d']} | {ops['conv2d_grad_x']} | {ops['conv2d_grad_w']} |")
    return lines


def cpu():
    with open("/proc/cpuinfo") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    flags = "AVX-512" if "avx512f" in open("/proc/cpuinfo").read() else "AVX2"
    return f"{len(names)} × {names[0]}, {flags}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--g2c", required=True)
    p.add_argument("--peer", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--go", default="go", help="the Go command, for single convolutions")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--steps", type=int, default=10)
    a = p.parse_args()
    import torch

    lines = ["# Training steps on the CPU, beside PyTorch", "",
             f"`make bench-cpu PEER=torch_g2c.py`; {cpu()}; PyTorch {torch.__version__} eager, fp32, contiguous, 2 threads.",
             f"Medians of {a.rounds} rounds of {a.steps} steps, both sides alternating in one run.", "",
             "| step | g2c ms | PyTorch ms | PyTorch / g2c | g2c peak MiB | PyTorch peak MiB | arena MiB | unplanned MiB | GFLOP/s |",
             "|---|---|---|---|---|---|---|---|---|"]
    ratios, tables = [], []
    for row in ROWS:
        steps = a.steps if row[2] == 64 else max(3, a.steps // 3)
        mine, theirs = [], []
        for _ in range(a.rounds):
            mine.append(ours(a.g2c, row, steps))
            theirs.append(peer(a.peer, row, steps))
        ms, pms = statistics.median(x[0] for x in mine), statistics.median(x[0] for x in theirs)
        info = min(mine, key=lambda x: x[0])[2]
        tables += operations(row, info)
        ratios.append(pms / ms)
        lines.append(f"| {row[0]} | {ms:.1f} | {pms:.1f} | {pms / ms:.2f} | {max(x[1] for x in mine):.0f} | {max(x[1] for x in theirs):.0f} | "
                     f"{info['arenaMiB']:.1f} | {info['naiveMiB']:.1f} | {1000 * info['gflop'] / ms:.0f} |")
        print(lines[-1], flush=True)
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    lines += ["", "## Single convolutions", "",
              "3×3, reflecting, 256 to 256 channels: ms, and GFLOP/s by the count of a direct convolution, which squares (Winograd) undercut by up to four.",
              f"The micro-kernel's own rate in the same run: {info['peakGFLOPS']:.0f} GFLOP/s.", ""]
    lines += convolutions(a.go)
    lines += ["", "## Where a step goes", "",
              "Each operation alone, the best of three runs with its operands in cache as far as they fit: a step, whose operations push each other out, takes longer than the sum.", ""]
    lines += tables + [f"geometric mean {mean:.2f}"]
    with open(a.out, "w") as f:
        f.write("\n".join(lines) + "\n")
    print(lines[-1])


if __name__ == "__main__":
    main()
