"""One process of an all-reduce by Gloo, as PyTorch has it: bench/allreduce starts it beside
ours. It reads how often to add up, a number a line, and writes what each time took.

    gloo.py RANK RANKS BYTES RENDEZVOUS-FILE
"""
import json
import resource
import sys
import time

import torch
import torch.distributed as dist


def cpu() -> float:
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def main() -> None:
    rank, ranks, size, meet = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method="file://" + meet, rank=rank, world_size=ranks)
    x = torch.zeros(size // 4)
    for line in sys.stdin:
        before, seconds = cpu(), []
        for _ in range(int(line)):
            began = time.perf_counter()
            dist.all_reduce(x)
            seconds.append(time.perf_counter() - began)
        print(json.dumps({"seconds": seconds, "cpu": cpu() - before, "garbage": 0}), flush=True)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
