"""CycleGAN: a translator to every domain, each other's way back.

    modgan train recipes/cyclegan.py                   # drawn sketches and pictures
    modgan train recipes/cyclegan.py --data DIR        # trainA, trainB, testA, testB in DIR
    modgan train recipes/cyclegan.py --variant paper   # the published sizes: a GPU's work

Zhu et al., CycleGAN, ICCV 2017: networks and losses are the published ones (equal to the official
code's, `tests/test_golden_cyclegan.py`), narrower. There is no history of fakes, as a batch is a
function of its step, so that runs resume exactly. For attributes: `cyclegan_portraits.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import domains_data
import torch
from domains_data import two
from PIL import Image
from translation import TINY, Networks, Parts, Terms, unpaired
from translation_sheets import page, tests
from translation_terms import each, summed, swapped

from modgan.card import Card
from modgan.component import Component
from modgan.components import CycleTranslator, PatchDiscriminator
from modgan.losses import l1, lsgan_d, lsgan_g
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, main


@dataclass(frozen=True)
class Settings(Networks):
    """Every knob once; `n_res` counts the residual blocks of a translator, `n_scales` is unused."""

    w_cycle: float = 10.0  # pictures come back from the other domain
    w_identity: float = 5.0  # nothing changes in pictures that are of the domain already


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name: F_b translates to b."""
    picture, made = image(s.size), dict[str, Component]()
    for name in two(s):
        made[f"F_{name}"] = CycleTranslator(picture, s.width, s.n_res)
        made[f"D_{name}"] = PatchDiscriminator(picture, s.d_width, s.d_layers)
    return made


def f_loss(parts: Parts, batch: Batch) -> Terms:
    """F: fool D, come back, and leave alone what is there already."""
    x = {name: batch[name] for name in batch if name != "fake"}
    fake = each(parts, "F", swapped(x))
    batch["fake"] = {name: made.detach() for name, made in fake.items()}
    return {
        "adv": summed(lsgan_g, each(parts, "D", fake)),
        "cycle": summed(l1, each(parts, "F", swapped(fake)), x),
        "identity": summed(l1, each(parts, "F", x), x),
    }


def d_loss(parts: Parts, batch: Batch) -> Terms:
    """D: pictures of a domain against those just translated to it."""
    x = {name: batch[name] for name in batch["fake"]}
    return {"adv": summed(lsgan_d, each(parts, "D", x), each(parts, "D", batch["fake"]))}


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    weights = {"adv": 1.0, "cycle": s.w_cycle, "identity": s.w_identity}
    return [
        Phase("F", ("F_*",), f_loss, weights, s.lr),
        Phase("D", ("D_*",), d_loss, {"adv": 0.5}, s.lr),
    ]


def card(s: Settings) -> Card:
    """What the zoo is."""
    a, b = two(s)
    return domains_data.card(s, {f"{a}_to_{b}": [f"F_{b}"], f"{b}_to_{a}": [f"F_{a}"]})


@torch.no_grad()
def sheet(s: Settings, parts: Parts) -> Image.Image:
    """Test pictures, in the other domain, and back."""
    x = tests(s, parts)
    fake = each(parts, "F", swapped(x))
    return page({"input": x, "other": swapped(fake), "back": each(parts, "F", swapped(fake))})


recipe = Recipe(
    name="cyclegan",
    settings=Settings(),
    smoke=TINY,
    parts=parts,
    batch=unpaired,
    phases=phases,
    card=card,
    sheet=sheet,
)

paper = Settings(size=256, load=286, batch=1, width=64, n_res=9, d_width=64, steps=200_000)
paper = replace(paper, lr=2e-4)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
