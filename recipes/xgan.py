"""XGAN: encoders and decoders that share their inner layers, and a meaning that stays.

    modgan train recipes/xgan.py                   # drawn sketches and pictures
    modgan train recipes/xgan.py --data DIR        # trainA, trainB, testA, testB in DIR
    modgan train recipes/xgan.py --variant paper   # the published weights; widths 32, 64 | 128

Royer et al., XGAN, 2017. A critic of domains reads the common feature behind reversed gradients, so
that it learns to tell the domains apart and the encoders learn to hide them, in one update. The
feature is a map here; there a layer of width 256 and two of 1024 numbers follow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from domains_data import two
from torch import Tensor
from translation import PLAIN, TINY, Gentle, Parts, Terms, Values, critics, crossed, unpaired
from translation_sheets import swapping
from translation_terms import d_weights, each, fooled, judged, summed, swapped, told

from modgan.component import Component
from modgan.components import (
    ContentEncoder,
    DomainDiscriminator,
    SharedEncoder,
    SharedReconstructor,
    UpsampleReconstructor,
)
from modgan.losses import l1
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, main


@dataclass(frozen=True)
class Settings(Gentle):
    """Every knob once; `n_res` counts the residual blocks of what is shared."""

    hidden: int = 64  # width of the layer before the answer of the critic of domains
    w_image: float = 10.0  # pictures come back from their codes; the paper: 1
    w_meaning: float = 1.0  # a translation has the feature of what it was made from
    w_domain: float = 1.0  # the critic of domains, and against it
    w_adv: float = 1.0  # translations look real


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    picture, made = image(s.size), dict[str, Component]()
    for name in two(s):
        E = ContentEncoder(picture, s.width, n_down=1, n_res=0, space="seen@training")
        made[f"E_{name}"] = E
    shared = SharedEncoder(E.outputs["feature"], n_res=s.n_res, space="common@training")
    common = shared.outputs["feature"]
    R = SharedReconstructor(common, s.n_res, space="drawn@training")
    for name in two(s):
        made[f"R_{name}"] = UpsampleReconstructor(R.outputs["feature"], picture, n_up=1)
    D = DomainDiscriminator(common, {"domain": two(s)}, s.d_width, hidden=s.hidden)
    return made | {"E_shared": shared, "R_shared": R, "D_domain": D} | critics(s, two(s))


def encoded(parts: Parts, x: Values) -> dict[str, Tensor]:
    """The common feature (B, C, h, w) of pictures (B, 3, H, W)."""
    return {name: parts["E_shared"](seen) for name, seen in each(parts, "E", x).items()}


def decoded(parts: Parts, feature: Values) -> dict[str, Tensor]:
    """Pictures (B, 3, H, W) of every domain."""
    return each(parts, "R", {name: parts["R_shared"](common) for name, common in feature.items()})


def d_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """D of a domain: its pictures against those translated to it."""
    with torch.no_grad():
        fake = decoded(parts, swapped(encoded(parts, batch)))
    return judged(s, parts, batch, fake)


def g_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """E, R and the critic of domains: pictures come back, meanings stay, domains are hidden."""
    feature = encoded(parts, batch)
    fake = decoded(parts, swapped(feature))
    return {
        "image": summed(F.mse_loss, decoded(parts, feature), batch),
        "meaning": summed(l1, swapped(encoded(parts, fake)), feature),
        "domain": told(parts, feature),
        "adv": fooled(s, parts, fake),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate; the critic of domains learns along with E and R."""
    d = tuple(f"D_{name}" for name in two(s))
    g = {"image": s.w_image, "meaning": s.w_meaning, "domain": s.w_domain, "adv": s.w_adv}
    return [
        Phase("D", d, partial(d_loss, s), d_weights(s, 0.5), s.lr),
        Phase("G", ("E_*", "R_*", "D_domain"), partial(g_loss, s), g, s.lr),
    ]


recipe = Recipe(
    name="xgan",
    settings=Settings(),
    smoke={**TINY, "hidden": 8},
    parts=parts,
    batch=unpaired,
    phases=phases,
    card=crossed("E_shared", "R_shared"),
    sheet=swapping(encoded, decoded),
)

paper = Settings(
    batch=2, width=32, d_width=64, hidden=1024, lr=1e-4, w_image=1.0, steps=250_000, **PLAIN
)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
