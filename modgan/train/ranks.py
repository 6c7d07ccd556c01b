"""Several processes: torchrun starts them, torch.distributed connects them.

Alone, every function here returns what it was given, and nothing is connected.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


@contextmanager
def connected(device: str) -> Iterator[str]:
    """Join the processes that torchrun started, and name the device of this one."""
    if "WORLD_SIZE" not in os.environ or dist.is_initialized():
        yield device
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield device
        dist.barrier()  # a process that leaves while another still sends aborts at its exit
    finally:
        dist.destroy_process_group()
        gc.collect()  # its threads end with the last reference, and must before Python does


def rank() -> int:
    """The number of this process; 0 writes the files."""
    return dist.get_rank() if dist.is_initialized() else 0


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Give every process the mean of all gradients; call it before each optimizer step.

    A part that only some processes used counts as zero on the others; one that none used keeps no
    gradient, so its optimizer leaves it alone. Wrappers that reduce during `backward` cannot say
    which parts the other processes used: with a changing choice of T's they fail or, where
    gradients accumulate, give wrong ones.
    """
    if processes() == 1:
        return
    params = list(parameters)
    has = torch.tensor([float(p.grad is not None) for p in params], device=params[0].device)
    dist.all_reduce(has, op=dist.ReduceOp.MAX)
    used = [p for p, any_has in zip(params, has.tolist(), strict=True) if any_has]
    if not used:
        return
    flat = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in used])
    dist.all_reduce(flat)
    flat /= processes()
    means = torch.split(flat, [p.numel() for p in used])
    for p, mean in zip(used, means, strict=True):
        p.grad = torch.empty_like(p).copy_(mean.view_as(p))


def _device() -> torch.device:
    """Where this process has to put what it sends."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")


def average_terms(terms: Mapping[str, Tensor]) -> dict[str, float]:
    """The mean over processes of every term, as numbers."""
    values = torch.stack([term.detach().float() for term in terms.values()])
    if processes() > 1:
        dist.all_reduce(values)
        values /= processes()
    return dict(zip(terms, values.tolist(), strict=True))


def any_of(flag: bool) -> bool:
    """Whether any process says so, known to all."""
    if processes() == 1:
        return flag
    vote = torch.tensor(float(flag), device=_device())
    dist.all_reduce(vote, op=dist.ReduceOp.MAX)
    return bool(vote)


def from_first(value: Any) -> Any:
    """What process 0 has, for all."""
    if processes() == 1:
        return value
    holder = [value]
    dist.broadcast_object_list(holder, src=0)
    return holder[0]
