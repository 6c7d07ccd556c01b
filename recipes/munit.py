"""MUNIT: what a picture shows is translated, how it looks is sampled or taken from another one.

    modgan train recipes/munit.py                   # drawn sketches and pictures
    modgan train recipes/munit.py --data DIR        # trainA, trainB, testA, testB in DIR
    modgan train recipes/munit.py --variant paper   # the published sizes: a GPU's work

Huang et al., MUNIT, ECCV 2018. Losses of the paper variant, and the order D then G with fresh
styles for each, are the published ones (`tests/test_golden_munit.py`). The official program also
decays weights by 1e-4 and halves the rates every 100,000 steps; here rates fall in a straight line
at the end. For small budgets half the styles are those of other pictures, so that guided pictures
meet D, noise hides single pixels from whoever reads a translation, and critics are gentler.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import domains_data
import torch
from domains_data import followed, two
from PIL import Image
from torch import Tensor
from translation import (
    PAPER,
    TINY,
    Gentle,
    Parts,
    Terms,
    Values,
    critics,
    d_weights,
    each,
    fooled,
    judged,
    page,
    summed,
    swapped,
    tests,
    unpaired,
)

from modgan.card import Card
from modgan.component import Component
from modgan.components import AdainTransformer, ContentEncoder, StyleCoder, UpsampleReconstructor
from modgan.data.sketches import DOMAINS
from modgan.layers import noised
from modgan.losses import kl_to_normal, l1
from modgan.metrics.judged import as_rows
from modgan.metrics.translation import edge_f1, hue_taken
from modgan.spec import image
from modgan.train import Batch, Phase, Recipe, Score, main

COUNT = 50  # pictures of either domain that figures are taken on


@dataclass(frozen=True)
class Settings(Gentle):
    """Every knob once."""

    n_style: int = 8  # numbers of a style
    hidden: int = 64  # width of the layers that read a style
    q_width: int = 16  # of the first convolution of Q
    lr: float = 4e-4  # of E, Q, T and R
    lr_d: float = 2e-4
    real_styles: float = 0.5  # share of the new styles that are other pictures' own
    noise: float = 0.05  # standard deviation, in -1..1, on translations that E and Q read
    w_image: float = 10.0  # pictures come back from their content and style
    w_style: float = 2.0  # new styles are read off what was made with them; the paper: 1
    w_style_sketch: float = 0.1  # off drawn sketches, which have no style; the paper: 1
    w_content: float = 1.0  # content is read off, too
    w_cycle: float = 10.0  # pictures come back from the other domain with their style; the paper: 0
    w_normal: float = 0.01  # styles of pictures are near N(0, 1)


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    picture, made = image(s.size), dict[str, Component]()
    for name in two(s):
        E = ContentEncoder(picture, s.width, n_res=s.n_res, space="content@training")
        sizes, styled = (s.n_style, s.n_res, s.hidden), f"styled_{name}@training"
        T = AdainTransformer(E.outputs["feature"], *sizes, space=styled)
        made |= {f"E_{name}": E, f"Q_{name}": StyleCoder(picture, s.n_style, s.q_width)}
        made |= {f"T_{name}": T, f"R_{name}": UpsampleReconstructor(T.outputs["feature"], picture)}
    return made | critics(s, two(s))


def styles(s: Settings, own: Values) -> dict[str, Tensor]:
    """A new style (B, n) for every picture: of other pictures' `own` (B, n), then sampled ones."""
    new = {}
    for name, style in own.items():
        real = style.detach().float().roll(1, 0)[: round(s.real_styles * len(style))]
        sampled = torch.randn(len(style) - len(real), s.n_style, device=style.device)
        new[name] = torch.cat([real, sampled])
    return new


def decoded(parts: Parts, content: Values, style: Values) -> dict[str, Tensor]:
    """Pictures (B, 3, H, W) of every domain."""
    return each(parts, "R", each(parts, "T", content, style))


def d_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """D: pictures of a domain against those of the other, translated with new styles."""
    with torch.no_grad():
        content, own = each(parts, "E", batch), each(parts, "Q", batch)
        fake = decoded(parts, swapped(content), styles(s, own))
    return judged(s, parts, batch, fake)


def g_loss(s: Settings, parts: Parts, batch: Batch) -> Terms:
    """All others: pictures, styles and contents come back, and translations look real."""
    content, own = each(parts, "E", batch), each(parts, "Q", batch)
    new = styles(s, own)
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
        terms["normal"] = summed(kl_to_normal, own)
    return terms


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    g = {"image": s.w_image, "content": s.w_content, "adv": 1.0}
    for name in two(s):
        g[f"style_{name}"] = s.w_style_sketch if name == DOMAINS[0] else s.w_style
    g |= {"cycle": s.w_cycle} if s.w_cycle else {}
    g |= {"normal": s.w_normal} if s.w_normal else {}
    return [
        Phase("D", ("D_*",), partial(d_loss, s), d_weights(s), s.lr_d),
        Phase("G", ("E_*", "Q_*", "T_*", "R_*"), partial(g_loss, s), g, s.lr),
    ]


def card(s: Settings) -> Card:
    """What the zoo is."""
    graphs = {}
    for a, b in ([*two(s)], [*reversed(two(s))]):
        graphs[f"{a}_to_{b}"] = [f"E_{a}", f"T_{b}", f"R_{b}"]
        graphs[f"{a}_to_{b}_guided"] = [f"E_{a}", f"Q_{b}: guide -> style", f"T_{b}", f"R_{b}"]
    return domains_data.card(s, graphs)


@torch.no_grad()
def sheet(s: Settings, parts: Parts) -> Image.Image:
    """Test pictures, themselves again, with three styles, and guided by the picture beside."""
    x = tests(s, parts)
    content, own = each(parts, "E", x), each(parts, "Q", x)
    columns: dict[str, Values] = {"input": x, "again": decoded(parts, content, own)}
    rng = torch.Generator().manual_seed(s.seed)
    for number in (1, 2, 3):
        one = {
            n: torch.randn(1, s.n_style, generator=rng).to(c).expand(len(c), -1)
            for n, c in content.items()
        }
        columns[f"style {number}"] = swapped(decoded(parts, swapped(content), one))
    columns["guided"] = swapped(decoded(parts, swapped(content), own))
    return page(columns | {"guide": swapped(x)})


def score(s: Settings, folder: Path, device: str) -> Score:
    """How far pictures come back; of drawn ones first how often a guide's hue is missed, and edges.

    A drawn sketch is guided by the next one's picture; its own tells how much of it has colour.
    """
    found, split = followed(s, COUNT)
    x = {name: pictures.to(device) for name, pictures in found.items()}
    a, b = x
    guides = x[b].roll(-1, 0)
    rng = torch.Generator().manual_seed(s.seed)
    style = torch.randn(len(x[a]), s.n_style, generator=rng).to(device)

    @torch.no_grad()
    def figures(parts: Parts, final: bool) -> list[dict[str, Any]]:
        content = each(parts, "E", x)
        again = decoded(parts, content, each(parts, "Q", x))
        rows = [(f"{name} again, L1 of 255", 127.5 * l1(again[name], x[name])) for name in (b, a)]
        if not s.data:
            ways = (parts[f"Q_{b}"](guides), style)
            guided, made = (decoded(parts, {b: content[a]}, {b: way})[b] for way in ways)
            missed = 1 - hue_taken(guided, guides, x[b]).float().mean()
            lost = 1 - edge_f1(made, x[a]).mean()
            rows = [("guided: hue wrong %", 100 * missed), ("edges lost %", 100 * lost), *rows]
        return as_rows([(name, value.item()) for name, value in rows], split, len(x[a]))

    return figures


recipe = Recipe(
    name="munit",
    settings=Settings(),
    smoke={**TINY, "hidden": 8, "q_width": 4},
    parts=parts,
    batch=unpaired,
    phases=phases,
    card=card,
    sheet=sheet,
    score=score,
)

paper = replace(Settings(**PAPER), hidden=256, q_width=64, lr=1e-4, lr_d=1e-4)
paper = replace(paper, real_styles=0.0, noise=0.0, w_cycle=0.0, w_normal=0.0)
paper = replace(paper, w_style=1.0, w_style_sketch=1.0)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
