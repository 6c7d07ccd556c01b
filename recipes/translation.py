"""What the recipes of translation share: networks, terms over all domains, sheets.

Values of several domains are mappings by the domain's name. A term is summed over the domains and
has no weight yet. Axes: B pictures, C channels, H W positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
from domains_data import Data, drawn, shown
from label_critics import noisy
from PIL import Image
from torch import Tensor

from modgan.component import Component
from modgan.components import ContentEncoder, MultiScaleDiscriminator, UpsampleReconstructor
from modgan.data.images import sheet, to_image
from modgan.layers import noised
from modgan.losses import lsgan_d, lsgan_g, over_scales, r1
from modgan.spec import image
from modgan.train import Batch, Share

Parts = Mapping[str, Component]
Terms = dict[str, Tensor]
Values = Mapping[str, Tensor]  # by domain


@dataclass(frozen=True)
class Networks(Data):
    """The knobs that these recipes share; small sizes, for two cores."""

    batch: int = 4  # pictures a step of every domain
    width: int = 16  # of the first convolution of E, in front of its halvings
    n_res: int = 2  # residual blocks of E, as many of R (of T where there is one)
    d_width: int = 16  # of the first convolution of every critic
    d_layers: int = 3  # halvings of a critic
    n_scales: int = 3  # sizes of the picture that critics look at, each half of the one before
    lr: float = 2e-4
    steps: int = 10_000
    decay: float = 0.5  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.995


@dataclass(frozen=True)
class Gentle(Networks):
    """And what keeps critics from winning a short run."""

    d_noise: float = 0.1  # largest standard deviation of the noise before D, in -1..1
    w_r1: float = 0.4  # penalty on D's gradient at real pictures
    r1_every: int = 8  # steps between such penalties, on average


TINY: dict[str, Any] = {
    "size": 32,
    "pictures": 8,
    "batch": 2,
    "width": 4,
    "n_res": 1,
    "d_width": 4,
    "d_layers": 2,
    "n_scales": 2,
    "workers": 0,
    "steps": 4,
}
PLAIN: dict[str, Any] = {"d_noise": 0.0, "w_r1": 0.0}  # critics as they were published
PAPER: dict[str, Any] = {  # of MUNIT's and UNIT's program
    **PLAIN,
    "size": 256,
    "batch": 1,
    "width": 64,
    "n_res": 4,
    "d_width": 64,
    "d_layers": 4,
    "steps": 1_000_000,
}


def coders(s: Networks, names: list[str], space: str) -> dict[str, Component]:
    """E and R of every domain around one space, as in UNIT."""
    picture, made = image(s.size), dict[str, Component]()
    for name in names:
        E = ContentEncoder(picture, s.width, n_res=s.n_res, space=space)
        made[f"E_{name}"] = E
        made[f"R_{name}"] = UpsampleReconstructor(E.outputs["feature"], picture, s.n_res)
    return made


def critics(s: Networks, names: list[str]) -> dict[str, Component]:
    """D of every domain."""
    sizes = (s.d_width, s.d_layers, s.n_scales)
    return {f"D_{name}": MultiScaleDiscriminator(image(s.size), *sizes) for name in names}


def unpaired(s: Networks, at: Share) -> Batch:
    """Unpaired pictures of every domain: the batch of most of these recipes."""
    return dict(drawn(s, at, s.batch))


def each(parts: Parts, role: str, *values: Values) -> dict[str, Any]:
    """What every domain's own part of a role (E, R, …) makes of the values of its domain."""
    return {name: parts[f"{role}_{name}"](*(of[name] for of in values)) for name in values[0]}


def swapped(values: Values) -> dict[str, Tensor]:
    """The values of two domains, each under the name of the other."""
    first, second = values
    return {first: values[second], second: values[first]}


def sampled(features: Values) -> dict[str, Tensor]:
    """A sample of N(feature, 1), UNIT's posterior."""
    return {name: noised(feature) for name, feature in features.items()}


def summed(loss: Callable[..., Tensor], *values: Values) -> Tensor:
    """Σ of a loss over the domains."""
    terms = [loss(*(of[name] for of in values)) for name in values[0]]
    return torch.stack(terms).sum()


def blurred(s: Gentle, x: Values) -> Values:
    """Pictures as critics see them, with noise."""
    return {name: noisy(each, s.d_noise) for name, each in x.items()} if s.d_noise else x


def fooled(s: Gentle, parts: Parts, fake: Values) -> Tensor:
    """The adversarial term of those who make `fake`, under the critics of its domains."""
    scores = each(parts, "D", blurred(s, fake))
    return summed(lambda some: over_scales(lsgan_g, some), scores)


def judged(s: Gentle, parts: Parts, real: Values, fake: Values) -> Terms:
    """The terms of the critics; those who made `fake` learn nothing from them.

    Whether a step has the penalty is drawn with torch's generator, which the step has seeded.
    """
    real = {name: real[name] for name in fake}
    made = {name: x.detach() for name, x in fake.items()}
    scores = (each(parts, "D", blurred(s, x)) for x in (real, made))
    terms = {"adv": summed(lambda *some: over_scales(lsgan_d, *some), *scores)}
    if s.w_r1:
        due = torch.rand(()) * s.r1_every < 1
        terms["r1"] = penalty(parts, real) if due else terms["adv"].new_zeros(())
    return terms


def penalty(parts: Parts, real: Values) -> Tensor:
    """R1 of the critics, of their mean scores over all sizes."""
    terms = []
    for name, x in real.items():
        critic = parts[f"D_{name}"]
        terms.append(r1(lambda x, D=critic: over_scales(_mean, D(x)), x))
    return torch.stack(terms).sum()


def _mean(scores: Tensor) -> Tensor:
    """The mean score of every picture, (B,)."""
    return scores.mean((1, 2, 3))


def d_weights(s: Gentle, adv: float = 1.0) -> dict[str, float]:
    """The weights of the terms of critics."""
    return {"adv": adv} | ({"r1": s.w_r1} if s.w_r1 else {})


def crossed(names: list[str], *between: str) -> dict[str, list[str]]:
    """A graph a_to_b for every two domains: E_a, the parts `between`, R_b."""
    return {f"{a}_to_{b}": [f"E_{a}", *between, f"R_{b}"] for a, b in permutations(names, 2)}


def tests(s: Networks, parts: Parts) -> dict[str, Tensor]:
    """The pictures of a sheet, where the parts are."""
    device = next(p for part in parts.values() for p in part.parameters()).device
    return {name: x.to(device) for name, x in shown(s).items()}


def page(columns: Mapping[str, Values]) -> Image.Image:
    """A sheet: a row for every picture of every domain, and titled columns of what was made."""
    made = [torch.cat(list(values.values())) for values in columns.values()]
    rows = [[to_image(picture) for picture in row] for row in zip(*made, strict=True)]
    return sheet(rows, list(columns), scale=2)


@torch.no_grad()
def translated(s: Networks, parts: Parts) -> Image.Image:
    """Test pictures, themselves again, and in the other domain, for parts E and R."""
    x = tests(s, parts)
    features = each(parts, "E", x)
    again = each(parts, "R", features)
    return page({"input": x, "again": again, "other": swapped(each(parts, "R", swapped(features)))})
