"""CelebA, and anything else in its layout."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from modgan.data.images import DataError
from modgan.data.table import (
    SPLITS,
    SUFFIXES,
    LabelledFiles,
    Listing,
    Row,
    divide,
    few,
    misnamed,
    read_text,
    refuse,
    some,
)

LISTS = (".", "Anno", "Eval")  # as people unpack it, then as the authors publish it
PICTURES = (  # the archive of Kaggle holds the folder twice, one in the other
    "img_align_celeba/img_align_celeba",
    "img_align_celeba",
    "img_align_celeba_png",
    "Img/img_align_celeba",
    "Img/img_align_celeba_png",
)
# Straight_Hair and Wavy_Hair are no colours, and either goes with any colour.
HAIR = ("Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair")
RENAMED = {"5_o_Clock_Shadow": "five_o_clock_shadow"}  # a name must begin with a letter


class CelebA(LabelledFiles):
    """CelebA's layout: pictures, `list_attr_celeba` and, if it is split, `list_eval_partition`.

    `split` takes train, val (1 in the partition) or test, or "all". Of those that the partition
    has no picture for, or without one, a tenth each is taken out of train by the name of the
    picture (`modgan.data.table.divide`).

    `attributes` maps a name to one column, which makes labels ("no", "yes"), or to several
    exclusive columns, which make a label each, named after what they do not share:
    `{"hair": ("Black_Hair", "Blond_Hair"), "smile": "Smiling"}`. By default the hair colours are
    "hair" and every other column is an attribute of its own, in lower case.

    A picture with several columns of a group positive is skipped. One with none is skipped too,
    or gets the last label `rest`, such as "none". `skipped` counts them by reason.

    `crop` is the central square to keep, in pixels of the file, before the resize to `size`: None
    keeps the largest, which is 178 for the original 178x218; 128 to 148 cut closer to the face.
    The lists may be the original text or the comma-separated ones of Kaggle.
    """

    skipped: dict[str, int]

    def __init__(
        self,
        root: str | Path,
        size: int = 64,
        split: str = "train",
        attributes: Mapping[str, str | Sequence[str]] | None = None,
        rest: str = "skip",
        crop: int | None = None,
    ) -> None:
        if split not in (*SPLITS, "all"):
            raise ValueError(f"split {split!r}: expected {', '.join(SPLITS)} or all")
        listing = list_celeba(Path(root), attributes, rest, split != "all")
        rows = listing.take(None if split == "all" else split)
        self.skipped = dict(listing.skipped["train" if split == "all" else split])
        complete = split in ("all", "train")
        super().__init__(listing.table, rows, listing.attributes, size, crop, complete)


def list_celeba(
    root: Path,
    attributes: Mapping[str, str | Sequence[str]] | None = None,
    rest: str = "skip",
    divided: bool = True,
) -> Listing:
    """What the lists say, and all that is wrong with them; not `divided`, everything is train."""
    path = _find_list(root, "list_attr_celeba")
    columns, lines, wrong = _read_attributes(path)
    chosen = _choose(columns, attributes, rest, path)
    pictures = _Pictures(root)
    splits, drawn = ["train"] * len(lines), list[str]()
    if divided:
        parts = _partition(root, path, lines, wrong)
        splits, drawn = divide([line.name for line in lines], parts)
    rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
    skipped = {split: Counter[str]() for split in SPLITS}
    for line, split in zip(lines, splits, strict=True):
        labels = [one.label(line.values) for one in chosen]
        known = tuple(label for label in labels if label is not None)
        if len(known) == len(chosen):
            rows[split].append(Row(line.number, pictures.file(line.name), known))
        else:
            skipped[split][chosen[labels.index(None)].reason(line.values)] += 1
    labels_of = {one.name: one.labels for one in chosen}
    unlisted = pictures.without({line.name for line in lines})
    return Listing(path, labels_of, rows, tuple(drawn), skipped, unlisted, wrong)


class _Line(NamedTuple):
    number: int  # from 1
    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class _Attribute:
    """How the columns of a list make one attribute."""

    name: str
    columns: tuple[int, ...]
    labels: tuple[str, ...]

    def label(self, values: Sequence[str]) -> int | None:
        """The label's position; None where several columns, or none and no label for it, hold."""
        positive = [k for k, column in enumerate(self.columns) if values[column] == "1"]
        if len(self.columns) == 1:
            return len(positive)
        if len(positive) == 1:
            return positive[0]
        has_rest = len(self.labels) > len(self.columns)
        return len(self.columns) if not positive and has_rest else None

    def reason(self, values: Sequence[str]) -> str:
        several = any(values[column] == "1" for column in self.columns)
        return f"{self.name}: {'several' if several else 'none'}"


def has_list(root: Path, stem: str) -> bool:
    """Whether one of the places for a list of CelebA holds it."""
    return any(path.is_file() for path in _places(root, stem))


def _places(root: Path, stem: str) -> list[Path]:
    return [root / folder / (stem + suffix) for suffix in (".txt", ".csv") for folder in LISTS]


def _find_list(root: Path, stem: str) -> Path:
    for path in _places(root, stem):
        if path.is_file():
            return path
    raise DataError(f"{root}: holds no {stem}.txt or .csv; copy CelebA's list there")


def _read_attributes(path: Path) -> tuple[tuple[str, ...], list[_Line], list[str]]:
    """The column names, the lines of the list that can be used, and what is wrong with others."""
    header, body = _split_header(path)
    if not header or len(set(header)) < len(header):
        raise DataError(f"{path}: expected different column names in the header, got {header}")
    lines, wrong, seen = [], [], dict[str, int]()
    for line in body:
        reason = _reason(line, header, seen)
        if reason:
            wrong.append(f"{path}:{line.number}: {line.name} {reason}")
        else:
            lines.append(line)
        seen.setdefault(line.name, line.number)
    return header, lines, few(path, wrong)


def _reason(line: _Line, header: tuple[str, ...], seen: Mapping[str, int]) -> str:
    """What is wrong with a line, if anything is."""
    if len(line.values) != len(header):
        return (
            f"has {len(line.values)} values, the header names {len(header)} columns; "
            "correct the line"
        )
    strange = sorted(set(line.values) - {"-1", "1"})
    if strange:
        return f"has {strange}, expected -1 or 1; correct the line"
    if line.name in seen:
        return f"is listed before, in line {seen[line.name]}; take one of the lines out"
    return ""


def _split_header(path: Path) -> tuple[tuple[str, ...], Iterator[_Line]]:
    text = read_text(path).splitlines()
    if path.suffix == ".csv":
        header = tuple(next(csv.reader(text[:1]), [""]))
        return header[1:], _cells(csv.reader(text[1:]), 2)
    if len(text) < 2 or not text[0].strip().isdecimal():
        raise DataError(
            f"{path}:1: expected the number of pictures, then a line of column names, got "
            f"{''.join(text[:1])[:40]!r}; take CelebA's own list"
        )
    count, found = int(text[0]), sum(bool(line.strip()) for line in text[2:])
    if count != found:
        raise DataError(
            f"{path}:1: says {count} pictures, {found} lines follow the header; "
            "the file may be cut short: fetch it again or correct the number"
        )
    return tuple(text[1].split()), _cells((line.split() for line in text[2:]), 3)


def _cells(rows: Iterator[list[str]], first: int) -> Iterator[_Line]:
    for number, cells in enumerate(rows, first):
        if cells:
            yield _Line(number, cells[0], tuple(cell.strip() for cell in cells[1:]))


def _read_partition(root: Path) -> dict[str, str]:
    """Picture name -> split."""
    path = _find_list(root, "list_eval_partition")
    text = read_text(path).splitlines()
    if path.suffix == ".csv":
        body = _cells(csv.reader(text[1:]), 2)
    else:
        body = _cells((line.split() for line in text), 1)
    parts: dict[str, str] = {}
    for number, name, values in body:
        if values not in (("0",), ("1",), ("2",)):
            raise DataError(
                f"{path}:{number}: expected a picture and 0 (train), 1 (val) or 2 (test), "
                f"got {' '.join((name, *values))[:60]!r}"
            )
        if name in parts:
            raise DataError(f"{path}:{number}: {name} is listed before; take one of the lines out")
        parts[name] = SPLITS[int(values[0])]
    return parts


def _partition(root: Path, path: Path, lines: list[_Line], wrong: list[str]) -> list[str] | None:
    """The split of every line as the partition says it, None where there is no partition."""
    if not has_list(root, "list_eval_partition"):
        return None
    parts = _read_partition(root)
    unknown = [line for line in lines if line.name not in parts]
    if unknown:
        first = unknown[0]
        wrong.append(
            f"{path}:{first.number}: {first.name} is not in list_eval_partition; "
            f"{len(unknown)} of {len(lines)} are not: {some([line.name for line in unknown])}; "
            "add them there, or take the partition away"
        )
    return [parts.get(line.name, "train") for line in lines]


def _choose(
    columns: tuple[str, ...],
    wanted: Mapping[str, str | Sequence[str]] | None,
    rest: str,
    listing: Path,
) -> list[_Attribute]:
    if wanted is None:
        wanted = _default(columns)
    refuse([reason for name in wanted for reason in misnamed(f"{listing}: attributes", name)])
    chosen = []
    for name, group in wanted.items():
        group = (group,) if isinstance(group, str) else tuple(group)
        for column in group:
            if column not in columns:
                raise DataError(
                    f"{listing}: has no column {column!r}, which attribute {name!r} asks for; "
                    f"its columns: {', '.join(columns)}"
                )
        labels = _labels(name, group, rest)
        chosen.append(_Attribute(name, tuple(columns.index(column) for column in group), labels))
    return chosen


def _default(columns: tuple[str, ...]) -> dict[str, str | Sequence[str]]:
    colours = tuple(column for column in HAIR if column in columns)
    wanted: dict[str, str | Sequence[str]] = {"hair": colours} if len(colours) > 1 else {}
    for column in columns:
        if "hair" not in wanted or column not in colours:
            wanted[RENAMED.get(column, column.lower())] = column
    return wanted


def _labels(name: str, group: tuple[str, ...], rest: str) -> tuple[str, ...]:
    """("no", "yes") for one column; for several the words that they do not end in together."""
    if len(group) == 1:
        return ("no", "yes")
    words = [column.split("_") for column in group]
    shortest = min((len(each) for each in words), default=0)
    shared = 0
    while shared < shortest - 1 and len({each[-1 - shared] for each in words}) == 1:
        shared += 1
    labels = ["_".join(each[: len(each) - shared]).lower() for each in words]
    if rest != "skip":
        labels.append(rest)
    if len(labels) < 2 or len(set(labels)) < len(labels):
        raise ValueError(
            f"attribute {name!r}: columns {list(group)} with rest={rest!r} make the labels "
            f"{labels}; give different columns, and a rest that none is called"
        )
    return tuple(labels)


class _Pictures:
    """The folder of pictures, listed once: the set has 202,599."""

    def __init__(self, root: Path) -> None:
        for folder in PICTURES:
            if (root / folder).is_dir():
                self.folder = root / folder
                self.names = {path.name for path in self.folder.iterdir()}
                return
        raise DataError(
            f"{root}: holds no folder of pictures; unpack them to one of {', '.join(PICTURES)}"
        )

    def file(self, name: str) -> Path:
        """The picture listed as `name`: lists say .jpg of the .png pictures too."""
        if name in self.names:
            return self.folder / name
        stem = Path(name).stem
        others = (stem + suffix for suffix in SUFFIXES)
        return self.folder / next((other for other in others if other in self.names), name)

    def without(self, names: set[str]) -> list[str]:
        """Pictures in the folder that no name is listed for; hidden files are none."""
        used = {self.file(name).name for name in names}
        found = (name for name in self.names - used if Path(name).suffix.lower() in SUFFIXES)
        return sorted(name for name in found if not name.startswith("."))
