"""What a page says of a folder of pictures: how many have which label, and what may go badly.

Axes: N pictures, A attributes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from hashlib import blake2b
from itertools import combinations, product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modgan.data.images import UNREADABLE, Cached, DataError
from modgan.data.table import SPLITS, Listing, Row, some

FEW = 50  # training pictures; a label with fewer is noted
CHANCE = 10.0  # training pictures in which two labels must meet by chance before we ask if they do
APART = 0.1  # of that: two labels that meet less often are noted
PAIRS = 10  # such pairs that are noted at most

Attributes = dict[str, tuple[str, ...]]
Labels = NDArray[np.int64]  # (N, A)
Rows = dict[str, list[Row]]  # by split


def table(attributes: Attributes, labels: dict[str, Labels]) -> Iterator[str]:
    """How many pictures have a label, in every split whose labels are known."""
    yield "| attribute | label | train | val | test |"
    yield "|---|---|--:|--:|--:|"
    for position, (name, words) in enumerate(attributes.items()):
        for k, word in enumerate(words):
            shown = word.replace("|", "\\|")
            counts = {split: int((each[:, position] == k).sum()) for split, each in labels.items()}
            yield f"| {name} | {shown} | {_counts(counts)} |"
    yield f"| all pictures | | {_counts({split: len(each) for split, each in labels.items()})} |"


def _counts(counts: dict[str, int]) -> str:
    return " | ".join(f"{counts[split]:,}" if split in counts else "–" for split in SPLITS)


def labels_of(rows: list[Row], attributes: Attributes) -> Labels:
    """The labels of rows, (N, A)."""
    return np.array([row.labels for row in rows], np.int64).reshape(len(rows), len(attributes))


def notes(listing: Listing, held: dict[str, Cached], rows: Rows, size: int) -> Iterator[str]:
    """What to know before training; `rows` are those of the pictures in `held`."""
    labels = labels_of(rows["train"], listing.attributes)
    for found in (
        _about_splits(listing, rows),
        _about_few(labels, listing.attributes),
        _about_unmeasured(rows, listing.attributes),
        _about_pairs(labels, listing.attributes),
        _about_lines(listing),
        _about_sizes(rows["train"], size),
        _about_copies(held, rows),
    ):
        yield from (f"note: {note}" for note in found)


def _about_splits(listing: Listing, rows: Rows) -> Iterator[str]:
    each = " each" * (len(listing.drawn) > 1)
    if listing.drawn:
        yield (
            f"nothing says which pictures are {' and '.join(listing.drawn)}: about a tenth{each} "
            "is taken out of train, chosen by file name, so it stays the same"
        )
    for split in SPLITS[1:]:
        if len(rows[split]) < len(listing.rows[split]):
            yield f"pictures of {split} that are used: {len(rows[split]):,}, chosen by file name"


def _about_few(labels: Labels, attributes: Attributes) -> Iterator[str]:
    found = []
    for position, (name, words) in enumerate(attributes.items()):
        counts = np.bincount(labels[:, position], minlength=len(words))
        found += [f"{name} {w} ({n})" for w, n in zip(words, counts, strict=True) if n < FEW]
    if found:
        yield f"labels with fewer than {FEW} training pictures: {some(found)}; more would help"


def _about_unmeasured(rows: Rows, attributes: Attributes) -> Iterator[str]:
    for split in SPLITS[1:]:
        found = [
            f"{name} {word}"
            for position, (name, words) in enumerate(attributes.items())
            for k, word in enumerate(words)
            if all(row.labels[position] != k for row in rows[split])
        ]
        if found:
            yield f"labels without a picture of {split}, which its figures leave out: {some(found)}"


def _about_pairs(labels: Labels, attributes: Attributes) -> Iterator[str]:
    """Labels of two attributes that meet far less often than chance would have it."""
    found = []
    for (a, (name, words)), (b, (other, others)) in combinations(enumerate(attributes.items()), 2):
        meet = np.zeros((len(words), len(others)), np.int64)
        np.add.at(meet, (labels[:, a], labels[:, b]), 1)
        chance = meet.sum(1, keepdims=True) * meet.sum(0, keepdims=True) / len(labels)
        for i, j in product(range(len(words)), range(len(others))):
            if chance[i, j] >= CHANCE and meet[i, j] < APART * chance[i, j]:
                pair = f"{name} {words[i]} and {other} {others[j]}"
                found.append((-float(chance[i, j]), pair, int(meet[i, j])))
    for less, pair, count in sorted(found)[:PAIRS]:
        yield (
            f"{pair} hardly ever go together (training pictures: {count}, by chance "
            f"{-less:,.0f}): the two are hard to learn apart"
        )
    if len(found) > PAIRS:
        yield f"further pairs of labels that hardly ever go together: {len(found) - PAIRS}"


def _about_lines(listing: Listing) -> Iterator[str]:
    skipped = sum(listing.skipped.values(), start=Counter[str]())
    for reason, count in sorted(skipped.items()):
        name, _, how = reason.partition(": ")
        words = ", ".join(listing.attributes[name])
        yield f"pictures left out, with {how} of the labels of {name} ({words}): {count:,}"
    if listing.unlisted:
        yield f"pictures in the folder without a line in the table: {_named(listing.unlisted)}"


def _about_sizes(rows: list[Row], size: int) -> Iterator[str]:
    shapes = [(row.file.name, _shape(row.file)) for row in rows]
    small = [name for name, shape in shapes if min(shape) < size]
    wide = [name for name, (width, height) in shapes if width != height]
    if small:
        yield f"training pictures that are enlarged to {size}×{size}: {_named(small)}"
    if wide:
        yield f"training pictures that are cropped to their central square: {_named(wide)}"


def _shape(path: Path) -> tuple[int, int]:
    """Width and height as the header says them, which is quick."""
    try:
        with Image.open(path) as image:
            return image.size
    except UNREADABLE as error:  # it was read a moment ago
        raise DataError(f"{path}: changed while it was checked ({error}); start again") from error


def _about_copies(held: dict[str, Cached], rows: Rows) -> Iterator[str]:
    """Pictures that are the same, pixel for pixel."""
    lines = {split: _lines_by_picture(held[split], rows[split]) for split in SPLITS}
    for split in SPLITS[1:]:
        pairs = [
            f"line {line} as {lines['train'][picture][0].line}"
            for picture, same in lines[split].items()
            for line in [row.line for row in same]
            if picture in lines["train"]
        ]
        if pairs:
            yield f"pictures of {split} that are in train too, which flatters: {_named(pairs)}"
    quarrels = [
        " and ".join(f"line {row.line}" for row in same)
        for same in lines["train"].values()
        if len({row.labels for row in same}) > 1
    ]
    if quarrels:
        yield f"the same training picture with different labels: {_named(quarrels)}"


def _named(names: list[str]) -> str:
    return f"{len(names):,} ({some(names)})"


def _lines_by_picture(data: Cached, rows: list[Row]) -> dict[bytes, list[Row]]:
    lines = defaultdict[bytes, list[Row]](list)
    for picture, row in zip(data.images, rows, strict=True):
        lines[blake2b(picture.numpy(), digest_size=16).digest()].append(row)
    return lines
