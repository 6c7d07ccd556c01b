"""A folder of pictures is checked before it is trained on, and what is found is told on a page.

Axes: N pictures, A attributes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

from torch import Tensor

from modgan.data.images import AttributeImages, Cached, DataError
from modgan.data.notes import labels_of, notes, table
from modgan.data.open import is_packed, list_pictures
from modgan.data.order import shuffled
from modgan.data.shards import Shards
from modgan.data.table import SPLITS, LabelledFiles, Listing, Row, absent, missing, refuse

HELD = 1000  # pictures of val, and of test, that are decoded and kept at most


@dataclass(frozen=True)
class Checked:
    """The pictures of a folder; `str` is a page (markdown) of what was found.

    They are decoded, but for the train pictures of a packed set, which may not fit. Of val and test
    at most 1000 are here, in an order that has nothing to do with the table's: the first few are a
    fair sample.
    """

    train: AttributeImages
    val: Cached
    test: Cached
    page: str

    @property
    def attributes(self) -> dict[str, tuple[str, ...]]:
        """Attribute name -> its labels, the same in every split."""
        return self.train.attributes

    def __str__(self) -> str:
        return self.page


def check(root: str | Path, size: int, workers: int = 0, progress: bool = False) -> Checked:
    """Open a folder and decode its pictures once; one error lists all that is wrong.

    Of a set in shards only the held-out pictures are decoded: all were when it was packed.
    """
    if is_packed(root):
        return _packed(Path(root), size, progress)
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
    labels = {split: labels_of(rows, listing.attributes) for split, rows in listing.rows.items()}
    lines = [*title, *table(listing.attributes, labels), "", *notes(listing, held, rows, size)]
    page = "\n".join(lines).strip() + "\n"
    return Checked(held["train"], held["val"], held["test"], page)


def _packed(root: Path, size: int, progress: bool) -> Checked:
    """A set in shards: train as it is, some of val and test decoded."""
    shards = {split: Shards(root, size, split) for split in SPLITS}
    held = {split: _sample(shards[split], progress) for split in SPLITS[1:]}
    labels = {split: data.labels.numpy() for split, data in held.items()}
    train = shards["train"]
    kept = (f"{len(data):,} of {len(shards[split]):,} of {split}" for split, data in held.items())
    lines = [
        f"# The pictures of {root}",
        "",
        f"{len(train):,} pictures of train in {len(train.shards):,} shards, read as they are "
        f"needed; held in memory are {' and '.join(kept)}.",
        "",
        *table(train.attributes, labels),
    ]
    page = "\n".join(lines) + "\n"
    return Checked(train, held["val"], held["test"], page)


class _Some:
    """Some of the pictures of `data`."""

    def __init__(self, data: AttributeImages, indices: list[int]) -> None:
        self.attributes = data.attributes
        self.data, self.indices = data, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.data[self.indices[index]]


def _sample(data: Shards, progress: bool) -> Cached:
    """At most so many pictures that they can be held, in an order that mixes the shards."""
    chosen = shuffled(len(data), 0, 0)[:HELD]
    # read in their own order, as a shard is loaded as a whole
    held = Cached(_Some(data, chosen.sort().values.tolist()), progress=progress)
    places = chosen.argsort().argsort()
    held.images, held.labels = held.images[places], held.labels[places]
    return held


def _problems(listing: Listing) -> list[str]:
    """What is wrong before a picture is decoded."""
    rows = sorted(row for rows in listing.rows.values() for row in rows)
    wrong = [*listing.wrong, *missing(listing.table, rows)]
    if not listing.wrong:  # a split may be empty for want of the lines that are wrong
        # without pictures to train on there are none to take val and test from
        needed = SPLITS if listing.rows["train"] else SPLITS[:1]
        wrong += [text for split in needed for text in listing.empty(split)]
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
