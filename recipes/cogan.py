"""CoGAN: one noise, two pictures that belong together, as all layers but the last are shared.

    modgan train recipes/cogan.py                   # drawn sketches and pictures
    modgan train recipes/cogan.py --data DIR        # trainA, trainB, testA, testB in DIR
    modgan train recipes/cogan.py --variant paper   # DCGAN's widths

Liu & Tuzel, Coupled GAN, NIPS 2016. G is shared, R is the last layer of a domain; D_a and D_b are
the first layers of the critics and D is what they share, a softmax over "made" and "real". The
official program is for digits of 28 pixels and decays weights by 5e-4; the variant `paper` has its
rates and batch. On small budgets critics are gentler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import domains_data
import torch
from domains_data import drawn, two
from torch import Tensor
from translation import PLAIN, TINY, Gentle, Parts, Terms, Values
from translation_sheets import from_noise
from translation_terms import against, blurred, d_weights, each, penalised

from modgan.card import Card
from modgan.component import Component
from modgan.components import DcganReconstructor, DomainDiscriminator, NoiseGenerator, PatchEncoder
from modgan.losses import r1
from modgan.spec import FeatureSpec, image
from modgan.train import Batch, Phase, Recipe, Share, main

MADE, REAL = 0, 1


@dataclass(frozen=True)
class Settings(Gentle):
    """Every knob once; of the networks' sizes only `d_width` counts, and `kaiming` is unused."""

    batch: int = 32  # pictures a step of every domain
    d_width: int = 32  # of what critics look at; it doubles at every halving but the first
    channels: int = 32  # of the feature between G and R, at half the picture's side
    n_z: int = 100  # numbers of noise
    hidden: int = 256  # width of the layer before D's answer
    w_r1: float = 1.0  # penalty on D's gradient at real pictures


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    feature = FeatureSpec(s.channels, s.size // 2, s.size // 2, "pair@training")
    made: dict[str, Component] = {"G": NoiseGenerator(feature, s.n_z)}
    for name in two(s):
        made[f"R_{name}"] = DcganReconstructor(feature, image(s.size))
        first = PatchEncoder(image(s.size), s.d_width, n_res=1, patch=2, space="seen@training")
        made[f"D_{name}"] = first
    seen, answers = first.outputs["feature"], {"real": ["made", "real"]}
    n_down = (s.size // 2).bit_length() - 3  # down to 4×4
    made["D"] = DomainDiscriminator(seen, answers, s.d_width, n_down, s.hidden)
    return made


def batch(s: Settings, at: Share) -> Batch:
    """Unpaired pictures of both domains, and the noise from which pairs are made."""
    z = torch.randn(s.batch, s.n_z, generator=at.own(s.seed + 1))
    return {**drawn(s, at, s.batch), "z": z}


def pairs(parts: Parts, z: Tensor) -> dict[str, Tensor]:
    """The pictures (B, 3, H, W) of both domains that noise (B, n) makes."""
    feature = parts["G"](z)
    names = [name.removeprefix("R_") for name in parts if name.startswith("R_")]
    return each(parts, "R", dict.fromkeys(names, feature))


def answered(parts: Parts, pictures: Values, answer: int) -> Tensor:
    """Cross-entropy of the shared critic, both domains in one batch, against one answer."""
    (scores,) = parts["D"](torch.cat(list(each(parts, "D", pictures).values())))
    return against(scores, answer)


def penalty(parts: Parts, real: Values) -> Tensor:
    """R1 of the shared critic, of how sure it is that pictures are real."""

    def sure(x: Tensor, name: str) -> Tensor:
        (scores,) = parts["D"](parts[f"D_{name}"](x))
        return scores[:, REAL] - scores[:, MADE]

    return torch.stack([r1(partial(sure, name=name), x) for name, x in real.items()]).sum()


def d_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """D and its first layers: pictures against made ones."""
    with torch.no_grad():
        fake = pairs(parts, batch["z"])
    real = {name: batch[name] for name in fake}
    told = [(real, REAL), (fake, MADE)]
    adv = [answered(parts, blurred(s, x), answer) for x, answer in told]
    return penalised(s, {"adv": torch.stack(adv).sum()}, lambda: penalty(parts, real))


def g_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """G and R: made pictures look real."""
    return {"adv": answered(parts, blurred(s, pairs(parts, batch["z"])), REAL)}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    return [
        Phase("D", ("D", "D_*"), partial(d_loss, s), d_weights(s, 0.5), s.lr),
        Phase("G", ("G", "R_*"), partial(g_loss, s), {"adv": 1.0}, s.lr),
    ]


def card(s: Settings) -> Card:
    """What the zoo is."""
    ends = [f"R_{name}: feature -> {name}" for name in two(s)]
    return domains_data.card(s, {"pair": ["G", *ends]})


recipe = Recipe(
    name="cogan",
    settings=Settings(),
    smoke={**TINY, "channels": 4, "n_z": 8, "hidden": 8},
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    sheet=from_noise(pairs),
)

paper = Settings(batch=64, lr=2e-4, channels=64, d_width=64, hidden=500, steps=25_000, **PLAIN)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
