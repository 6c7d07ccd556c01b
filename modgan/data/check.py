"""A folder of pictures is checked before it is trained on, and what is found is told on a page.

Axes: N pictures, A attributes, H W positions.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from itertools import combinations, product
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modgan.data.images import UNREADABLE, Cached, DataError
from modgan.data.open import list_pictures
from modgan.data.table import SPLITS, LabelledFiles, Listing, Row, absent, missing, refuse, some

HELD = 1000  # pictures of val, and of test, that are decoded and kept at most
FEW = 50  # training pictures; a label with fewer is noted
CHANCE = 10.0  # training pictures in which two labels must meet by chance before we ask if they do
APART = 0.1  # of that: two labels that meet less often are noted
PAIRS = 10  # such pairs that are noted at most

Attributes = dict[str, tuple[str, ...]]
Rows = dict[str, list[Row]]  # by split


@dataclass(frozen=True)
class Checked:
    """The pictures of a folder, decoded; `str` is a page (markdown) of what was found.

    Of val and test at most 1000 are here, in an order that has nothing to do with the table's:
    the first few are a fair sample.
    """

    train: Cached
    val: Cached
    test: Cached
    page: str

    @property
    def attributes(self) -> Attributes:
        """Attribute name -> its labels, the same in every split."""
        return self.train.attributes

    def __str__(self) -> str:
        return self.page


def check(root: str | Path, size: int, workers: int = 0, progress: bool = False) -> Checked:
    """Open a folder and decode its pictures once; one error lists all that is wrong."""
    listing = list_pictures(root)
    wrong = _problems(listing)
    rows = {
        split: rows if split == "train" else _mixed(rows)[:HELD]
        for split, rows in listing.rows.items()
    }
    start = time.perf_counter()
    held = {}
    for split in SPLITS:
        files = [row for row in rows[split] if row.file.is_file()]
        if files:
            data = LabelledFiles(listing.table, files, listing.attributes, size, complete=False)
            try:
                # processes take seconds to start: they are for the many
                held[split] = Cached(data, workers if len(files) > HELD else 0, progress)
            except DataError as error:
                wrong.append(f"{listing.table}: {split}: {error}")
    seconds = time.perf_counter() - start
    refuse(wrong)
    title = [f"# The pictures of {root}", "", _speed(held, size, seconds), ""]
    lines = [*title, *_table(listing), "", *_notes(listing, held, rows, size)]
    page = "\n".join(lines).strip() + "\n"
    return Checked(held["train"], held["val"], held["test"], page)


def _problems(listing: Listing) -> list[str]:
    """What is wrong before a picture is decoded."""
    rows = sorted(row for rows in listing.rows.values() for row in rows)
    wrong = [*listing.wrong, *missing(listing.table, rows)]
    if not listing.wrong:  # a split may be empty for want of the lines that are wrong
        wrong += [text for split in SPLITS for text in listing.empty(split)]
    if listing.rows["train"]:
        wrong += absent(listing.table, listing.rows["train"], listing.attributes)
    return wrong


def _mixed(rows: list[Row]) -> list[Row]:
    """The rows in an order that only the names of their files decide."""
    return sorted(rows, key=lambda row: (crc32(row.file.name.encode()), row.line))


def _speed(held: dict[str, Cached], size: int, seconds: float) -> str:
    count = sum(len(data) for data in held.values())
    mebibytes = sum(data.images.numel() for data in held.values()) / 2**20
    return (
        f"{count:,} pictures decoded to {size}×{size} in {seconds:.1f} s "
        f"({count / max(seconds, 1e-9):,.0f} a second); they take {mebibytes:,.0f} MiB of memory."
    )


def _table(listing: Listing) -> Iterator[str]:
    """How many pictures have a label, in every split."""
    yield "| attribute | label | train | val | test |"
    yield "|---|---|--:|--:|--:|"
    labels = {split: _labels(rows, listing.attributes) for split, rows in listing.rows.items()}
    for position, (name, words) in enumerate(listing.attributes.items()):
        for k, word in enumerate(words):
            counts = [int((labels[split][:, position] == k).sum()) for split in SPLITS]
            shown = word.replace("|", "\\|")
            yield f"| {name} | {shown} | {' | '.join(f'{n:,}' for n in counts)} |"
    counts = [len(listing.rows[split]) for split in SPLITS]
    yield f"| all pictures | | {' | '.join(f'{n:,}' for n in counts)} |"


def _labels(rows: list[Row], attributes: Attributes) -> NDArray[np.int64]:
    """The labels of rows, (N, A)."""
    return np.array([row.labels for row in rows], np.int64).reshape(len(rows), len(attributes))


def _notes(listing: Listing, held: dict[str, Cached], rows: Rows, size: int) -> Iterator[str]:
    labels = _labels(rows["train"], listing.attributes)
    for notes in (
        _about_splits(listing, rows),
        _about_few(labels, listing.attributes),
        _about_pairs(labels, listing.attributes),
        _about_lines(listing),
        _about_sizes(rows["train"], size),
        _about_copies(held, rows),
    ):
        yield from (f"note: {note}" for note in notes)


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


def _about_few(labels: NDArray[np.int64], attributes: Attributes) -> Iterator[str]:
    found = []
    for position, (name, words) in enumerate(attributes.items()):
        counts = np.bincount(labels[:, position], minlength=len(words))
        found += [f"{name} {w} ({n})" for w, n in zip(words, counts, strict=True) if n < FEW]
    if found:
        yield f"labels with fewer than {FEW} training pictures: {some(found)}; more would help"


def _about_pairs(labels: NDArray[np.int64], attributes: Attributes) -> Iterator[str]:
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
