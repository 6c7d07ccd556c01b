"""A folder of pictures and one table that labels them."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from modgan.data.images import DataError
from modgan.data.table import (
    SPELLINGS,
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

FILE, SPLIT = "file", "split"  # the columns that are no attributes, in upper or lower case
SEPARATORS = (",", ";", "\t")  # what spreadsheets write; the header shows which
NO_YES = ({"no", "yes"}, {"0", "1"}, {"-1", "1"}, {"false", "true"})
YES = {"yes", "1", "true"}


class ImageFolder(LabelledFiles):
    """Pictures under `root` and a `table` there, with a header, separated by commas, ; or tabs.

    Its first column, `file`, holds paths relative to `root`; every other column is an attribute
    whose labels are the values found, sorted; no/yes, 0/1, -1/1 and false/true become
    ("no", "yes"). `split` takes train, val or test; None takes all. A column `split` says which
    is which (also valid, validation, in any case); the parts that none is named for are taken out
    of train by the name of the file (`modgan.data.table.divide`). The labels are those of the
    whole table, so every split numbers them alike. Blanks around a cell, empty lines and empty
    columns do not count.
    """

    def __init__(
        self,
        root: str | Path,
        table: str = "attributes.csv",
        size: int = 64,
        split: str | None = None,
    ) -> None:
        if split not in (*SPLITS, None):
            raise ValueError(f"split {split!r}: expected {', '.join(SPLITS)}, or None for all")
        listing = list_folder(Path(root), table)
        rows, complete = listing.take(split), split in (None, "train")
        super().__init__(listing.table, rows, listing.attributes, size, complete=complete)


def list_folder(root: Path, table: str = "attributes.csv") -> Listing:
    """What the table lists, and all that is wrong with it."""
    path = root / table
    header, lines = _read(path)
    lines, wrong = _good(path, header, lines)
    splits, drawn = _splits(path, header, lines, wrong)
    attributes = {
        name: _labels(path, name, [line.cells[k] for line in lines], wrong)
        for k, name in enumerate(header)
        if name not in (FILE, SPLIT)
    }
    rows: dict[str, list[Row]] = {split: [] for split in SPLITS}
    for line, split in zip(lines, splits, strict=True):
        row = Row(line.number, root / line.cells[0], _indices(header, line, attributes))
        rows[split].append(row)
    listed = {_plain(root / line.cells[0]) for line in lines}
    return Listing(path, attributes, rows, tuple(drawn), {}, _unlisted(root, listed), wrong)


class _Line(NamedTuple):
    number: int  # from 1
    cells: list[str]


def _read(path: Path) -> tuple[list[str], list[_Line]]:
    """The header and the lines of the table; only the header is checked."""
    text = read_text(path).splitlines()
    # a picture's name may hold any of them, so the header decides, not the lines
    separator = next((each for each in SEPARATORS if text and each in text[0]), ",")
    reader = csv.reader(text, strict=True, delimiter=separator)
    lines = []
    try:
        for cells in reader:
            cells = [cell.strip() for cell in cells]
            if any(cells):
                lines.append(_Line(reader.line_num, cells))
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: is no line of a table ({error})") from error
    if len(lines) < 2:
        raise DataError(
            f"{path}: expected a header and a line for each picture, got {len(lines)} lines; "
            "fill the table in, and save it as CSV"
        )
    lines = _without_empty_columns(lines)
    header = [_known(name) for name in lines[0].cells]
    _check_header(path, header)
    return header, lines[1:]


def _without_empty_columns(lines: list[_Line]) -> list[_Line]:
    """Spreadsheets write columns at the right that hold nothing."""
    width = max(k + 1 for line in lines for k, cell in enumerate(line.cells) if cell)
    return [_Line(line.number, line.cells[:width]) for line in lines]


def _known(name: str) -> str:
    return name.lower() if name.lower() in (FILE, SPLIT) else name


def _check_header(path: Path, header: list[str]) -> None:
    if header[0] != FILE:
        raise DataError(
            f"{path}:1: the first column must be {FILE!r}, got {header[0]!r}; "
            "put the paths of the pictures there, and rename it"
        )
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(f"{path}:1: columns {repeated} appear twice; rename one of each")
    if not set(header) - {FILE, SPLIT}:
        raise DataError(f"{path}:1: has no column of an attribute; add one")
    refuse([reason for name in header for reason in misnamed(f"{path}:1", name)])


def _plain(path: Path) -> str:
    """The one spelling of a path: tables may write ./ and whole paths."""
    return os.path.normpath(path.absolute())


def _good(path: Path, header: list[str], lines: list[_Line]) -> tuple[list[_Line], list[str]]:
    """The lines that can be used, and what is wrong with the others."""
    good, wrong, first = [], [], dict[str, int]()
    empty = defaultdict[str, list[int]](list)
    for line in lines:
        number, cells = line
        place = _plain(path.parent / cells[0])
        holes = [name for name, cell in zip(header, cells, strict=False) if not cell]
        if len(cells) != len(header):
            wrong.append(
                f"{path}:{number}: {len(cells)} cells, the header has {len(header)} "
                f"({', '.join(header)}); correct the line"
            )
        elif holes:
            for name in holes:
                empty[name].append(number)
        elif place in first:
            wrong.append(
                f"{path}:{number}: {cells[0]} is listed before, in line {first[place]}; "
                "take one of the lines out"
            )
        else:
            good.append(line)
        first.setdefault(place, number)
    return good, few(path, wrong) + [_holes(path, *each) for each in empty.items()]


def _holes(path: Path, name: str, numbers: Sequence[int]) -> str:
    also = f", in {len(numbers)} lines: {some(numbers)}" if len(numbers) > 1 else ""
    return (
        f"{path}:{numbers[0]}: the cell of {name!r} is empty{also}; "
        "fill it in, or take the line out"
    )


def _splits(
    path: Path, header: list[str], lines: list[_Line], wrong: list[str]
) -> tuple[list[str], list[str]]:
    names = [line.cells[0] for line in lines]
    if SPLIT not in header:
        return divide(names)
    column = header.index(SPLIT)
    said = [SPELLINGS.get(line.cells[column].lower(), "") for line in lines]
    unknown = [line for line, split in zip(lines, said, strict=True) if not split]
    if unknown:
        wrong.append(
            f"{path}:{unknown[0].number}: split {unknown[0].cells[column]!r}, in {len(unknown)} "
            f"lines: {some([line.number for line in unknown])}; expected train, val or test"
        )
    return divide(names, [split or "train" for split in said])


def _labels(path: Path, name: str, values: list[str], wrong: list[str]) -> tuple[str, ...]:
    found = sorted(set(values))
    if _is_no_yes(found):
        return ("no", "yes")
    if len(found) == 1:
        wrong.append(
            f"{path}: attribute {name!r} has only the label {found[0]!r}, in every line from 2; "
            "an attribute needs two: add pictures or take the column out"
        )
    folded = [value.casefold() for value in found]
    alike = [value for value in found if folded.count(value.casefold()) > 1]
    if alike:
        wrong.append(f"{path}: attribute {name!r} has the labels {some(alike)}; write each one way")
    return tuple(found)


def _is_no_yes(values: list[str]) -> bool:
    return {value.lower() for value in values} in NO_YES


def _indices(
    header: list[str], line: _Line, attributes: dict[str, tuple[str, ...]]
) -> tuple[int, ...]:
    cells = dict(zip(header, line.cells, strict=True))
    return tuple(_index(labels, cells[name]) for name, labels in attributes.items())


def _index(labels: tuple[str, ...], value: str) -> int:
    if labels == ("no", "yes"):
        return int(value.lower() in YES)
    return labels.index(value)


def _unlisted(root: Path, listed: set[str]) -> list[str]:
    """Pictures under `root` that the table does not name; hidden files are none."""
    files = (path for path in root.rglob("*") if path.suffix.lower() in SUFFIXES)
    names = (path.relative_to(root) for path in files if _plain(path) not in listed)
    return sorted(str(name) for name in names if not any(p.startswith(".") for p in name.parts))
