"""How well pictures drawn from noise show what they should, and how much they differ.

Axes: B pictures, A attributes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, permutations

import torch
from torch import Tensor

from modgan.component import Component
from modgan.metrics.editors import Editor
from modgan.metrics.edits import read


def errors(
    edit: Editor, judge: Component, z: Tensor, wanted: Tensor, drawn: int
) -> Iterator[tuple[tuple[str, ...], dict[str, float]]]:
    """For G alone and every chain of T's: the share of pictures not read as wanted, by attribute.

    `drawn` is how many attributes, the first, G itself draws; the others have a T each. Chains are
    in every order; "all" counts pictures with any of theirs wrong.
    """
    names = list(judge.outputs)
    changed = names[drawn:]
    for size in range(len(changed) + 1):
        for chain in (each for c in combinations(changed, size) for each in permutations(c)):
            shown = [names.index(name) for name in (*names[:drawn], *chain)]
            wrong = read(judge, edit(chain, z, wanted)["image"])[:, shown] != wanted[:, shown]
            by_name = {names[k]: wrong[:, at].float().mean() for at, k in enumerate(shown)}
            by_name["all"] = wrong.any(1).float().mean()
            yield chain, {name: value.item() for name, value in by_name.items()}


def spread(pictures: Tensor, groups: Tensor) -> float:
    """The mean distance of pictures (B, 3, H, W) of one group, in grey levels of 0..255.

    The mean over groups of mean |a − b| over all pairs of different pictures.
    """
    means = [_pairwise(pictures[groups == group]) for group in sorted(set(groups.tolist()))]
    return torch.stack(means).mean().item()


def _pairwise(pictures: Tensor) -> Tensor:
    flat = pictures.flatten(1)
    apart = torch.cdist(flat, flat, p=1) / flat.shape[1] * 127.5
    return apart.sum() / (len(flat) * (len(flat) - 1))


def even(count: int, sizes: Sequence[int], rng: torch.Generator) -> Tensor:
    """Labels (B, A): the first attribute's in turn, the others' drawn."""
    drawn = [torch.randint(size, (count,), generator=rng) for size in sizes]
    return torch.stack([torch.arange(count) % sizes[0], *drawn[1:]], 1)
