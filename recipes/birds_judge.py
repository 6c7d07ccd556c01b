"""What a bird is, and where: a classifier Q and a segmenter S, which judge the zoos of birds.

    modgan train recipes/birds_judge.py               # drawn birds: minutes on two cores
    modgan train recipes/birds_judge.py --data DIR    # CUB's layout with masks and factors.csv
    modgan train recipes/birds_judge.py --smoke       # seconds

Q learns background, shape, texture and facing from birds whose texture does not depend on their
shape: otherwise it would read one off the other. S learns the true masks. Three pictures of four
are blurred, for what is judged is what a bird is, not how sharp it is. Neither ever sees a made
picture. Axes: B batch, A attributes, H W pixels.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from birds_data import Data, card
from judge import judge
from PIL import Image
from torch import Tensor

from modgan.component import Component
from modgan.components import PooledCoder, UnetEncoder
from modgan.data.birds import ATTRIBUTES, Birds
from modgan.data.cub import CUB, FACTORS
from modgan.data.images import AttributeImages, DataError, cached, fit, to_tensor
from modgan.data.table import read_text
from modgan.losses import bce
from modgan.spec import FeatureSpec, image
from modgan.train import Batch, Phase, Share, main

FACING = ("left", "right")
READ = (*ATTRIBUTES, "facing")
REACH = 4  # pixels that a blur reaches


@dataclass(frozen=True)
class Settings(Data):
    """Every knob once."""

    channels: int = 24  # width of the first convolution of Q
    s_width: int = 6  # width of S at full size
    pictures: int = 10_000  # drawn birds
    data_seed: int = 7  # of the birds; the zoos train on 1, tests run on 99
    split: str = "all"  # which pictures of a folder to learn from: train or all
    batch: int = 48  # pictures a step
    shift: int = 4  # pixels that a picture is moved at most
    noise: float = 0.1  # largest standard deviation of the noise, in -1..1
    blur: float = 1.5  # most standard deviations of the blur, in pixels
    lr: float = 2e-3
    steps: int = 3_000
    decay: float = 1.0  # share of the steps, the last, in which the rates fall to 0
    ema: float = 0.98


class Untied:
    """Drawn birds whose texture does not depend on their shape; a mask is the fourth channel."""

    def __init__(self, count: int, size: int, seed: int) -> None:
        self.birds = Birds(count, size, seed, tied=False)
        self.attributes = {**ATTRIBUTES, "facing": FACING}

    def __len__(self) -> int:
        return len(self.birds)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Picture and mask, uint8 (4, H, W), and the labels, int64 (A,)."""
        drawn, bird = self.birds.drawn(index), self.birds.bird(index)
        labels = {**bird.labels(), "facing": bird.pose.facing}
        places = [self.attributes[name].index(label) for name, label in labels.items()]
        return torch.cat([drawn.picture, drawn.mask]), torch.tensor(places)


class Listed:
    """A folder in CUB's layout: labels of factors.csv (else its classes), masks as above."""

    def __init__(self, root: str, split: str, size: int) -> None:
        self.birds, self.size = CUB(root, split, columns(root)), size
        self.attributes = dict(self.birds.attributes)
        if len(self.attributes) > 1:
            self.attributes.pop("category", None)
        if not self.attributes:
            raise DataError(
                f"{root}: has no labels to read: a judge needs {FACTORS} with some of the columns "
                f"{', '.join(READ)}, or classes.txt with image_class_labels.txt"
            )

    def __len__(self) -> int:
        return len(self.birds)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Picture and mask, uint8 (4, H, W), and the labels, int64 (A,)."""
        sample, names = self.birds.sample(index), list(self.birds.attributes)
        mask = Image.fromarray(self.birds.mask(index)[0].numpy())
        pair = torch.cat(
            [
                to_tensor(fit(sample.picture, self.size)),
                torch.from_numpy(np.array(fit(mask, self.size)))[None],
            ]
        )
        return pair, torch.tensor([sample.labels[names.index(name)] for name in self.attributes])


def columns(root: str) -> list[str]:
    """The columns of a folder's factors that a judge reads."""
    path = Path(root) / FACTORS
    if not path.is_file():
        return []
    header = next(csv.reader(read_text(path).splitlines()), [])
    return [name for name in READ if name in header]


@cache
def held(data: str, split: str, size: int, count: int, seed: int, workers: int) -> AttributeImages:
    """Birds with their masks and labels, held in memory."""
    birds = Listed(data, split, size) if data else Untied(count, size, seed)
    return cached(birds, workers, progress=len(birds) > 1000)


def pictures(s: Settings) -> AttributeImages:
    """The birds to learn from."""
    return held(s.data, s.split, s.size, s.pictures, s.data_seed, s.workers)


base = judge("birds_judge", Settings(), pictures, card)


def parts(s: Settings) -> dict[str, Component]:
    """Q, for a bird may be anywhere, and S, which gives a logit for every pixel."""
    labels = {name: list(values) for name, values in pictures(s).attributes.items()}
    where = FeatureSpec(1, s.size, s.size, "logit")
    Q = PooledCoder(image(s.size), labels, s.channels)
    return {"Q": Q, "S": UnetEncoder(image(s.size), where, s.s_width, 0)}


def batch(s: Settings, at: Share) -> Batch:
    """Pictures as all judges learn from, three of four of them blurred."""
    made = base.batch(s, at)
    deviation = s.blur * torch.rand(s.batch, generator=at.own(s.seed + 1))
    deviation[::4] = 0
    return {**made, "image": blurred(made["image"], deviation)}


def blurred(x: Tensor, deviation: Tensor) -> Tensor:
    """Pictures (B, C, H, W), each with a Gaussian blur of so many pixels, (B,)."""
    reach = torch.arange(-REACH, REACH + 1, dtype=x.dtype)
    heights = torch.exp(-(reach**2) / 2 / deviation[:, None].clamp(min=1e-3) ** 2)
    kernel = (heights / heights.sum(1, keepdim=True)).repeat_interleave(x.shape[1], 0)
    flat, n = F.pad(x, (REACH,) * 4, mode="replicate").flatten(0, 1)[None], len(kernel)
    rows = F.conv2d(flat, kernel[:, None, :, None], groups=n)
    return F.conv2d(rows, kernel[:, None, None, :], groups=n).reshape(x.shape)


def segment(parts: Mapping[str, Component], batch: Batch) -> dict[str, Tensor]:
    """S: which share of each pixel the object covers."""
    return {"mask": bce(parts["S"](batch["image"]), batch["beside"])}


def phases(s: Settings) -> list[Phase]:
    """Q and S learn from the same pictures, each for itself."""
    return [*base.phases(s), Phase("S", ("S",), segment, {"mask": 1.0}, s.lr, betas=(0.9, 0.99))]


recipe = replace(
    base,
    parts=parts,
    batch=batch,
    phases=phases,
    card=lambda s: card(s, {"read": ["Q"], "segment": ["S: image -> object"]}),
    smoke={**base.smoke, "s_width": 2},
    layout=torch.contiguous_format,
)

if __name__ == "__main__":
    main(recipe)
