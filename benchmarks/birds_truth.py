"""Birds that nothing was trained on, with what is true about them, drawn or a folder's.

Axes: N pictures, M mixes, H W pixels.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import modgan
from modgan.data.birds import Birds, Drawn
from modgan.data.cub import CUB
from modgan.data.images import DataError, fit, normalise, open_image, to_tensor
from modgan.data.table import read_text

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
from birds_judge import FACING, columns

OTHER = 98  # the seed of further drawn birds, to compare real ones with real ones
MIXED = ("background", "texture", "shape", "pose")
IDS = {"background": "b_id", "texture": "c_id", "shape": "p_id", "pose": "z_id"}


class Mixes(NamedTuple):
    """Pictures to mix, and the truth about the mix."""

    sources: dict[str, Tensor]  # background, texture, shape, pose -> (M, 3, H, W)
    pictures: Tensor  # (M, 3, H, W)
    masks: Tensor  # bool (M, 1, H, W)
    labels: dict[str, Tensor]  # (M,) in the judge's numbers
    outlines: Tensor  # bool (M, 1, H, W), of the pictures that give the shape


class Truth(NamedTuple):
    """Unseen pictures, others like them, and mixes of unseen pictures."""

    pictures: Tensor  # (N, 3, H, W) in -1..1
    masks: Tensor  # bool (N, 1, H, W)
    others: Tensor  # (N, 3, H, W)
    mixes: Mixes


def drawn(count: int, mixes: int, size: int, seed: int) -> Truth:
    """Birds drawn as the zoos learn from them, of another seed."""
    birds = Birds(count, size, seed)
    rng = torch.Generator().manual_seed(seed)
    quads = torch.randint(count, (mixes, 4), generator=rng)
    pictures, masks = _stacked([birds.drawn(i) for i in range(count)])
    further = Birds(count, size, OTHER)
    others, _ = _stacked([further.drawn(i) for i in range(count)])
    mixed, mixed_masks = _stacked([birds.mixed(*quad) for quad in quads.tolist()])
    places = {
        name: torch.tensor([birds.attributes[name].index(birds.bird(i).labels()[name]) for i in of])
        for name, of in zip(MIXED, quads.T.tolist(), strict=True)
        if name != "pose"
    }
    faces = [FACING.index(birds.bird(i).pose.facing) for i in quads[:, 3].tolist()]
    sources = {name: pictures[of] for name, of in zip(MIXED, quads.T, strict=True)}
    labels = {**places, "facing": torch.tensor(faces)}
    outlines = masks[quads[:, MIXED.index("shape")]]
    return Truth(pictures, masks, others, Mixes(sources, mixed, mixed_masks, labels, outlines))


def _stacked(made: Sequence[Drawn]) -> tuple[Tensor, Tensor]:
    """Pictures in -1..1 and masks of drawn birds."""
    masks = torch.stack([one.mask for one in made]) > 127
    return normalise(torch.stack([one.picture for one in made])), masks


def listed(root: Path, Q: modgan.Component, count: int, mixes: int, size: int) -> Truth:
    """A folder in CUB's layout with segmentations, and its true mixes: mix.csv beside mix/."""
    if not (root / "mix.csv").is_file():
        raise DataError(
            f"{root / 'mix.csv'}: no such file; the folder needs the true mixes of its pictures: "
            f"mix.csv (mix, {', '.join(IDS.values())}, labels) and mix/0000.png, mix/0000_mask.png"
        )
    test, train = (CUB(root, split, columns(str(root))) for split in ("test", "train"))
    unseen = _spread(len(test), count)
    masks = [_mask(Image.fromarray(test.mask(i)[0].numpy()), size) for i in unseen]
    others = [_picture(train.sample(i).picture, size) for i in _spread(len(train), len(unseen))]
    return Truth(
        torch.stack([_picture(test.sample(i).picture, size) for i in unseen]),
        torch.stack(masks),
        torch.stack(others),
        _mixes(root, Q, mixes, size),
    )


def _spread(total: int, count: int) -> list[int]:
    """Up to `count` of `total` places, evenly apart: folders list pictures class by class."""
    n = min(count, total)
    return [i * total // n for i in range(n)]


def _mixes(root: Path, Q: modgan.Component, count: int, size: int) -> Mixes:
    rows = list(csv.DictReader(read_text(root / "mix.csv").splitlines()))[:count]
    files = dict(line.split(maxsplit=1) for line in read_text(root / "images.txt").splitlines())
    folder = root / "mix"
    sources = {
        name: torch.stack(
            [_picture(open_image(root / "images" / files[row[column]]), size) for row in rows]
        )
        for name, column in IDS.items()
    }
    labels = {
        name: torch.tensor([spec.labels.index(row[name]) for row in rows])
        for name, spec in Q.outputs.items()
        if name in rows[0]
    }
    names = [int(row["mix"]) for row in rows]
    given = (Path(files[row[IDS["shape"]]]).with_suffix(".png") for row in rows)
    return Mixes(
        sources,
        torch.stack([_picture(open_image(folder / f"{i:04d}.png"), size) for i in names]),
        torch.stack([_mask(Image.open(folder / f"{i:04d}_mask.png"), size) for i in names]),
        labels,
        torch.stack([_mask(Image.open(root / "segmentations" / name), size) for name in given]),
    )


def _picture(picture: Image.Image, size: int) -> Tensor:
    return normalise(to_tensor(fit(picture, size)))


def _mask(mask: Image.Image, size: int) -> Tensor:
    return torch.from_numpy(np.array(fit(mask.convert("L"), size)))[None] > 127
