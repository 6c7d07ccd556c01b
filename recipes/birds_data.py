"""Birds in boxes, drawn or a folder's, and the codes of a hierarchy: what the recipes share.

Axes: B batch, n labels, h w patches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from PIL import Image
from torch import Tensor

from modgan.card import Card
from modgan.component import Component
from modgan.convert.hierarchy import numbered
from modgan.data.birds import Birds
from modgan.data.boxed import Batch as Crops
from modgan.data.boxed import Boxed
from modgan.data.cub import open_boxed
from modgan.data.images import batch, sheet, to_image
from modgan.data.order import draw, seed_of
from modgan.losses import parent_of
from modgan.metrics.stages import SOURCES, TITLES, coded, painted, rows
from modgan.spec import LARGEST
from modgan.train import Share, TrainingError

SEEDS = {"val": 50, "test": 99}  # of drawn birds that are not trained on; judges learn from 7


@dataclass(frozen=True)
class Data:
    """Every knob of the pictures once; the settings of a recipe begin with these."""

    data: str = ""  # a folder in CUB's layout, or of pictures alone; empty for drawn birds
    split: str = "train"  # which pictures of a folder to learn from: train or all
    licence: str = "Apache-2.0"  # of the weights; with your own data it is for you to say
    size: int = 64  # side of the pictures, pixels: a power of two
    side: int = 0  # side of the full pictures that show backgrounds, pixels; 0 is as size
    around: float = 0.0  # objects are cut in a square of so many sides of their box; 0 is whole
    spare: float = 1.0  # how much larger than a crop the picture is that it is cut from
    middle: float = 0.45  # sides of pictures without boxes that count as their box, in the middle
    pictures: int = 10_000  # drawn birds
    data_seed: int = 1  # of the birds; judges learn from 7, tests run on 99
    workers: int = 2  # processes that draw or decode
    seed: int = 0


@dataclass(frozen=True)
class Codes(Data):
    """Every knob of the codes once."""

    backgrounds: int = 8  # codes of backgrounds, where these are not tied to children
    parents: int = 8  # codes of shapes
    children: int = 16  # codes of textures; as many of them belong to every parent
    tied_background: bool = False  # the background's code is the child's, as published
    n_z: int = 64  # numbers of noise


@cache
def held(
    data: str, split: str, crop: tuple[int, int, float, float], count: int, seed: int, workers: int
) -> Boxed:
    """Pictures and boxes, held in memory."""
    size, side, around, spare = crop
    source = open_boxed(data, split) if data else Birds(count, size, seed)
    return Boxed(source, size, side, around or None, spare, workers, progress=count > 1000)


def crop_of(s: Data) -> tuple[int, int, float, float]:
    """How pictures are cut: size, side, around and spare."""
    return s.size, s.side or s.size, s.around, s.spare


def pictures(s: Data) -> Boxed:
    """The pictures to learn from."""
    return held(s.data, s.split, crop_of(s), s.pictures, s.data_seed, s.workers)


def others(s: Data, split: str, count: int) -> Boxed:
    """Pictures that are not trained on, of the split "val" or "test"; a folder's are all there."""
    return held(s.data, split, crop_of(s), count, SEEDS[split], 0)


def drawn(s: Data, at: Share, count: int) -> Crops:
    """Crops of the `count` pictures of a share, each mirrored or not, with boxes.

    Where nobody knows the boxes, objects are taken to lie in the middle.
    """
    data = pictures(s)
    chosen = draw(data, at.position(count), count, seed_of(s.seed, at.order))
    crops = data.draw(chosen, at.own(s.seed))
    if crops.boxes is None:
        crops = crops._replace(boxes=middle(s).expand(count, -1))
    return crops


def middle(s: Data) -> Tensor:
    """The box (1, 4) in the middle of a full picture, in pixels."""
    if not 0 < s.middle <= 1:
        raise TrainingError(f"--middle {s.middle}: expects a share of the side, above 0 up to 1")
    side = s.side or s.size
    first = round(side * (1 - s.middle) / 2)
    return torch.tensor([[first, first, side - first, side - first]])


def labels_of(s: Codes) -> dict[str, tuple[str, ...]]:
    """The labels of every code, which are numbers: which means what is found out in training."""
    counts = {"background": s.backgrounds, "parent": s.parents, "child": s.children}
    if s.tied_background:
        counts["background"] = s.children
    if min(counts.values()) < 2 or max(counts.values()) > LARGEST or s.parents > s.children:
        raise TrainingError(
            "expects 2 codes or more of each kind and a child at least for every parent, got "
            f"--backgrounds {s.backgrounds} --parents {s.parents} --children {s.children}"
        )
    return {name: numbered(count) for name, count in counts.items()}


def codes(s: Codes, count: int, rng: torch.Generator, tied: bool = True) -> dict[str, Tensor]:
    """Noise z (B, n_z) and indices (B,) of codes, every child equally likely.

    Tied, the parent is the child's, and so is the background where the settings say so; else all
    are drawn.
    """
    counts = {name: len(labels) for name, labels in labels_of(s).items()}
    made = {"z": torch.randn(count, s.n_z, generator=rng)}
    for name, most in counts.items():
        made[name] = torch.randint(most, (count,), generator=rng)
    if tied:
        made["parent"] = parent_of(made["child"], s.children, s.parents)
        made["background"] = made["child"] if s.tied_background else made["background"]
    return made


def remade(s: Data, parts: Mapping[str, Component]) -> Image.Image:
    """Eight pictures not trained on and what MixNMatch makes of their codes; S is used if there."""
    data, device = others(s, "val", 8), next(parts["Q_z"].parameters()).device
    spread = range(0, len(data), max(1, len(data) // 8))[:8]  # folders list class by class
    x = batch(data, spread)[0].to(device)
    with torch.inference_mode():
        feature = parts["S"](x) if "S" in parts else None
        again = painted(parts, coded(parts, dict.fromkeys(SOURCES, x)), feature)
    lines = [[to_image(one), *row] for one, row in zip(x, rows(again), strict=True)]
    return sheet(lines, ["input", *TITLES], scale=2)


def found(s: Data) -> str:
    """What was found in the folder, as a page."""
    if not s.data:
        return f"# {s.pictures:,} drawn birds, seed {s.data_seed}\n"
    data = pictures(s)
    names = ", ".join(data.attributes) or "none"
    first, _, last, _ = middle(s)[0].tolist()
    boxes = "" if data.boxes is not None else f"; no boxes: objects in rows, columns {first}-{last}"
    small = f"; {data.enlarged:,} smaller than asked for, enlarged" if data.enlarged else ""
    return f"# {len(data):,} pictures of {s.data}, split {s.split}; labels: {names}{boxes}{small}\n"


def card(s: Data, graphs: dict[str, list[str]]) -> Card:
    """What a zoo trained on them is."""
    data = s.data or f"{s.pictures} drawn birds, seed {s.data_seed} (Apache-2.0)"
    return Card(s.licence, {"data": data}, graphs=graphs)
