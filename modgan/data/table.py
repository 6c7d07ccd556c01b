"""Pictures in files, listed with their labels in a table: the core of the folder readers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from modgan.data.images import DataError, centre, fit, open_image, to_tensor

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*\Z")
NAMED = 10  # files that one message names at most


class Row(NamedTuple):
    """One picture of a table."""

    line: int  # in the table, from 1
    file: Path
    labels: tuple[int, ...]  # a label index per attribute


class LabelledFiles:
    """The pictures of `rows`, each the central `crop` square (None: the largest) in `size` pixels.

    Checked at once: there are rows, every file exists, every label has an example. Decoding waits
    until a picture is asked for; `verify` decodes all.
    """

    def __init__(
        self,
        table: Path,
        rows: Sequence[Row],
        attributes: dict[str, tuple[str, ...]],
        size: int,
        crop: int | None = None,
    ) -> None:
        if size < 1 or (crop is not None and crop < 1):
            raise ValueError(f"size and crop are pixels, at least 1; got {size} and {crop}")
        self.attributes = attributes
        self.table, self.rows, self.size, self.crop = table, rows, size, crop
        self._check_files()
        self._check_labels()

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """A picture, uint8 (3, size, size), and its labels, int64 (A,)."""
        row = self.rows[index]
        image = open_image(row.file)
        if self.crop is not None:
            if min(image.size) < self.crop:
                raise DataError(
                    f"{row.file}: is {image.width}x{image.height}, less than the crop of "
                    f"{self.crop} pixels; give a smaller crop or none"
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
                bad.append(f"line {self.rows[index].line}: {error}")
        if bad:
            raise DataError(
                f"{self.table}: {len(bad)} of {len(self)} pictures cannot be used:\n  "
                + "\n  ".join(bad)
            )

    def _check_files(self) -> None:
        missing = [row for row in self.rows if not row.file.is_file()]
        if missing:
            names = ", ".join(row.file.name for row in missing[:NAMED])
            more = ", ..." if len(missing) > NAMED else ""
            raise DataError(
                f"{self.table}:{missing[0].line}: no such picture: {missing[0].file}; "
                f"{len(missing)} of {len(self.rows)} are missing: {names}{more}; "
                "add them or take their lines out"
            )

    def _check_labels(self) -> None:
        if not self.rows:
            raise DataError(f"{self.table}: no pictures are left to use")
        for position, (name, labels) in enumerate(self.attributes.items()):
            seen = {row.labels[position] for row in self.rows}
            absent = [label for k, label in enumerate(labels) if k not in seen]
            if absent:
                raise DataError(
                    f"{self.table}: attribute {name!r} has no picture with label "
                    f"{', '.join(map(repr, absent))} among the {len(self.rows)} used; "
                    "leave the attribute or label out, or use another split"
                )


def read_text(path: Path) -> str:
    """The text of a list or table."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the folder")
    try:
        return path.read_text(encoding="utf-8-sig")  # spreadsheets put a byte order mark first
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error}); save it as UTF-8") from error


def check_name(where: str, name: str) -> str:
    """`name`, if it can name an attribute: parts are named after it (T_<attribute>)."""
    if not NAME.match(name):
        raise DataError(
            f"{where}: {name!r} cannot name an attribute, as T_{name} would name a part; "
            "use letters and digits joined by single underscores, a letter first"
        )
    return name
