"""A classifier of labelled pictures, which judges what the zoos do to them.

    modgan train recipes/portraits_judge.py                # drawn portraits: minutes on two cores
    modgan train recipes/portraits_judge.py --data DIR     # your own labelled pictures
    modgan train recipes/portraits_judge.py --smoke        # seconds

It never sees an edited picture; half of its training pictures carry noise, so that it reads
shapes and colours rather than single pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch

from modgan.card import Card
from modgan.component import Component
from modgan.components import AttributeCoder
from modgan.data.check import Checked, check
from modgan.data.images import AttributeImages, cached
from modgan.data.images import batch as pictures_of
from modgan.data.order import draw, seed_of
from modgan.data.portraits import Portraits
from modgan.losses import classification
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, Share, main


@dataclass(frozen=True)
class Settings:
    """Every knob once."""

    data: str = ""  # a folder of labelled pictures; empty for drawn portraits
    licence: str = "Apache-2.0"  # of the weights; with your own data it is for you to say
    size: int = 64  # side of the pictures, pixels
    channels: int = 24  # width of the first convolution
    pictures: int = 8_000  # drawn portraits
    data_seed: int = 7  # of the portraits; the zoo trains on 1, tests run on 99
    batch: int = 48  # pictures a step
    noise: float = 0.1  # largest standard deviation of the noise, in -1..1
    lr: float = 1e-3
    steps: int = 800
    decay: float = 1.0  # share of the steps, the last, in which the rate falls to 0
    ema: float = 0.98
    workers: int = 1  # processes that draw
    seed: int = 0


@cache
def checked(data: str, size: int, workers: int) -> Checked:
    """The pictures of a folder: all of them checked, and decoded once."""
    return check(data, size, workers, progress=True)


@cache
def pictures(s: Settings) -> AttributeImages:
    """The pictures to learn from, held in memory where they fit."""
    if s.data:
        return checked(s.data, s.size, s.workers).train
    return cached(Portraits(s.pictures, s.size, s.data_seed), s.workers, progress=True)


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    labels = {name: list(values) for name, values in pictures(s).attributes.items()}
    return {"Q": AttributeCoder(image(s.size), labels, s.channels)}


def batch(s: Settings, at: Share) -> Batch:
    """Pictures, half of them with noise, and their labels."""
    data, rng = pictures(s), at.own(s.seed)
    chosen = draw(data, at.position(s.batch), s.batch, seed_of(s.seed, at.order))
    x, labels = pictures_of(data, chosen)
    strength = s.noise * torch.rand(s.batch, 1, 1, 1, generator=rng)
    strength[::2] = 0
    noise = torch.randn(x.shape, generator=rng)
    return {"image": x + strength * noise, "labels": labels}


def loss(parts: Mapping[str, Component], batch: Batch) -> dict[str, torch.Tensor]:
    """Cross-entropy of every attribute."""
    Q = parts["Q"]
    terms = zip(Q.outputs, Q(batch["image"]), batch["labels"].T, strict=True)
    return {name: classification(logits, label) for name, logits, label in terms}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    weights = dict.fromkeys(pictures(s).attributes, 1.0)
    return [Phase("Q", ("Q",), loss, weights, s.lr, betas=(0.9, 0.99))]


def card(s: Settings) -> Card:
    """What the zoo is."""
    drawn = f"{s.pictures} drawn portraits, seed {s.data_seed} (Apache-2.0)"
    return Card(s.licence, {"data": s.data or drawn}, graphs={"read": ["Q"]})


recipe = Recipe(
    name="portraits_judge",
    settings=Settings(),
    smoke={"size": 16, "channels": 8, "pictures": 32, "batch": 4, "steps": 4, "workers": 0},
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
)

if __name__ == "__main__":
    main(recipe)
