"""UNIT: two VAE-GANs whose codes are one space, as pictures go to the other domain and back.

    modgan train recipes/unit.py                   # drawn sketches and pictures
    modgan train recipes/unit.py --data DIR        # trainA, trainB, testA, testB in DIR
    modgan train recipes/unit.py --variant paper   # the published sizes: a GPU's work

Liu et al., UNIT, NIPS 2017, with the losses of its present program (`tests/test_golden_unit.py`),
which shares no layers. It also decays weights by 1e-4 and halves the rates every 100,000 steps;
here rates fall in a straight line at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from domains_data import two
from translation import PAPER, TINY, Gentle, Parts, Terms, coders, critics, crossed, unpaired
from translation_sheets import swapping
from translation_terms import d_weights, each, fooled, judged, sampled, summed, swapped

from modgan.component import Component
from modgan.losses import kl_to_normal, l1
from modgan.train import Batch, Phase, Recipe, main


@dataclass(frozen=True)
class Settings(Gentle):
    """Every knob once."""

    w_image: float = 10.0  # pictures come back from their codes
    w_kl: float = 0.01  # codes are near N(0, 1)
    w_cycle: float = 10.0  # pictures come back from the other domain
    w_kl_cycle: float = 0.01  # codes of translations are near N(0, 1)


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    return coders(s, two(s), "common@training") | critics(s, two(s))


def d_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """D: pictures of a domain against those translated to it."""
    with torch.no_grad():
        fake = each(parts, "R", swapped(sampled(each(parts, "E", batch))))
    return judged(s, parts, batch, fake)


def g_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """E and R: pictures come back, at once and by the other domain; translations look real."""
    mean = each(parts, "E", batch)
    feature = sampled(mean)
    fake = each(parts, "R", swapped(feature))
    again = each(parts, "E", fake)
    back = each(parts, "R", swapped(sampled(again)))
    return {
        "image": summed(l1, each(parts, "R", feature), batch),
        "kl": summed(kl_to_normal, mean),
        "cycle": summed(l1, back, batch),
        "kl_cycle": summed(kl_to_normal, again),
        "adv": fooled(s, parts, fake),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    g = {"image": s.w_image, "kl": s.w_kl, "cycle": s.w_cycle, "kl_cycle": s.w_kl_cycle}
    return [
        Phase("D", ("D_*",), partial(d_loss, s), d_weights(s), s.lr),
        Phase("G", ("E_*", "R_*"), partial(g_loss, s), g | {"adv": 1.0}, s.lr),
    ]


recipe = Recipe(
    name="unit",
    settings=Settings(),
    smoke=TINY,
    parts=parts,
    batch=unpaired,
    phases=phases,
    card=crossed(),
    sheet=swapping(),
)

paper = Settings(**PAPER)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
