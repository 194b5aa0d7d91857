#!/usr/bin/env python3
"""The PyTorch twin of a G2C experiment: the same spec, the same split, the same hyper-parameters, trained with PyTorch.

    twin.py --peer PATH/torch_g2c.py --spec experiments/specs/glomeruli.yaml --split split.csv --out twin.json [--arms PAS_ONLY,...] [--seeds 1,2,3]

--peer names the file with the networks (its Generator, Discriminator, Classifier and focal loss are used as they are).
--split is written by `g2c data inspect SPEC --split split.csv`: name,label,group,split of every labelled image, so that both
sides train, select and test on the same images. Initial weights, order and augmentation are PyTorch's own draws: the twin agrees
in distribution, not in bits.

Where the two programs could differ, the twin follows the spec: logical shards have batch statistics of their own and running
statistics take their mean; the remainder of an epoch smaller than a batch is dropped; domain B is drawn with replacement;
learning rates, image pool, freezing and augmentation are the spec's. One JSON object is written: metrics and seconds by arm and seed.
"""
import argparse, copy, csv, importlib.util, itertools, json, os, random, time

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from PIL import Image

DEFAULTS = {
    "model": {"generator": {"width": 64, "blocks": 6}, "discriminator": {"width": 64}, "classifier": {"width": 256, "units": 3, "hidden": 32, "attention": True}},
    "pretrain": {"epochs": 200, "constantEpochs": 100, "batch": 1, "pool": 50, "lambdaCycle": 10, "lambdaIdentity": 0.5, "load": 1.117, "lr": 2e-4, "beta1": 0.5, "beta2": 0.999},
    "finetune": {"epochs": 30, "freezeEpochs": 5, "batch": 16, "shards": 4, "gamma": 2, "lr": 0.01, "momentum": 0.5, "dropEvery": 5, "dropBy": 10, "augment": False},
}


def merge(a, b):
    out = copy.deepcopy(a)
    for k, v in (b or {}).items():
        out[k] = merge(out[k], v) if isinstance(v, dict) and isinstance(out.get(k), dict) else v
    return out


def arm_config(spec, arm):
    c = {k: merge(DEFAULTS[k], spec.get(k)) for k in DEFAULTS}
    for path, v in arm.items():
        if path in ("name", "stains"):
            continue
        at = c
        *parents, last = path.split(".")
        for p in parents:
            at = at[p]
        at[last] = v
    return c


def load_image(path, side):
    im = Image.open(path).convert("RGB")
    s = min(im.size)
    left, top = (im.size[0] - s) // 2, (im.size[1] - s) // 2
    im = im.crop((left, top, left + s, top + s)).resize((side, side), Image.BICUBIC)
    return torch.from_numpy(np.asarray(im).copy()).permute(2, 0, 1).float() / 255


def find(spec, row):
    labelled = spec["data"]["labelled"]
    return os.path.join(labelled["test" if row["split"] == "test" else "train"], row["name"])


def folder(path, side):
    names = sorted(n for n in os.listdir(path) if n.lower().endswith((".jpg", ".jpeg", ".png", ".tif", ".tiff")))
    return torch.stack([load_image(os.path.join(path, n), side) for n in names])


class Pool:
    def __init__(self, limit):
        self.limit, self.images = limit, []

    def query(self, batch):
        out = []
        for im in batch.detach():
            if self.limit and len(self.images) < self.limit:
                self.images.append(im.clone())
            elif self.limit and random.random() < 0.5:
                i = random.randrange(self.limit)
                im, self.images[i] = self.images[i], im.clone()
            out.append(im)
        return torch.stack(out)


def normal(net):
    for q in net.parameters():
        torch.nn.init.normal_(q, 0, 0.02) if q.dim() > 1 else torch.nn.init.zeros_(q)
    return net


def pretrain(peer, c, a, b, size):
    p, g = c["pretrain"], c["model"]["generator"]
    ab, ba = normal(peer.Generator(g["width"], g["blocks"])), normal(peer.Generator(g["width"], g["blocks"]))
    da, db = normal(peer.Discriminator(c["model"]["discriminator"]["width"])), normal(peer.Discriminator(c["model"]["discriminator"]["width"]))
    og = torch.optim.Adam([*ab.parameters(), *ba.parameters()], p["lr"], (p["beta1"], p["beta2"]))
    od = torch.optim.Adam([*da.parameters(), *db.parameters()], p["lr"], (p["beta1"], p["beta2"]))
    mse, l1 = lambda t, v: ((t - v) ** 2).mean(), lambda x, y: 2 * (x - y).abs().mean()
    pool_a, pool_b, n = Pool(p["pool"]), Pool(p["pool"]), p["batch"]
    per_epoch = max(len(a), len(b)) // n

    def crop(im):
        y, x = (random.randrange(im.shape[-2] - size + 1), random.randrange(im.shape[-1] - size + 1))
        im = im[:, y : y + size, x : x + size]
        return im.flip(-1) if random.random() < 0.5 else im

    for epoch in range(p["epochs"]):
        lr = p["lr"] * (1 - max(0, epoch + 1 - p["constantEpochs"]) / (p["epochs"] - p["constantEpochs"] + 1))
        for o in (og, od):
            o.param_groups[0]["lr"] = lr
        order = torch.randperm(len(a))
        for step in range(per_epoch):
            x = torch.stack([crop(a[order[(step * n + i) % len(a)]]) for i in range(n)])
            y = torch.stack([crop(b[random.randrange(len(b))]) for _ in range(n)])
            for q in (*da.parameters(), *db.parameters()):
                q.requires_grad_(False)
            og.zero_grad(set_to_none=True)
            fb, fa = ab(x), ba(y)
            w, v = p["lambdaCycle"], p["lambdaCycle"] * p["lambdaIdentity"]
            (mse(db(fb), 1) + mse(da(fa), 1) + w * (l1(ba(fb), x) + l1(ab(fa), y)) + v * (l1(ba(x), x) + l1(ab(y), y))).backward()
            og.step()
            for q in (*da.parameters(), *db.parameters()):
                q.requires_grad_(True)
            od.zero_grad(set_to_none=True)
            fb, fa = pool_b.query(fb), pool_a.query(fa)
            (0.5 * (mse(da(x), 1) + mse(da(fa), 0)) + 0.5 * (mse(db(y), 1) + mse(db(fb), 0))).backward()
            od.step()
    return ab


def augment(x):
    n = x.shape[0]
    x = torch.stack([im.flip(-1) if random.random() < 0.5 else im for im in x])
    x = torch.stack([im.flip(-2) if random.random() < 0.5 else im for im in x])
    x = (x * torch.empty(n, 1, 1, 1).uniform_(0.8, 1.2)).clamp(0, 1)
    grey = (x * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    return (grey + torch.empty(n, 1, 1, 1).uniform_(0.6, 1.4) * (x - grey)).clamp(0, 1)


def finetune(peer, c, generators, x, y):
    f, k = c["finetune"], c["model"]["classifier"]
    gens = torch.nn.ModuleList(generators)
    cls = peer.Classifier(len(gens) + 1, k["width"], k["units"], k["hidden"], 2, k["attention"])
    opt = torch.optim.SGD([*gens.parameters(), *cls.parameters()], f["lr"], f["momentum"])
    running = [b for n, b in cls.named_buffers() if "running" in n]
    n, v = f["batch"], f["shards"]
    for epoch in range(f["epochs"]):
        opt.param_groups[0]["lr"] = f["lr"] / f["dropBy"] ** (epoch // f["dropEvery"])
        frozen = epoch < f["freezeEpochs"]
        for q in gens.parameters():
            q.requires_grad_(not frozen)
        order = torch.randperm(len(x))
        for step in range(len(x) // n):
            at = order[step * n : (step + 1) * n]
            bx, by = (augment(x[at]) if f["augment"] else x[at]), y[at]
            opt.zero_grad(set_to_none=True)
            before, after = [b.clone() for b in running], [torch.zeros_like(b) for b in running]
            for sx, sy in zip(bx.chunk(v), by.chunk(v)):
                for b, w in zip(running, before):
                    b.copy_(w)
                (peer.focal(cls([sx] + [g(sx) for g in gens]), sy, f["gamma"]) / v).backward()
                for w, b in zip(after, running):
                    w += b / v
            for b, w in zip(running, after):
                b.copy_(w)
            opt.step()
    return gens, cls


def judge(gens, cls, x, y):
    cls.eval()
    with torch.no_grad():
        p = torch.cat([F.softmax(cls([b] + [g(b) for g in gens]), 1)[:, 0] for b in x.split(16)]).numpy()
    y = y.numpy()
    recall = [float(((p >= 0.5) == (c == 0))[y == c].mean()) for c in (0, 1)]
    pos, neg = p[y == 0], p[y == 1]
    auc = float(((pos[:, None] > neg).sum() + 0.5 * (pos[:, None] == neg).sum()) / (len(pos) * len(neg)))
    return {"n": len(y), "balancedAccuracy": sum(recall) / 2, "auc": auc}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peer", required=True)
    p.add_argument("--spec", required=True)
    p.add_argument("--split", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--arms", default="")
    p.add_argument("--seeds", default="")
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    loaded = importlib.util.spec_from_file_location("peer", a.peer)
    peer = importlib.util.module_from_spec(loaded)
    loaded.loader.exec_module(peer)
    spec = yaml.safe_load(open(a.spec))
    size, task = spec["data"]["size"], spec["tasks"][0]
    seeds = [int(s) for s in a.seeds.split(",")] if a.seeds else spec["sweep"]["seeds"]
    arms = [m for m in spec["arms"] if not a.arms or m["name"] in a.arms.split(",")]
    rows = [r for r in csv.DictReader(open(a.split)) if r["label"] in task["positive"] + task["negative"]]
    x = {s: torch.stack([load_image(find(spec, r), size) for r in rows if r["split"] == s]) for s in ("train", "validation", "test")}
    y = {s: torch.tensor([0 if r["label"] in task["positive"] else 1 for r in rows if r["split"] == s]) for s in x}
    generators, results = {}, []
    for seed, arm in itertools.product(seeds, arms):
        c = arm_config(spec, arm)
        gens = []
        for stain in sorted(arm["stains"]):
            if (stain, seed) not in generators:
                torch.manual_seed(seed), random.seed(seed)
                load = int(size * c["pretrain"]["load"] + 0.5)
                begun = time.perf_counter()
                source, target = (folder(spec["data"]["unlabelled"][s], load) for s in (spec["data"]["source"], stain))
                generators[stain, seed] = (pretrain(peer, c, source, target, size), time.perf_counter() - begun)
                print(f"pretrain/{stain}/s{seed}: {generators[stain, seed][1]:.1f} s", flush=True)
            gens.append(copy.deepcopy(generators[stain, seed][0]))
        torch.manual_seed(seed), random.seed(seed)
        begun = time.perf_counter()
        gens, cls = finetune(peer, c, gens, x["train"], y["train"])
        seconds = time.perf_counter() - begun
        metrics = {s: judge(gens, cls, x[s], y[s]) for s in x}
        results.append({"arm": arm["name"], "seed": seed, "seconds": round(seconds, 1), "metrics": metrics})
        print(f"{arm['name']}/s{seed}: {seconds:.1f} s, test {metrics['test']}", flush=True)
    total = sum(r["seconds"] for r in results) + sum(s for _, s in generators.values())
    json.dump({"experiment": spec["metadata"]["name"], "torch": torch.__version__, "threads": a.threads, "arms": results,
               "generators": [{"stain": k[0], "seed": k[1], "seconds": round(v[1], 1)} for k, v in generators.items()], "trainingSeconds": round(total, 1)},
              open(a.out, "w"), indent=1)


if __name__ == "__main__":
    main()
