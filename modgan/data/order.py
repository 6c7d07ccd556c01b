"""Which samples a step takes: an endless sequence, shuffled anew in every epoch."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from modgan.data.images import AttributeImages


@runtime_checkable
class Ordered(Protocol):
    """A data set that says itself in which order it is best read."""

    def order(self, position: int, count: int, seed: int) -> Tensor:
        """The indices of the `count` samples from `position` on."""
        ...


def draw(data: AttributeImages, position: int, count: int, seed: int) -> Tensor:
    """The indices of the `count` samples from `position` on in the endless sequence of `seed`.

    Every epoch has each sample once. A function of its arguments alone: no state is to be kept to
    go on from anywhere.
    """
    if isinstance(data, Ordered):
        return data.order(position, count, seed)
    size, indices = len(data), torch.arange(position, position + count)
    first, last = position // size, (position + count - 1) // size
    epochs = [shuffled(size, seed, epoch) for epoch in range(first, last + 1)]
    return torch.cat(epochs)[indices - first * size]


@lru_cache(maxsize=4)
def shuffled(size: int, seed: int, epoch: int) -> Tensor:
    """The numbers below `size` in the order of an epoch."""
    rng = torch.Generator().manual_seed(seed_of(seed, epoch))
    return torch.randperm(size, generator=rng)


def seed_of(*numbers: int) -> int:
    """One seed from several numbers; any change of any of them gives an unrelated one."""
    digest = hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1
