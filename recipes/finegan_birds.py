"""FineGAN: background, shape and texture of birds come apart without labels of any of them.

    modgan train recipes/finegan_birds.py                             # drawn birds: no download
    modgan train recipes/finegan_birds.py --data DIR                  # CUB's layout, or any folder
    modgan train recipes/finegan_birds.py --data CUB --variant paper  # the published sizes, 128²

Singh et al., FineGAN, CVPR 2019. A background, a parent (the shape) and a child (its texture) are
painted over each other; boxes say which patches of real pictures show background. The last `hard`
steps (736 in `paper`; none on small budgets, where they leave batch norm few children) alternate
with the codes whose children are told worst. The official program loads the averaged G before
these; here it goes on as it is. Its critic of parents also sees parents'
pictures and discards what it says, which moves running statistics alone: left out. Where a
folder has no boxes, the middle of its pictures (`--middle`) counts as the object: what reaches
beyond it is taken for background, and gets painted there.

The published losses alone fail on small budgets. There, the codes of real pictures are found by
clustering, and painted (`noted.py`); masks are kept to a bird's size, the child's like the
parent's, in one piece, and near 0 and 1, and children are read on others' parents, too: weights
that are 0 in the variant `paper`. The parent is read off its mask, and all codes off noisy,
mirrored and shifted pictures. Features of the stages have half the side of the picture, so that
convolutions are cheaper. With `--no-clustered`, as for pictures cut around their boxes, give
backgrounds a critic and a reader of their code (InfoGAN): `--w-patch 10 --w-background-code 1
--critics-from 0`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import birds_data
import hierarchy_critics
import noted
import torch
from birds_data import codes, labels_of
from hierarchy_critics import (
    Parts,
    Terms,
    child_stage,
    critic_phases,
    critics,
    growths,
    painted_by,
)
from noted import PUBLISHED, SMOKE, Noted
from PIL import Image

from modgan.card import Card
from modgan.component import Component
from modgan.components import ParentGenerator, StageGenerator
from modgan.data.images import sheet
from modgan.metrics.stages import STAGES, TITLES, onehot_codes, painted, rows
from modgan.train import Batch, Phase, Recipe, Share, main

MOST = 16  # widths that the channels of a critic grow to
CANDIDATES = 10  # batches of codes of which the worst told make one


@dataclass(frozen=True)
class Settings(Noted):
    """Every knob once."""

    hard: int = 0  # steps, the last, of which every second takes the codes told worst


def parts(s: Settings) -> dict[str, Component]:
    """What is trained, by name."""
    return {**(noted.stages(s) if s.clustered else stages(s)), **critics(s, MOST)}


def stages(s: Settings) -> dict[str, Component]:
    """The stages as published."""
    labels, n = labels_of(s), growths(s)
    widths = (*(s.width * 2**i for i in range(n - 1, -1, -1)), s.width)
    behind = StageGenerator(
        "background", labels["background"], widths, s.n_z, "background@training"
    )
    inner = ParentGenerator(
        "parent", labels["parent"], widths, s.channels, s.n_res, s.n_z, "parent@training"
    )
    dress = child_stage(s, inner.outputs["feature"], s.child_width, s.child_channels)
    return painted_by(s, behind, inner, dress)


def batch(s: Settings, at: Share) -> Batch:
    """Pictures and codes, of which there are ten times as many where the worst are to be found."""
    hard = at.step >= s.steps - s.hard and (s.steps - at.step) % 2 == 1
    return noted.batch(s, at, CANDIDATES * s.batch if hard else s.batch)


def g_loss(parts: Parts, batch: Batch) -> Terms:
    """G: critics fooled and every code read; pictures painted again, where theirs are known."""
    terms = hierarchy_critics.painting_loss(parts, batch)
    return noted.loss(parts, batch, terms)[0] if batch["clustered"] else terms


def phases(s: Settings) -> list[Phase]:
    """Which parts learn what, and at what rate."""
    trained, weights = hierarchy_critics.learned_with_g(s), hierarchy_critics.painting_weights(s)
    weights |= noted.AGAIN if s.clustered else {}
    painting = Phase("G", trained, g_loss, weights, s.lr_g, betas=(0.5, s.beta2))
    return [*critic_phases(s), painting]


def samples(s: Settings, parts: Parts) -> Image.Image:
    """Stage by stage: every child in turn up to 16 of them, parents' poses and scenes drawn."""
    count = min(16, s.children)
    drawn = codes(s, count, torch.Generator().manual_seed(s.seed), tied=False)
    drawn["child"] = torch.arange(count)
    drawn["parent"] = drawn["child"] * s.parents // s.children
    device = next(parts["G_parent"].parameters()).device
    given = {name: value.to(device) for name, value in drawn.items()}
    with torch.inference_mode():
        made = painted(parts, onehot_codes(parts, given["z"], given))
    return sheet(rows(made), TITLES, scale=2)


def card(s: Settings) -> Card:
    """What the zoo is."""
    return birds_data.card(s, {"hierarchy": STAGES})


recipe = Recipe(
    name="finegan_birds",
    settings=Settings(),
    smoke={**SMOKE, "hard": 3},
    parts=parts,
    batch=batch,
    phases=phases,
    card=card,
    notes=noted.notes,
    plan=birds_data.found,
    sheet=samples,
    layout=torch.contiguous_format,
)

sizes = {"d_parent": 64, "width": 64, "channels": 32, "child_width": 32, "child_channels": 16}
paper = Settings(**PUBLISHED, **sizes, hard=736, steps=601 * 736)
recipe = replace(recipe, variants={"paper": replace(recipe, settings=paper)})

if __name__ == "__main__":
    main(recipe)
