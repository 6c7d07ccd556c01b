"""CUB-200-2011 and anything else in its layout, and folders of pictures of which nothing is known.

Both give samples for `modgan.data.boxed.Boxed`. Axes: H W positions.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modgan.data.boxed import Box, Sample
from modgan.data.images import UNREADABLE, DataError, open_image
from modgan.data.table import (
    SPLITS,
    SUFFIXES,
    Listing,
    Row,
    divide,
    few,
    misnamed,
    missing,
    read_text,
    refuse,
    some,
)

# What the lines of each list hold.
IMAGES, BOXES, LABELS, CLASSES, SPLIT = LISTS = (
    "images.txt",
    "bounding_boxes.txt",
    "image_class_labels.txt",
    "classes.txt",
    "train_test_split.txt",
)
COLUMNS = dict(
    zip(LISTS, ("id path", "id x y width height", "id class", "class name", "id 0|1"), strict=True)
)
FACTORS = "factors.csv"
SLACK = 1.0  # pixels by which a box may leave its picture: boxes are drawn by hand, and rounded


class CUB:
    """CUB-200-2011's layout: `images.txt`, `bounding_boxes.txt` (id x y width height), `images/`.

    Where there are `image_class_labels.txt` and `classes.txt`, the class is the attribute
    "category", its number left out of its name. `factors` names columns of a `factors.csv` (first
    column id) that are further attributes. `split` takes train, val or test as
    `train_test_split.txt` (1 is train) says it; parts that it does not name are taken out of train
    by the names of the pictures (`modgan.data.table.divide`); "all" takes every picture.

    Boxes are cut to whole pixels, as FineGAN reads them. One error lists all lines that are wrong.
    """

    def __init__(self, root: str | Path, split: str = "all", factors: Sequence[str] = ()) -> None:
        _check_split(split)
        self.root = Path(root)
        wrong = list[str]()
        images = _read(self.root, IMAGES, wrong)
        self._boxes = _boxes(self.root, images, wrong)
        columns = [*_categories(self.root, images, wrong)]
        columns += _factors(self.root, factors, images, wrong) if factors else []
        parts = _parts(self.root, images, wrong)
        rows = [
            Row(
                line.number, self.root / "images" / line.cells[0], tuple(c.of[key] for c in columns)
            )
            for key, line in images.items()
            if all(key in column.of for column in columns)
        ]
        wrong += missing(self.root / IMAGES, rows)
        names = [line.cells[0] for line in images.values()]
        splits, drawn = divide(names, parts)
        by_file = dict(zip((self.root / "images" / name for name in names), splits, strict=True))
        grouped = {each: [row for row in rows if by_file[row.file] == each] for each in SPLITS}
        self.attributes = {column.name: column.labels for column in columns}
        listing = Listing(self.root / IMAGES, self.attributes, grouped, tuple(drawn), wrong=wrong)
        self.rows = listing.take(None if split == "all" else split)

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int) -> Sample:
        """Picture `index` with its box and labels."""
        row = self.rows[index]
        where = f"{IMAGES}:{row.line}: {row.file}"
        try:
            picture = open_image(row.file)
        except DataError as error:
            raise DataError(f"{IMAGES}:{row.line}: {error}") from error
        return Sample(picture, self._box(row, *picture.size), row.labels, where)

    def _box(self, row: Row, width: int, height: int) -> Box:
        line, x, y, wide, high = self._boxes[row.line]
        if x + wide > width + SLACK or y + high > height + SLACK:
            raise DataError(
                f"{self.root / BOXES}:{line}: the box reaches from x {x:g} to {x + wide:g} and "
                f"from y {y:g} to {y + high:g}, expected it in {width}x{height}, the size of "
                f"{row.file}; correct the line"
            )
        left, top = min(int(x), width - 1), min(int(y), height - 1)
        return top, left, min(top + int(high), height), min(left + int(wide), width)

    def mask(self, index: int) -> Tensor:
        """Which share of each pixel the object covers, from `segmentations`, uint8 (1, H, W)."""
        inside = self.rows[index].file.relative_to(self.root / "images")
        path = (self.root / "segmentations" / inside).with_suffix(".png")
        if not path.is_file():
            raise DataError(f"{path}: no such mask; unpack CUB's segmentations beside images")
        try:
            with Image.open(path) as mask:
                return torch.from_numpy(np.array(mask.convert("L")))[None]
        except UNREADABLE as error:
            raise DataError(
                f"{path}: cannot be read as a mask ({error}); fetch it again"
            ) from error


class PlainFolder:
    """Every picture in a folder and in the folders in it: no boxes and no labels.

    So nobody knows which patches are background (see `modgan.data.boxed.Boxed`). `split` takes a
    part by the names of the pictures (`modgan.data.table.divide`); "all" takes every picture.
    """

    attributes: dict[str, tuple[str, ...]]

    def __init__(self, root: str | Path, split: str = "all") -> None:
        _check_split(split)
        root = Path(root)
        if not root.is_dir():
            what = "is a file" if root.is_file() else "is not there"
            raise DataError(f"{root}: {what}; give the folder of the pictures")
        names = sorted(
            path.relative_to(root)
            for path in root.rglob("*")
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
        if not names:
            raise DataError(
                f"{root}: holds no picture ({', '.join(SUFFIXES)}); give the folder of the pictures"
            )
        splits, drawn = divide([name.as_posix() for name in names])
        rows: dict[str, list[Row]] = {each: [] for each in SPLITS}
        for line, (name, each) in enumerate(zip(names, splits, strict=True), 1):
            rows[each].append(Row(line, root / name, ()))
        self.attributes = {}
        self.rows = Listing(root, {}, rows, tuple(drawn)).take(None if split == "all" else split)

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int) -> Sample:
        """Picture `index`."""
        file = self.rows[index].file
        return Sample(open_image(file), None, (), str(file))


def open_boxed(root: str | Path, split: str = "all") -> CUB | PlainFolder:
    """The pictures of `root`: CUB's layout where it has `images.txt`, else a plain folder."""
    return CUB(root, split) if (Path(root) / IMAGES).is_file() else PlainFolder(root, split)


# --- the lists --------------------------------------------------------------------------------


class _Line(NamedTuple):
    number: int  # from 1
    cells: list[str]  # without the id


class _Boxed(NamedTuple):
    line: int
    x: float
    y: float
    width: float
    height: float


class _Column(NamedTuple):
    name: str
    labels: tuple[str, ...]
    of: dict[str, int]  # id -> label


def _check_split(split: str) -> None:
    if split not in (*SPLITS, "all"):
        raise ValueError(f"split {split!r}: expected {', '.join(SPLITS)} or all")


def _read(root: Path, name: str, wrong: list[str]) -> dict[str, _Line]:
    """The lines of a list by their first cell; the others are added to what is `wrong`."""
    path, count = root / name, len(COLUMNS[name].split())
    lines, bad = dict[str, _Line](), list[str]()
    for number, text in enumerate(read_text(path).splitlines(), 1):
        cells = text.split(maxsplit=count - 1)
        if not cells:
            continue
        if len(cells) < count:
            bad.append(
                f"{path}:{number}: expected {COLUMNS[name]!r}, got {text[:60]!r}; correct the line"
            )
        elif cells[0] in lines:
            bad.append(
                f"{path}:{number}: {cells[0]} is listed before, in line "
                f"{lines[cells[0]].number}; take one of the lines out"
            )
        lines.setdefault(cells[0], _Line(number, cells[1:] if len(cells) == count else []))
    wrong += few(path, bad)
    if not lines:
        wrong.append(f"{path}: is empty; expected lines of {COLUMNS[name]!r}")
    return {key: line for key, line in lines.items() if line.cells}


def _of_images(
    root: Path, name: str, images: Mapping[str, _Line], wrong: list[str]
) -> dict[str, _Line]:
    """The lines of a list for known pictures; every picture must have one."""
    path, lines = root / name, _read(root, name, wrong)
    unknown = [
        f"{path}:{line.number}: {key} is no id of {IMAGES}; add it there, or take the line out"
        for key, line in lines.items()
        if key not in images
    ]
    wrong += few(path, unknown)
    _complete(root, path, images, lines, wrong)
    return {key: line for key, line in lines.items() if key in images}


def _complete(
    root: Path,
    path: Path,
    images: Mapping[str, _Line],
    lines: Mapping[str, object],
    wrong: list[str],
) -> None:
    without = [key for key in images if key not in lines]
    if without:
        wrong.append(
            f"{root / IMAGES}:{images[without[0]].number}: {without[0]} has no line in "
            f"{path.name}; {len(without)} of {len(images)} have none: {some(without)}; "
            "add lines there"
        )


def _boxes(root: Path, images: Mapping[str, _Line], wrong: list[str]) -> dict[int, _Boxed]:
    """The box of every picture, by its line in the list of images."""
    path = root / BOXES
    if not path.is_file():
        raise DataError(
            f"{path}: no such file; copy CUB's list there, or give the folder of the pictures "
            "alone to do without boxes"
        )
    boxes, bad = dict[int, _Boxed](), list[str]()
    for key, (number, cells) in _of_images(root, BOXES, images, wrong).items():
        box = _numbers(cells)
        if box is None or min(box[2:]) < 1 or min(box[:2]) < 0:
            bad.append(
                f"{path}:{number}: the box is {' '.join(cells)}, expected x and y of at least 0, "
                "width and height of at least 1 pixel; correct the line"
            )
        else:
            boxes[images[key].number] = _Boxed(number, *box)
    wrong += few(path, bad)
    return boxes


def _numbers(cells: Sequence[str]) -> tuple[float, float, float, float] | None:
    try:
        x, y, width, height = (float(cell) for cell in cells)
    except ValueError:
        return None
    return (x, y, width, height) if math.isfinite(x + y + width + height) else None


def _categories(root: Path, images: Mapping[str, _Line], wrong: list[str]) -> list[_Column]:
    if not (root / LABELS).is_file():
        return []
    names = {key: line.cells[0] for key, line in _read(root, CLASSES, wrong).items()}
    lines, bad = _of_images(root, LABELS, images, wrong), list[str]()
    place = {key: k for k, key in enumerate(names)}
    for line in lines.values():
        if line.cells[0] not in place:
            bad.append(
                f"{root / LABELS}:{line.number}: class {line.cells[0]} is not in {CLASSES}, which "
                f"has {some(list(names))}; add it there, or correct the line"
            )
    wrong += few(root / LABELS, bad)
    short = tuple(re.sub(r"^\d+\.", "", name) for name in names.values())
    labels = short if len(set(short)) == len(short) else tuple(names.values())
    known = {key: place[line.cells[0]] for key, line in lines.items() if line.cells[0] in place}
    return [_Column("category", labels, known)]


def _parts(root: Path, images: Mapping[str, _Line], wrong: list[str]) -> list[str] | None:
    """Train or test for every picture, None where nothing says it."""
    if not (root / SPLIT).is_file():
        return None
    lines = _of_images(root, SPLIT, images, wrong)
    wrong += few(
        root / SPLIT,
        [
            f"{root / SPLIT}:{line.number}: expected 1 (train) or 0 (test), got "
            f"{line.cells[0]!r}; correct the line"
            for line in lines.values()
            if line.cells[0] not in ("0", "1")
        ],
    )
    said = {key: "train" if line.cells[0] == "1" else "test" for key, line in lines.items()}
    return [said.get(key, "train") for key in images]


def _factors(
    root: Path, names: Sequence[str], images: Mapping[str, _Line], wrong: list[str]
) -> list[_Column]:
    """Columns of the table of factors as attributes, their labels sorted."""
    path = root / FACTORS
    refuse([reason for name in names for reason in misnamed(f"{path}:1", name)])
    header, *lines = [*csv.reader(read_text(path).splitlines())] or [[]]
    unknown = [name for name in names if name not in header[1:]]
    if unknown:
        raise DataError(
            f"{path}:1: has no column {some(unknown)}; its columns: {', '.join(header[1:])}"
        )
    table = {cells[0]: cells for cells in lines if len(cells) == len(header)}
    _complete(root, path, images, table, wrong)
    columns = []
    for name in names:
        at = header.index(name)
        values = {key: table[key][at] for key in images if key in table}
        labels = tuple(sorted(set(values.values())))
        columns.append(_Column(name, labels, {k: labels.index(v) for k, v in values.items()}))
    return columns
