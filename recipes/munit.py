"""MUNIT: what a picture shows is translated, how it looks is sampled or taken from another one.

    modgan train recipes/munit.py                   # drawn sketches and pictures
    modgan train recipes/munit.py --data DIR        # trainA, trainB, testA, testB in DIR
    modgan train recipes/munit.py --variant paper   # the published sizes: a GPU's work

Huang et al., MUNIT, ECCV 2018. Losses of the paper variant, and the order D then G with fresh
styles for each, are the published ones (`tests/test_golden_munit.py`); rates fall in a straight
line at the end, and weights do not decay. For small budgets half the styles are those of other
pictures, so that guided pictures meet D, and pictures' styles are spread like the sampled ones;
noise hides single pixels from whoever reads a translation; domains start alike, and critics are
gentler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
import translation
from domains_data import two
from torch import Tensor
from translation import PAPER, TINY, Parts, Styled, Terms, Values, critics, styled, unpaired
from translation_scores import guiding
from translation_sheets import styling
from translation_terms import d_weights, each, fooled, judged, new_styles, summed, swapped

from modgan.component import Component
from modgan.data.sketches import DOMAINS
from modgan.layers import noised
from modgan.losses import energy_to_normal, l1
from modgan.train import Batch, Phase, Recipe, main


@dataclass(frozen=True)
class Settings(Styled):
    """Every knob once."""

    real_styles: float = 0.5  # share of the new styles that are other pictures' own
    noise: float = 0.05  # standard deviation, in -1..1, on translations that E and Q read
    w_image: float = 10.0  # pictures come back from their content and style
    w_style: float = 2.0  # new styles are read off what was made with them; the paper: 1
    w_style_sketch: float = 0.1  # off drawn sketches, which have no style; the paper: 1
    w_content: float = 1.0  # content is read off, too
    w_cycle: float = 10.0  # pictures come back from the other domain with their style; the paper: 0
    w_normal: float = 1.0  # styles of pictures are distributed like N(0, 1); the paper: 0


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    return translation.styled_coders(s, two(s), "content@training") | critics(s, two(s))


def decoded(parts: Parts, content: Values, style: Values) -> dict[str, Tensor]:
    """Pictures (B, 3, H, W) of every domain."""
    return each(parts, "R", each(parts, "T", content, style))


def d_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """D: pictures of a domain against those of the other, translated with new styles."""
    with torch.no_grad():
        content, own = each(parts, "E", batch), each(parts, "Q", batch)
        fake = decoded(parts, swapped(content), new_styles(own, s.real_styles))
    return judged(s, parts, batch, fake)


def g_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """All others: pictures, styles and contents come back, and translations look real."""
    content, own = each(parts, "E", batch), each(parts, "Q", batch)
    new = new_styles(own, s.real_styles)
    fake = decoded(parts, swapped(content), new)
    seen = {name: noised(x, s.noise) for name, x in fake.items()} if s.noise else fake
    back = swapped(each(parts, "E", seen))
    terms = {
        "image": summed(l1, decoded(parts, content, own), batch),
        "content": summed(l1, back, content),
        "adv": fooled(s, parts, fake),
    }
    read = each(parts, "Q", seen)
    terms |= {f"style_{name}": l1(read[name], new[name]) for name in read}
    if s.w_cycle:
        terms["cycle"] = summed(l1, decoded(parts, back, own), batch)
    if s.w_normal:
        terms["normal"] = summed(energy_to_normal, own)
    return terms


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    g = {"image": s.w_image, "content": s.w_content, "adv": 1.0}
    g |= {"cycle": s.w_cycle} if s.w_cycle else {}
    g |= {"normal": s.w_normal} if s.w_normal else {}
    for name in two(s):
        g[f"style_{name}"] = s.w_style_sketch if name == DOMAINS[0] else s.w_style
    return [
        Phase("D", ("D_*",), partial(d_loss, s), d_weights(s), s.lr),
        Phase("G", ("E_*", "Q_*", "T_*", "R_*"), partial(g_loss, s), g, s.lr),
    ]


recipe = Recipe(
    name="munit",
    settings=Settings(),
    smoke={**TINY, "hidden": 8, "q_width": 4},
    parts=parts,
    batch=unpaired,
    phases=phases,
    card=styled,
    sheet=styling(decoded),
    score=guiding(decoded),
)

paper = Settings(**PAPER, n_style=8, hidden=256, q_width=64, alike=False, real_styles=0.0)
paper = replace(paper, noise=0.0, w_style=1.0, w_style_sketch=1.0, w_cycle=0.0, w_normal=0.0)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
