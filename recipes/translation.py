"""What the recipes of translation share: settings, networks of every domain, batches, graphs.

Values of several domains are mappings by the domain's name. Axes: B pictures, H W positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
from domains_data import Data, card, drawn, names_of
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.components import (
    AdainTransformer,
    ContentEncoder,
    MultiScaleDiscriminator,
    StyleCoder,
    UpsampleReconstructor,
)
from modgan.layers import kaiming_init
from modgan.spec import InterfaceError, image
from modgan.train import Batch, Share
from modgan.zoo import load

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
    lr: float = 4e-4
    steps: int = 10_000
    decay: float = 0.5  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.995


@dataclass(frozen=True)
class Gentle(Networks):
    """And what keeps critics from winning a short run."""

    d_noise: float = 0.1  # largest standard deviation of the noise before D, in -1..1
    w_r1: float = 0.4  # penalty on D's gradient at real pictures
    r1_every: int = 8  # steps between such penalties, on average
    kaiming: bool = True  # critics start as by He et al.; N(0, 0.02) is next to 0 at few channels


@dataclass(frozen=True)
class Styled(Gentle):
    """And the sizes of styles, and of what reads and writes them."""

    n_style: int = 4  # numbers of a style; the paper: 8
    hidden: int = 64  # width of the layers of T that read a style
    q_width: int = 16  # of the first convolution of Q
    alike: bool = True  # E, T and R of all domains start with the same weights


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
PLAIN: dict[str, Any] = {"d_noise": 0.0, "w_r1": 0.0, "kaiming": False}  # as was published
PAPER: dict[str, Any] = {  # of MUNIT's and UNIT's program
    **PLAIN,
    "lr": 1e-4,
    "size": 256,
    "batch": 1,
    "width": 64,
    "n_res": 4,
    "d_width": 64,
    "d_layers": 4,
    "steps": 1_000_000,
}


def coder(s: Networks, space: str) -> tuple[Component, Component]:
    """E and R around a space, as in UNIT."""
    E = ContentEncoder(image(s.size), s.width, n_res=s.n_res, space=space)
    return E, UpsampleReconstructor(E.outputs["feature"], image(s.size), s.n_res)


def coders(s: Networks, names: list[str], space: str) -> dict[str, Component]:
    """E and R of every domain around one space."""
    made = dict[str, Component]()
    for name in names:
        made[f"E_{name}"], made[f"R_{name}"] = coder(s, space)
    return made


def styled_coders(s: Styled, names: list[str], space: str) -> dict[str, Component]:
    """E, Q, T and R of every domain: the space has contents, Q reads and T writes styles."""
    made = dict[str, Component]()
    for name in names:
        picture = image(s.size)
        E = ContentEncoder(picture, s.width, n_res=s.n_res, space=space)
        content = E.outputs["feature"]
        T = AdainTransformer(content, s.n_style, s.n_res, s.hidden, space=f"styled_{name}@training")
        Q = StyleCoder(picture, s.n_style, s.q_width)
        R = UpsampleReconstructor(T.outputs["feature"], picture)
        made |= {f"E_{name}": E, f"Q_{name}": Q, f"T_{name}": T, f"R_{name}": R}
        for role in "ETR" if s.alike else "":
            made[f"{role}_{name}"].load_state_dict(made[f"{role}_{names[0]}"].state_dict())
    return made


def encoder_in(source: str, size: int) -> Component:
    """The E of a zoo file, which has to read pictures of this size and write a map."""
    E = load(source, only=["E"])["E"]
    spec, feature = image(size), next(iter(E.outputs.values()))
    if list(E.inputs.values()) != [spec] or feature.is_vector:
        raise InterfaceError(
            f"{source}: E reads {', '.join(map(str, E.inputs.values()))} and writes {feature}; "
            f"expected {spec} and a map: give its size with --size, or another zoo"
        )
    return E


def critic(s: Gentle) -> Component:
    """A D of pictures, which it looks at in several sizes."""
    D = MultiScaleDiscriminator(image(s.size), s.d_width, s.d_layers, s.n_scales)
    if s.kaiming:
        kaiming_init(D)
    return D


def critics(s: Gentle, names: list[str]) -> dict[str, Component]:
    """D of every domain."""
    return {f"D_{name}": critic(s) for name in names}


def unpaired(s: Networks, at: Share) -> Batch:
    """Unpaired pictures of every domain: the batch of most of these recipes."""
    return dict(drawn(s, at, s.batch))


def joined(s: Networks, at: Share) -> tuple[Tensor, Tensor]:
    """Pictures of all domains in one batch (B, 3, H, W), and the numbers of their domains (B,)."""
    x = drawn(s, at, s.batch)
    return torch.cat([*x.values()]), torch.arange(len(x)).repeat_interleave(s.batch)


def with_styles(pairs: Iterable[tuple[str, str]], *between: str) -> dict[str, list[str]]:
    """Graphs of pairs of domains: E_a, the parts `between`, T_b, R_b, and guided by a picture."""
    graphs = {}
    for a, b in pairs:
        end = [*between, f"T_{b}", f"R_{b}"]
        graphs[f"{a}_to_{b}"] = [f"E_{a}", *end]
        graphs[f"{a}_to_{b}_guided"] = [f"E_{a}", f"Q_{b}: guide -> style", *end]
    return graphs


def crossed(*between: str) -> Callable[[Data], Card]:
    """The `card` of a graph a_to_b for every two domains: E_a, the parts `between`, R_b."""

    def made(s: Data) -> Card:
        pairs = permutations(names_of(s), 2)
        return card(s, {f"{a}_to_{b}": [f"E_{a}", *between, f"R_{b}"] for a, b in pairs})

    return made


def styled(s: Data) -> Card:
    """What a zoo of two domains with styles is: all ways from any domain to another."""
    return card(s, with_styles(permutations(names_of(s), 2)))
