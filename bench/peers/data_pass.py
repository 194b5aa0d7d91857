"""One pass of PyTorch's DataLoader with Pillow over the images of a table: decode, fit to 64 x 64, batch.

    data_pass.py TABLE WORKERS
"""

import csv
import os
import sys

import numpy as np
import torch
from PIL import Image


class Patches(torch.utils.data.Dataset):
    def __init__(self, table):
        folder = os.path.dirname(table)
        with open(table, newline="") as f:
            self.rows = [(os.path.join(folder, r["path"]), int(r["label"])) for r in csv.DictReader(f)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        path, label = self.rows[i]
        with Image.open(path) as m:
            m = m.convert("RGB").resize((64, 64), Image.Resampling.BICUBIC)
        return torch.from_numpy(np.asarray(m).copy()), label


if __name__ == "__main__":
    loader = torch.utils.data.DataLoader(Patches(sys.argv[1]), batch_size=64, num_workers=int(sys.argv[2]))
    n = sum(len(labels) for _, labels in loader)
    print(n, "images")
