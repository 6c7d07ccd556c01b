"""Labelled pictures, drawn portraits or a folder's: what the recipes on them share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from modgan.card import Card
from modgan.data.check import Checked, check
from modgan.data.fewer import Fewer
from modgan.data.images import AttributeImages, cached
from modgan.data.portraits import Portraits


@dataclass(frozen=True)
class Data:
    """Every knob of the pictures once; the settings of a recipe begin with these."""

    data: str = ""  # a folder of labelled pictures; empty for drawn portraits
    attributes: str = ""  # those to learn, by commas; empty for all there are
    licence: str = "Apache-2.0"  # of the weights; with your own data it is for you to say
    size: int = 64  # side of the pictures, pixels
    pictures: int = 24_000  # drawn portraits
    data_seed: int = 1  # of the portraits; judges learn from 7, tests run on 99
    workers: int = 2  # processes that draw or decode
    seed: int = 0


@cache
def checked(data: str, size: int, workers: int) -> Checked:
    """The pictures of a folder: all of them checked, and decoded once."""
    return check(data, size, workers, progress=True)


@cache
def drawn(count: int, size: int, seed: int, workers: int) -> AttributeImages:
    """Portraits, held in memory where they fit."""
    return cached(Portraits(count, size, seed), workers, progress=True)


def pictures(s: Data) -> AttributeImages:
    """The pictures to learn from; their attributes decide which T's there are."""
    if s.data:
        return chosen(checked(s.data, s.size, s.workers).train, s)
    return chosen(drawn(s.pictures, s.size, s.data_seed, s.workers), s)


def others(s: Data, split: str, count: int) -> AttributeImages:
    """Pictures that are not trained on, of the split "val" or "test"."""
    if s.data:
        return chosen(getattr(checked(s.data, s.size, s.workers), split), s)
    return chosen(Portraits(count, s.size, {"val": 50, "test": 99}[split]), s)


def chosen(data: AttributeImages, s: Data) -> AttributeImages:
    """The attributes to learn."""
    names = s.attributes.replace(" ", "").split(",") if s.attributes else list(data.attributes)
    return data if names == list(data.attributes) else Fewer(data, names)


def labels_of(s: Data) -> dict[str, list[str]]:
    """The labels of every attribute, as components take them."""
    return {name: list(values) for name, values in others(s, "val", 1).attributes.items()}


def found(s: Data) -> str:
    """What was found in the folder, as a page."""
    if s.data:
        return str(checked(s.data, s.size, s.workers))
    return f"# {s.pictures:,} drawn portraits, seed {s.data_seed}\n"


def card(s: Data, graphs: dict[str, list[str]]) -> Card:
    """What a zoo trained on them is."""
    data = s.data or f"{s.pictures} drawn portraits, seed {s.data_seed} (Apache-2.0)"
    return Card(s.licence, {"data": data}, graphs=graphs)
