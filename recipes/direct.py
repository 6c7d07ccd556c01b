"""A translator from one domain to the other, which only its critic or its features hold.

    modgan train recipes/direct.py                        # drawn sketches to pictures
    modgan train recipes/direct.py --data DIR             # trainA, trainB, testA, testB in DIR
    modgan train recipes/direct.py --w-perceptual 0       # unconstrained: anything that looks real
    modgan train recipes/direct.py --features ZOO         # the E of a zoo says what has to stay
    modgan train recipes/direct.py --variant paper        # CycleGAN's widths

What has to stay is a picture's feature, each channel of mean 0 and variance 1, so that colours may
change (MUNIT's perceptual loss; Huang et al., ECCV 2018). Without a zoo, E is first trained to
bring back pictures of both domains, together with a reconstructor R, for `prepare` steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import domains_data
import torch
from domains_data import two
from translation import PAPER, TINY, Gentle, Parts, Terms, coder, critic, encoder_in, unpaired
from translation_sheets import one_way
from translation_terms import d_weights, fooled, judged

from modgan.card import Card
from modgan.component import Component
from modgan.components import CycleTranslator
from modgan.losses import l1, perceptual
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, main


@dataclass(frozen=True)
class Settings(Gentle):
    """Every knob once."""

    features: str = ""  # a zoo file whose E reads these pictures; empty: one is trained first
    prepare: int = 500  # steps of E and R before the translator's
    w_perceptual: float = 0.3  # features stay; 0: no E; the paper: 1


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name, and the E that says what has to stay."""
    made = {"F": CycleTranslator(image(s.size), s.width, s.n_res), "D": critic(s)}
    if frozen(s):
        made["E"] = encoder_in(s.features, s.size)
    elif s.w_perceptual:
        made["E"], made["R"] = coder(s, "content@training")
    return made


def e_loss(parts: Parts, batch: Batch) -> Terms:
    """E and R: pictures of both domains come back."""
    x = torch.cat([*batch.values()])
    return {"image": l1(parts["R"](parts["E"](x)), x)}


def d_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """D: pictures of the second domain against those translated to it."""
    a, b = batch
    with torch.no_grad():
        fake = parts["F"](batch[a])
    return judged(s, {f"D_{b}": parts["D"]}, batch, {b: fake})


def f_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """F: translations look real and, where there is an E, keep their features."""
    a, b = batch
    fake = parts["F"](batch[a])
    terms = {"adv": fooled(s, {f"D_{b}": parts["D"]}, {b: fake})}
    if "E" in parts:
        terms["perceptual"] = perceptual(parts["E"], fake, batch[a])
    return terms


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate: E stays as it is once the translator begins."""
    weights = {"adv": 1.0} | ({"perceptual": s.w_perceptual} if s.w_perceptual else {})
    learns = s.w_perceptual and not s.features
    start = s.prepare if learns else 0
    made = [
        Phase("D", ("D",), partial(d_loss, s), d_weights(s), s.lr, start=start),
        Phase("F", ("F",), partial(f_loss, s), weights, s.lr, start=start),
    ]
    first = Phase("E", ("E", "R"), e_loss, {"image": 1.0}, s.lr, stop=s.prepare)
    return [first, *made] if learns else made


def frozen(s: Settings) -> list[str]:
    """E, if it is given."""
    return ["E"] if s.w_perceptual and s.features else []


def card(s: Settings) -> Card:
    """What the zoo is."""
    a, b = two(s)
    return domains_data.card(s, {f"{a}_to_{b}": ["F"]})


recipe = Recipe(
    name="direct",
    settings=Settings(),
    smoke={**TINY, "prepare": 2},
    parts=parts,
    batch=unpaired,
    phases=phases,
    card=card,
    sheet=one_way("F"),
    frozen=frozen,
)

paper = replace(Settings(**PAPER), lr=2e-4, load=286, n_res=9, steps=200_000, w_perceptual=1.0)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
