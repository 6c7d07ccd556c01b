"""Two VAE-GANs, each trained on its own domain: what nothing holds together.

    modgan train recipes/vaegan_pair.py               # drawn sketches and pictures
    modgan train recipes/vaegan_pair.py --data DIR    # trainA, trainB, testA, testB in DIR

Larsen et al., ICML 2016: a VAE whose pictures also have to pass a critic. E_a and R_b compose, but
no loss ever sees both domains, so their codes need not mean the same: the baseline of all recipes
of a common space. Networks are those of `unit.py`, whose rates and weights the paper variant has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from domains_data import two
from translation import PAPER, TINY, Gentle, Parts, Terms, coders, critics, crossed, unpaired
from translation_sheets import swapping
from translation_terms import d_weights, each, fooled, judged, sampled, summed

from modgan.component import Component
from modgan.losses import kl_to_normal, l1
from modgan.train import Batch, Phase, Recipe, main


@dataclass(frozen=True)
class Settings(Gentle):
    """Every knob once."""

    w_image: float = 10.0  # pictures come back from their codes
    w_kl: float = 0.01  # codes are near N(0, 1)


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    return coders(s, two(s), "common@training") | critics(s, two(s))


def d_loss(s: Settings, name: str, parts: Parts, batch: Batch) -> Terms:
    """D of a domain: its pictures against those that came back."""
    x = {name: batch[name]}
    with torch.no_grad():
        fake = each(parts, "R", sampled(each(parts, "E", x)))
    return judged(s, parts, x, fake)


def g_loss(s: Settings, name: str, parts: Parts, batch: Batch) -> Terms:
    """E and R of a domain: its pictures come back and look real."""
    x = {name: batch[name]}
    mean = each(parts, "E", x)
    again = each(parts, "R", sampled(mean))
    return {
        "image": summed(l1, again, x),
        "kl": summed(kl_to_normal, mean),
        "adv": fooled(s, parts, again),
    }


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate: a domain at a time."""
    made = []
    for name in two(s):
        d, g = partial(d_loss, s, name), partial(g_loss, s, name)
        weights = {"image": s.w_image, "kl": s.w_kl, "adv": 1.0}
        made.append(Phase(f"D_{name}", (f"D_{name}",), d, d_weights(s), s.lr))
        made.append(Phase(f"G_{name}", (f"E_{name}", f"R_{name}"), g, weights, s.lr))
    return made


recipe = Recipe(
    name="vaegan_pair",
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
