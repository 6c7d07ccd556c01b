"""Pictures in files, listed with their labels in a table: the core of the folder readers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize
from zlib import crc32

import torch
from torch import Tensor
from tqdm import tqdm

from modgan.component import TAKEN
from modgan.data.images import DataError, centre, fit, open_image, to_tensor, unusable

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*\Z")
PORTS = {"feature", "image"}  # what every T's neighbours read and write
NAMED = 10  # files, lines or labels that one message names at most
SPLITS = ("train", "val", "test")
SPELLINGS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
TENTHS = {8: "val", 9: "test"}  # of the names; the other eight are for training
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")


class Row(NamedTuple):
    """One picture of a table."""

    line: int  # in the table, from 1
    file: Path
    labels: tuple[int, ...]  # a label index per attribute


@dataclass
class Listing:
    """What a table lists: the pictures of every split, their labels, and all that is wrong."""

    table: Path
    attributes: dict[str, tuple[str, ...]]
    rows: dict[str, list[Row]]  # by split
    drawn: tuple[str, ...] = ()  # the splits that the folder does not name
    skipped: dict[str, Counter[str]] = field(default_factory=dict)  # by split: reason -> pictures
    unlisted: list[str] = field(default_factory=list)  # pictures there without a line
    wrong: list[str] = field(default_factory=list)  # each says where and what to do

    def take(self, split: str | None) -> list[Row]:
        """The pictures of a split, or of None all, in the order of the table."""
        refuse(self.wrong)
        if split is not None:
            refuse(self.empty(split))
            return self.rows[split]
        return sorted(row for rows in self.rows.values() for row in rows)

    def empty(self, split: str) -> list[str]:
        """What is wrong if a split has no picture."""
        if self.rows[split]:
            return []
        skipped = sum(self.skipped.get(split, Counter()).values())
        listed = sum(len(rows) for rows in self.rows.values())
        why = f"of the {listed} pictures none falls to it by its name" * (split in self.drawn)
        reasons = ", ".join(self.skipped.get(split, ()))
        why = why or f"{skipped} are left out, {reasons}" * bool(skipped) or "no line names it"
        return [
            f"{self.table}: no picture is of split {split!r} ({why}); "
            "add pictures, or say train, val or test for each"
        ]


def divide(names: Sequence[str], named: Sequence[str] | None = None) -> tuple[list[str], list[str]]:
    """The split of every picture, and which splits had to be drawn.

    `named` says it, or None: all are for training. If no picture is named for val, it gets those
    of train where the crc32 of the name, as the table writes it, modulo 10 is 8; if none is named
    for test, it gets those where that is 9. So a picture stays where it is when others come or go.
    """
    named = named if named is not None else ["train"] * len(names)
    drawn = [split for split in SPLITS[1:] if split not in named]
    splits = []
    for name, split in zip(names, named, strict=True):
        tenth = TENTHS.get(crc32(name.encode()) % 10, "train")
        splits.append(tenth if split == "train" and tenth in drawn else split)
    return splits, drawn


def refuse(wrong: Sequence[str]) -> None:
    """One error for everything that is wrong, if anything is."""
    if len(wrong) > 1:
        raise DataError(f"{len(wrong)} things are wrong with the data:\n" + "\n".join(wrong))
    if wrong:
        raise DataError(wrong[0])


def some(names: Sequence[object]) -> str:
    """The first few of many names."""
    return ", ".join(map(str, names[:NAMED])) + (", …" if len(names) > NAMED else "")


def few(path: Path, wrong: list[str]) -> list[str]:
    """What is wrong with the first few lines, and how many more there are."""
    more = len(wrong) - NAMED
    return [*wrong[:NAMED], f"{path}: {more} more lines are wrong"] if more > 0 else wrong


class LabelledFiles:
    """The pictures of `rows`, each the central `crop` square (None: the largest) in `size` pixels.

    Checked at once: there are rows, every file exists and, if `complete`, every label has an
    example. Decoding waits until a picture is asked for; `verify` decodes all.
    """

    def __init__(
        self,
        table: Path,
        rows: Sequence[Row],
        attributes: dict[str, tuple[str, ...]],
        size: int,
        crop: int | None = None,
        complete: bool = True,
    ) -> None:
        if size < 1 or (crop is not None and crop < 1):
            raise ValueError(f"size and crop are pixels, at least 1; got {size} and {crop}")
        self.attributes = attributes
        self.table, self.rows, self.size, self.crop = table, rows, size, crop
        if not rows:
            raise DataError(f"{table}: no pictures are left to use")
        refuse([*missing(table, rows), *(absent(table, rows, attributes) if complete else ())])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """A picture, uint8 (3, size, size), and its labels, int64 (A,)."""
        row = self.rows[index]
        try:
            image = open_image(row.file)
        except DataError as error:
            raise DataError(f"{self.table.name}:{row.line}: {error}") from error
        if self.crop is not None:
            if min(image.size) < self.crop:
                raise DataError(
                    f"{self.table.name}:{row.line}: {row.file}: is {image.width}x{image.height}, "
                    f"less than the crop of {self.crop} pixels; give a smaller crop or none"
                )
            image = image.crop(centre(image, self.crop))
        return to_tensor(fit(image, self.size)), torch.tensor(row.labels, dtype=torch.int64)

    def verify(self, progress: bool = False) -> None:
        """Decode every picture; one error lists all that cannot be read, with their lines."""
        bad = []
        for index in tqdm(range(len(self)), "verifying", disable=not progress, unit="picture"):
            try:
                self[index]
            except DataError as error:
                bad.append(str(error))
        if bad:
            raise unusable(bad, len(self))


def missing(table: Path, rows: Sequence[Row]) -> list[str]:
    """What is wrong if listed files are not there."""
    gone = [row for row in rows if not row.file.is_file()]
    if not gone:
        return []
    first = gone[0]
    hint = "; write / between folders" if "\\" in first.file.name else _near(first.file)
    return [
        f"{table}:{first.line}: no such picture: {first.file}; {len(gone)} of {len(rows)} are "
        f"missing: {some([row.file.name for row in gone])}; add them or take their lines out{hint}"
    ]


def _near(file: Path) -> str:
    """A file whose name differs in case, ending or the form of its accents."""
    if not file.parent.is_dir():
        return ""
    stem = normalize("NFC", file.stem).casefold()
    found = sorted(p.name for p in file.parent.iterdir() if p.is_file())
    near = [name for name in found if normalize("NFC", Path(name).stem).casefold() == stem]
    return f"; there is {some(near)}" if near else ""


def absent(table: Path, rows: Sequence[Row], attributes: dict[str, tuple[str, ...]]) -> list[str]:
    """What is wrong if labels have no example among `rows`."""
    wrong = []
    for position, (name, labels) in enumerate(attributes.items()):
        seen = {row.labels[position] for row in rows}
        unseen = [repr(label) for k, label in enumerate(labels) if k not in seen]
        if unseen:
            wrong.append(
                f"{table}: attribute {name!r} has no picture with label {some(unseen)} among the "
                f"{len(rows)} to train on; add some, or leave the label or attribute out"
            )
    return wrong


def read_text(path: Path) -> str:
    """The text of a list or table."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the folder")
    try:
        return path.read_text(encoding="utf-8-sig")  # spreadsheets put a byte order mark first
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: is not UTF-8 text ({error}); save it as UTF-8, in a spreadsheet 'CSV UTF-8'"
        ) from error


def misnamed(where: str, name: str) -> list[str]:
    """What is wrong if `name` cannot name an attribute: ports and parts are named after it."""
    wrong = f"{where}: {name!r} cannot name an attribute, as "
    if not NAME.match(name):
        return [
            f"{wrong}T_{name} would name a part; use letters of a to z and digits joined by single "
            "underscores, a letter first"
        ]
    if name in TAKEN | PORTS:
        return [
            f"{wrong}the parts use that name for something else; choose another, like its_{name}"
        ]
    return []


def check_name(where: str, name: str) -> str:
    """`name`, if it can name an attribute."""
    refuse(misnamed(where, name))
    return name
