"""Coloured digits, of MNIST or typeset: what the recipes on them share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from torch import Tensor

from modgan.card import Card
from modgan.data.digits import ATTRIBUTES, Digits, typeset
from modgan.data.images import AttributeImages, cached
from modgan.data.mnist import read_mnist


@dataclass(frozen=True)
class Data:
    """Every knob of the pictures once; the settings of a recipe begin with these."""

    data: str = ""  # MNIST: a folder of IDX files, or an .npz; empty for typeset digits
    licence: str = "Apache-2.0"  # of the weights; with your own data it is for you to say
    size: int = 64  # side of the pictures, pixels
    pictures: int = 24_000  # with colour, stroke and background drawn for each
    data_seed: int = 1  # of those; judges learn from 7, tests run on 99
    workers: int = 2  # processes that draw
    seed: int = 0


@cache
def grey(data: str, split: str) -> tuple[Tensor, Tensor]:
    """Digits (N, 28, 28) and their numbers (N,); a half of the test digits is for "val"."""
    if not data:
        return typeset(2_000, {"train": 1, "val": 50, "test": 99}[split])
    if split == "train":
        return read_mnist(data, "train")
    images, numbers = read_mnist(data, "test")
    half = slice(None, None, 2) if split == "val" else slice(1, None, 2)
    return images[half], numbers[half]


@cache
def drawn(data: str, count: int, size: int, seed: int, workers: int) -> AttributeImages:
    """Coloured digits to learn from, held in memory."""
    return cached(Digits(*grey(data, "train"), size, seed, count), workers, progress=True)


def pictures(s: Data) -> AttributeImages:
    """The pictures to learn from."""
    return drawn(s.data, s.pictures, s.size, s.data_seed, s.workers)


def others(s: Data, split: str, count: int) -> Digits:
    """Digits that are not trained on, of the split "val" or "test"."""
    return Digits(*grey(s.data, split), s.size, {"val": 50, "test": 99}[split], count)


def labels_of() -> dict[str, list[str]]:
    """The labels of every attribute, as components take them."""
    return {name: list(values) for name, values in ATTRIBUTES.items()}


def card(s: Data, graphs: dict[str, list[str]]) -> Card:
    """What a zoo trained on them is."""
    origin = f"MNIST ({s.data})" if s.data else "typeset digits"
    data = f"{s.pictures} coloured digits, seed {s.data_seed}, of {origin}"
    return Card(s.licence, {"data": data}, graphs=graphs)
