"""A classifier of the pictures of several domains, which judges their translations.

    modgan train recipes/sketches_judge.py                # drawn sketches and pictures: minutes
    modgan train recipes/sketches_judge.py --data DIR     # trainA, trainB … in DIR
    modgan train recipes/sketches_judge.py --smoke        # seconds

It reads the domain, the hue that has most weight in a picture (so that its features see colours)
and, of drawn ones, the kind. It never sees a translation. Axes: N pictures, A attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from domains_data import Data, card, folders
from judge import judge
from torch import Tensor

from modgan.data.images import Cached, normalise
from modgan.data.sketches import ATTRIBUTES, DOMAINS, Sketches
from modgan.metrics.translation import hue_of
from modgan.train import main

HUES = ("red", "yellow", "green", "cyan", "blue", "magenta", "none")


@dataclass(frozen=True)
class Settings(Data):
    """Every knob once."""

    channels: int = 24  # width of the first convolution
    data_seed: int = 7  # of the sketches, the pictures have the next one; zoos learn from 1 and 2
    batch: int = 48  # pictures a step
    shift: int = 3  # pixels that a picture is moved at most
    noise: float = 0.1  # largest standard deviation of the noise, in -1..1
    lr: float = 1e-3
    steps: int = 1_600
    decay: float = 1.0  # share of the steps, the last, in which the rate falls to 0
    ema: float = 0.98


class Labelled:
    """Pictures of all domains, held in memory, with their domains, hues and, if given, kinds."""

    def __init__(self, domains: Mapping[str, Tensor], kinds: Tensor | None = None) -> None:
        self.pictures = torch.cat(list(domains.values()))
        self.attributes = {"domain": tuple(domains), "hue": HUES}
        numbers = [torch.full((len(x),), at) for at, x in enumerate(domains.values())]
        columns = [torch.cat(numbers), hues(self.pictures)]
        if kinds is not None:
            self.attributes |= ATTRIBUTES
            columns.append(kinds)
        self.labels = torch.stack(columns, 1)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """One picture, uint8 (3, H, W), and its labels, int64 (A,)."""
        return self.pictures[index], self.labels[index]


def hues(pictures: Tensor) -> Tensor:
    """The hue of pictures, uint8 (N, 3, H, W), to the nearest of HUES, int64 (N,)."""
    turns = torch.cat([hue_of(normalise(some)) for some in torch.split(pictures, 500)])
    nearest = (6 * turns.nan_to_num()).round().long() % 6
    return torch.where(turns.isnan(), HUES.index("none"), nearest)


@cache
def held(data: str, size: int, load: int, count: int, seed: int, workers: int) -> Labelled:
    """The pictures of a folder's training split, or drawn ones and their kinds."""
    if data:
        domains = folders(data, "train", size, load, workers).domains
        middles = {
            name: torch.stack([domain[at][0] for at in range(len(domain))])
            for name, domain in domains.items()
        }
        return Labelled(middles)
    drawn = {
        name: Cached(Sketches(count, size, seed + at, name), workers, progress=count > 100)
        for at, name in enumerate(DOMAINS)
    }
    kinds = torch.cat([each.labels[:, 0] for each in drawn.values()])
    return Labelled({name: each.images for name, each in drawn.items()}, kinds)


def pictures(s: Settings) -> Labelled:
    """What is learned from."""
    return held(s.data, s.size, s.load, s.pictures, s.data_seed, s.workers)


recipe = judge("sketches_judge", Settings(), pictures, card)

if __name__ == "__main__":
    main(recipe)
