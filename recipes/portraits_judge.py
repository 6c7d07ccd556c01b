"""A classifier of drawn portraits, which judges what the zoos do to them.

    python recipes/portraits_judge.py                # minutes on two cores
    python recipes/portraits_judge.py --smoke        # seconds

It never sees an edited picture; half of its training pictures carry noise, so that it reads
shapes and colours rather than single pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from modgan.card import Card
from modgan.component import Component
from modgan.components import AttributeCoder
from modgan.data.images import batch, cached
from modgan.data.portraits import ATTRIBUTES, Portraits
from modgan.losses import classification
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, main


@dataclass(frozen=True)
class Settings:
    """Every knob once."""

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


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    labels = {name: list(values) for name, values in ATTRIBUTES.items()}
    return {"Q": AttributeCoder(image(s.size), labels, s.channels)}


def batches(s: Settings, first: int) -> Iterator[Batch]:
    """Batch i is a function of (settings, i)."""
    data = cached(Portraits(s.pictures, s.size, s.data_seed), s.workers, progress=True)
    for step in range(first, s.steps):
        rng = torch.Generator().manual_seed(1_000_003 * s.seed + step)
        pictures, labels = batch(data, torch.randint(len(data), (s.batch,), generator=rng))
        strength = s.noise * torch.rand(s.batch, 1, 1, 1, generator=rng)
        strength[::2] = 0
        noise = torch.randn(pictures.shape, generator=rng)
        yield {"image": pictures + strength * noise, "labels": labels}


def loss(parts: Mapping[str, Component], batch: Batch) -> dict[str, torch.Tensor]:
    """Cross-entropy of every attribute."""
    logits = parts["Q"](batch["image"])
    terms = zip(ATTRIBUTES, logits, batch["labels"].T, strict=True)
    return {name: classification(scores, label) for name, scores, label in terms}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    weights = dict.fromkeys(ATTRIBUTES, 1.0)
    return [Phase("Q", ("Q",), loss, weights, s.lr, betas=(0.9, 0.99))]


def card(s: Settings) -> Card:
    """What the zoo is."""
    data = {"data": f"{s.pictures} drawn portraits, seed {s.data_seed} (Apache-2.0)"}
    return Card("Apache-2.0", data, graphs={"read": ["Q"]})


recipe = Recipe(
    name="portraits_judge",
    settings=Settings(),
    smoke={"size": 16, "channels": 8, "pictures": 32, "batch": 4, "steps": 4, "workers": 0},
    parts=parts,
    batches=batches,
    phases=phases,
    card=card,
)

if __name__ == "__main__":
    main(recipe)
