#!/usr/bin/env python3
"""Times the training steps of g2c and of PyTorch on this GPU, in turn, and writes a table of medians and ratios.

    bench_gpu.py --g2c bin/g2c --peer PATH/torch_g2c.py --out bench/results/gpu.md [--rounds 3] [--steps 20] [--minutes 9]

Peers: PyTorch eager in float32 (TF32 off), and in bfloat16 by autocast (channels last), eager and by torch.compile(max-autotune), which
captures CUDA graphs. Ours: float32 and bf16. A round runs each side once as a process of its own, alternating; a side's figure is the
median over rounds of its own median step. Each step ends with a wait for the device, on both sides. Below come our operations by their
time on the device, beside ceilings that the same process measures. With --minutes the rest is left out, in words, when time runs short.
"""
import argparse, json, math, shutil, statistics, subprocess, sys, tempfile, time

from bench_cpu import networks, spec, task

# name, kind, size, batch, generator width, M, classifier width
ROWS = [
    ("CycleGAN 256², width 64, batch 1", "cyclegan", 256, 1, 64, 0, 0),
    ("CycleGAN 256², width 64, batch 4", "cyclegan", 256, 4, 64, 0, 0),
    ("G2C joint 224², M=3, generator 64, classifier 256, batch 8", "g2c", 224, 8, 64, 3, 256),
]
# name, precision it stands beside, arguments of the twin
PEERS = [
    ("eager fp32", "fp32", ["--dtype", "fp32"]),
    ("eager AMP", "bf16", ["--dtype", "bf16", "--channels-last"]),
    ("compiled AMP", "bf16", ["--dtype", "bf16", "--channels-last", "--compile", "max-autotune"]),
]
PRECISIONS = ["fp32", "bf16"]
SMALL = [("CycleGAN 64², width 8, batch 1", "cyclegan", 64, 1, 8, 0, 0)]


def last_json(command, timeout):
    try:
        p = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done in {timeout:.0f} s"}
    if p.returncode:
        return {"failed": (p.stderr.strip().splitlines() or ["no output"])[-1][:200]}
    text = p.stdout.strip()
    return json.loads(text if text.startswith("{\n") else text.splitlines()[-1])


def ours(g2c, row, precision, steps, device, timeout):
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as f:
        f.write(spec(row) + f"precision: {precision}\n")
        f.flush()
        return last_json([g2c, "debug", "bench", f.name, "--device", device, "--task", task(row), "--steps", str(steps), "--json"], timeout)


def peer(path, row, arguments, steps, device, timeout):
    return last_json([sys.executable, path, *networks(row), "--device", device, "--steps", str(steps), *arguments], timeout)


def operations(row, precision, info):
    """A table of the operations that take most of a step."""
    lines = [f"### {row[0]}, {precision}", "",
             f"Measured ceilings: {info['peakGFLOPS'] / 1000:.0f} TFLOP/s of products, {info['copyGBPerSecond']:.0f} GB/s of copies.", "",
             "| operation | calls | ms | share | TFLOP/s | GB/s | of its ceiling |", "|---|---|---|---|---|---|---|"]
    total = sum(o["ms"] for o in info["ops"])
    for o in info["ops"]:
        if o["ms"] < total / 200:
            break
        lines.append(f"| {o['name']} | {o['calls']} | {o['ms']:.3f} | {100 * o['ms'] / total:.1f} % | {o['gflops'] / 1000:.1f} | {o['gbPerSecond']:.0f} | {100 * o['share']:.0f} % |")
    return lines + [""]


def card():
    if not shutil.which("nvidia-smi"):
        return "no card"
    return subprocess.run(["nvidia-smi", "--query-gpu=name,driver_version,clocks.sm,power.limit", "--format=csv,noheader"], capture_output=True, text=True).stdout.strip()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--g2c", required=True)
    p.add_argument("--peer", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--device", default="cuda")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--torch-device", default="cuda")
    p.add_argument("--small", action="store_true", help="a small network, to try this program without a GPU")
    p.add_argument("--minutes", type=float, default=0, help="stop starting anything after so long")
    a = p.parse_args()
    import torch

    begun = time.monotonic()
    left = lambda: 3600 if not a.minutes else 60 * a.minutes - (time.monotonic() - begun)
    lines = ["# Training steps on a GPU, beside PyTorch", "", f"`make gpu-bench PEER=torch_g2c.py`; {card()}; PyTorch {torch.__version__}.",
             f"Medians of up to {a.rounds} rounds of {a.steps} steps, all sides alternating in one run; ms a step.", "",
             "| step | precision | g2c ms | " + " | ".join(f"{n} ms" for n, _, _ in PEERS) + " | best peer / g2c | g2c TFLOP/s | g2c device MiB | PyTorch peak MiB |",
             "|---" * (7 + len(PEERS)) + "|"]
    tables, ratios, failures = [], {q: [] for q in PRECISIONS}, []
    for row in SMALL if a.small else ROWS:
        mine, theirs, info, peak = {q: [] for q in PRECISIONS}, {n: [] for n, _, _ in PEERS}, {}, {n: 0 for n, _, _ in PEERS}
        for _ in range(a.rounds):
            for q in PRECISIONS:
                if left() < 20:
                    break
                r = ours(a.g2c, row, q, a.steps, a.device, left())
                if "failed" in r:
                    failures.append(f"- g2c, {row[0]}, {q}: {r['failed']}")
                    continue
                mine[q].append(r["ms"])
                if q not in info or r["ms"] < info[q]["ms"]:
                    info[q] = r
            for n, _, arguments in PEERS:
                if left() < 20 or theirs[n] == [math.inf]:
                    continue
                r = peer(a.peer, row, arguments, a.steps, a.torch_device, left())
                if "failed" in r:
                    failures.append(f"- {n}, {row[0]}: {r['failed']}")
                    theirs[n] = [math.inf]
                    continue
                theirs[n].append(r["ms"])
                peak[n] = max(peak[n], 1024 * (r["peak_gib"] or 0))
        for q in PRECISIONS:
            if not mine[q]:
                lines.append(f"| {row[0]} | {q} | not run: no time was left, or it failed |" + " |" * (3 + len(PEERS)))
                continue
            ms = statistics.median(mine[q])
            beside = {n: statistics.median(theirs[n]) for n, p, _ in PEERS if p == q and theirs[n]}
            best = min(beside.values(), default=math.nan)
            if math.isfinite(best):
                ratios[q].append(best / ms)
            cells = [f"{beside[n]:.2f}" if n in beside and math.isfinite(beside[n]) else "" for n, _, _ in PEERS]
            lines.append(f"| {row[0]} | {q} | {ms:.2f} | " + " | ".join(cells) + f" | {best / ms:.2f} | {info[q]['gflop'] / ms:.1f} | "
                         f"{info[q]['stateMiB'] + info[q]['arenaMiB'] + info[q]['workspaceMiB']:.0f} | {max((peak[n] for n in beside), default=0):.0f} |")
            tables += operations(row, q, info[q])
            print(lines[-1], flush=True)
    for q in PRECISIONS:
        if ratios[q]:
            lines += ["", f"{q}: geometric mean of best peer / g2c {math.exp(sum(map(math.log, ratios[q])) / len(ratios[q])):.2f} over {len(ratios[q])} rows"]
    if failures:
        lines += ["", "What did not run:", "", *sorted(set(failures))]
    lines += ["", "## Where a step goes", "", "Operations one after another on a stream, each timed by events of the device, the least of three; what takes less than 50 µs again, 16 times in one CUDA graph.", ""] + tables
    with open(a.out, "w") as f:
        f.write("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
