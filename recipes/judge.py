"""A classifier of labelled pictures, which judges what the zoos do to them.

It never sees an edited picture; half of its training pictures carry noise, so that it reads
shapes and colours rather than single pixels. `portraits_judge.py` and `digits_judge.py` are runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import AttributeCoder
from modgan.data.images import AttributeImages
from modgan.losses import classification
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, Share


def judge(
    name: str,
    settings: Any,
    pictures: Callable[[Any], AttributeImages],
    card: Callable[[Any, dict[str, list[str]]], Card],
) -> Recipe:
    """The recipe of a judge of `pictures(settings)`, which `card(settings, graphs)` describes."""

    def parts(s: Any) -> dict[str, Component]:
        labels = {name: list(values) for name, values in pictures(s).attributes.items()}
        return {"Q": AttributeCoder(image(s.size), labels, s.channels)}

    def batch(s: Any, at: Share) -> Batch:
        """Pictures, shifted a little and half of them with noise, and their labels.

        What pictures have beside red, green and blue comes with them, in 0..1.
        """
        data, rng = pictures(s), at.own(s.seed)
        x, labels = at.draw(data, s.batch, s.seed)
        whole = shifted(x, s.shift, rng)
        x, beside = whole[:, :3], (whole[:, 3:] + 1) / 2
        strength = s.noise * torch.rand(s.batch, 1, 1, 1, generator=rng)
        strength[::2] = 0
        noise = torch.randn(x.shape, generator=rng)
        return {"image": x + strength * noise, "labels": labels, "beside": beside}

    def phases(s: Any) -> list[Phase]:
        weights = dict.fromkeys(pictures(s).attributes, 1.0)
        return [Phase("Q", ("Q",), loss, weights, s.lr, betas=(0.9, 0.99))]

    def read(s: Any) -> Card:
        return card(s, {"read": ["Q"]})

    smoke = {"size": 16, "channels": 8, "pictures": 32, "batch": 4, "steps": 4, "workers": 0}
    return Recipe(name, settings, parts, batch, phases, read, smoke=smoke)


def shifted(x: Tensor, most: int, rng: torch.Generator) -> Tensor:
    """Every picture moved by up to `most` pixels either way; what comes in repeats its edge."""
    side, wide = x.shape[-1], F.pad(x, (most,) * 4, mode="replicate")
    starts = torch.randint(2 * most + 1, (len(x), 2), generator=rng).tolist()
    moved = [wide[at, :, r : r + side, c : c + side] for at, (r, c) in enumerate(starts)]
    return torch.stack(moved)


def loss(parts: Mapping[str, Component], batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy of every attribute."""
    Q = parts["Q"]
    terms = zip(Q.outputs, Q(batch["image"]), batch["labels"].T, strict=True)
    return {name: classification(logits, label) for name, logits, label in terms}
