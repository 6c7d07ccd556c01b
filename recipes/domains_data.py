"""Pictures of two domains or more, drawn or a folder's: what the recipes of translation share.

Axes: B pictures, H W positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from modgan.card import Card
from modgan.data.domains import Domain, Domains, read_domains
from modgan.data.images import Cached, DataError
from modgan.data.order import seed_of
from modgan.data.portrait_sketches import PortraitSketches
from modgan.data.portraits import Portraits
from modgan.data.sketches import DOMAINS, Sketches
from modgan.train import Share

TESTS = 99  # the seed of the sketches and pictures that are not trained on
FOLLOWED = 50  # the seed of those that a run is followed on


@dataclass(frozen=True)
class Data:
    """Every knob of the pictures once; the settings of a recipe begin with these."""

    data: str = ""  # a folder of trainA, trainB, testA, testB; empty for drawn sketches, pictures
    licence: str = "Apache-2.0"  # of the weights; with your own data it is for you to say
    size: int = 64  # side of the pictures, pixels
    kind: str = "things"  # of what is drawn: things, or portraits
    load: int = 0  # short side of a folder's pictures before they are cut, pixels; 0: size
    pictures: int = 4_000  # drawn ones of each domain
    data_seed: int = 1  # of the sketches, the pictures have the next one; tests run on 99
    workers: int = 2  # processes that draw or decode
    seed: int = 0


@cache
def sketched(count: int, size: int, seeds: tuple[int, int], workers: int) -> Domains:
    """Sketches, and pictures of other things, held in memory."""
    drawn = {
        name: Cached(Sketches(count, size, seed, name), workers, progress=count > 100).images
        for seed, name in zip(seeds, DOMAINS, strict=True)
    }
    return _lit(drawn, size)


@cache
def portraits(count: int, size: int, seeds: tuple[int, int], workers: int) -> Domains:
    """Sketches of portraits, and portraits of other people, held in memory."""
    data = PortraitSketches(count, size, seeds[0]), Portraits(count, size, seeds[1])
    held = [Cached(each, workers, progress=count > 100).images for each in data]
    return _lit(dict(zip(DOMAINS, held, strict=True)), size)


def _lit(held: Mapping[str, Tensor], size: int) -> Domains:
    """Drawn pictures (N, 3, H, W) as domains: not mirrored, as their light has a side."""
    return Domains({name: Domain(x, size, mirror=False) for name, x in held.items()})


KINDS = {"things": sketched, "portraits": portraits}


def kind(s: Data) -> Callable[[int, int, tuple[int, int], int], Domains]:
    """What draws the two domains."""
    if s.kind not in KINDS:
        raise DataError(f"--kind {s.kind}: what is drawn is {' or '.join(KINDS)}")
    return KINDS[s.kind]


@cache
def folders(data: str, split: str, size: int, load: int, workers: int) -> Domains:
    """The domains of a folder, decoded once."""
    return read_domains(data, split, size, load or size, workers=workers, progress=True)


def domains(s: Data) -> Domains:
    """The pictures to learn from, unpaired."""
    if s.data:
        return folders(s.data, "train", s.size, s.load, s.workers)
    return kind(s)(s.pictures, s.size, (s.data_seed, s.data_seed + 1), s.workers)


def names_of(s: Data) -> list[str]:
    """What the domains are called: sketch and picture, or a, b and so on."""
    return list(domains(s).domains) if s.data else list(DOMAINS)


def two(s: Data) -> list[str]:
    """The names of the domains, which have to be two."""
    names = names_of(s)
    if len(names) != 2:
        raise DataError(
            f"{s.data}: expected folders of two domains, got {len(names)}: {', '.join(names)}; "
            "leave two of them there, or train recipes/combogan.py, which takes any number"
        )
    return names


def drawn(s: Data, at: Share, count: int) -> dict[str, Tensor]:
    """`count` pictures of every domain (B, 3, H, W) in -1..1, by its name, for a share of a step.

    Folders' are cut and mirrored at random: a function of the arguments.
    """
    order = seed_of(s.seed, at.order)
    found = domains(s).draw(at.position(count), count, order, at.own(s.seed))
    return {name: x.contiguous(memory_format=torch.channels_last) for name, x in found.items()}


def shown(s: Data, count: int = 5) -> dict[str, Tensor]:
    """The first pictures of every domain that are not trained on, (B, 3, H, W) in -1..1."""
    if not s.data:
        return kind(s)(count, s.size, (TESTS, TESTS), 0).middles(range(count))
    return _first(s, "test", count)


def followed(s: Data, count: int) -> tuple[dict[str, Tensor], str]:
    """Pictures (B, 3, H, W) of every domain that a run is followed on, and their split.

    Drawn ones are pairs that are neither trained nor tested on. Of a folder they are the first of
    valA, valB and so on; where it has none, the first of the tests.
    """
    if not s.data:
        return kind(s)(count, s.size, (FOLLOWED, FOLLOWED), 0).middles(range(count)), "val"
    split = "val" if (Path(s.data) / "valA").is_dir() else "test"
    return _first(s, split, count), split


def _first(s: Data, split: str, count: int) -> dict[str, Tensor]:
    """The first pictures of a folder's split, as many of every domain."""
    found = folders(s.data, split, s.size, s.load, s.workers)
    least = min(len(domain) for domain in found.domains.values())
    return found.middles(range(min(count, least)))


def card(s: Data, graphs: dict[str, list[str]]) -> Card:
    """What a zoo trained on them is."""
    seeds = f"seeds {s.data_seed} and {s.data_seed + 1}"
    made = f"{s.pictures} drawn sketches of {s.kind}, {s.pictures} pictures of others, {seeds}"
    return Card(s.licence, {"data": s.data or f"{made} (Apache-2.0)"}, graphs=graphs)
