"""A folder of pictures and one table that labels them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

from modgan.data.images import DataError
from modgan.data.table import LabelledFiles, Row, check_name, read_text

FILE, SPLIT = "file", "split"  # the columns that are no attributes
NO_YES = ({"no", "yes"}, {"0", "1"}, {"-1", "1"}, {"false", "true"})
YES = {"yes", "1", "true"}


class ImageFolder(LabelledFiles):
    """Pictures under `root` and a comma-separated `table` there, with a header.

    Its first column, `file`, holds paths relative to `root`; every other column is an attribute
    whose labels are the values found, sorted; no/yes, 0/1, -1/1 and false/true become
    ("no", "yes"). With a column `split`, `split` takes the lines that say so; None takes all.
    The labels are those of the whole table, so every split numbers them alike. Blanks around a
    cell and empty lines do not count.
    """

    def __init__(
        self,
        root: str | Path,
        table: str = "attributes.csv",
        size: int = 64,
        split: str | None = None,
    ) -> None:
        root = Path(root)
        path = root / table
        header, lines = _read(path)
        attributes = {
            name: _labels(path, name, [line.cells[k] for line in lines])
            for k, name in enumerate(header)
            if name not in (FILE, SPLIT)
        }
        rows = [
            Row(line.number, root / line.cells[0], _indices(header, line, attributes))
            for line in _take(path, header, lines, split)
        ]
        super().__init__(path, rows, attributes, size)


def has_split(table: Path) -> bool:
    """Whether a table has a column that splits it."""
    header, _ = _read(table)
    return SPLIT in header


class _Line(NamedTuple):
    number: int  # from 1
    cells: list[str]


def _read(path: Path) -> tuple[list[str], list[_Line]]:
    """The header and the lines of the table, checked but for their labels."""
    reader = csv.reader(read_text(path).splitlines(), strict=True)
    lines = []
    try:
        for cells in reader:
            if any(cells):
                lines.append(_Line(reader.line_num, [cell.strip() for cell in cells]))
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: is no line of a table ({error})") from error
    if len(lines) < 2:
        raise DataError(f"{path}: expected a header and a line for each picture, got {len(lines)}")
    header = lines[0].cells
    _check_header(path, header)
    _check_lines(path, header, lines[1:])
    return header, lines[1:]


def _check_header(path: Path, header: list[str]) -> None:
    if header[0] != FILE:
        raise DataError(f"{path}:1: the first column must be {FILE!r}, got {header[0]!r}")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(f"{path}:1: columns {repeated} appear twice; rename one of each")
    if not set(header) - {FILE, SPLIT}:
        raise DataError(f"{path}:1: has no column of an attribute; add one")
    for name in header:
        check_name(f"{path}:1", name)


def _check_lines(path: Path, header: list[str], lines: list[_Line]) -> None:
    first: dict[str, int] = {}
    for number, cells in lines:
        if len(cells) != len(header):
            raise DataError(
                f"{path}:{number}: {len(cells)} cells, the header has {len(header)} "
                f"({', '.join(header)}); correct the line"
            )
        if "" in cells:
            column = header[cells.index("")]
            raise DataError(f"{path}:{number}: the cell of {column!r} is empty; fill it in")
        if cells[0] in first:
            raise DataError(
                f"{path}:{number}: {cells[0]} is listed before, in line {first[cells[0]]}; "
                "take one of the lines out"
            )
        first[cells[0]] = number


def _take(path: Path, header: list[str], lines: list[_Line], split: str | None) -> list[_Line]:
    if split is None:
        return lines
    if SPLIT not in header:
        raise DataError(f"{path}:1: has no column {SPLIT!r} to take {split!r} from; add it")
    column = header.index(SPLIT)
    taken = [line for line in lines if line.cells[column] == split]
    if not taken:
        known = sorted({line.cells[column] for line in lines})
        raise DataError(f"{path}: no line is of split {split!r}; there are {', '.join(known)}")
    return taken


def _labels(path: Path, name: str, values: list[str]) -> tuple[str, ...]:
    found = sorted(set(values))
    if len(found) == 1:
        raise DataError(
            f"{path}: attribute {name!r} has only the label {found[0]!r}, in every line from 2; "
            "an attribute needs two: add pictures or take the column out"
        )
    return ("no", "yes") if _is_no_yes(found) else tuple(found)


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
