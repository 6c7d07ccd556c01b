"""Small sets in shards, and ways to damage them."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from modgan.data.table import LabelledFiles, Row

ATTRIBUTES = {"hair": ("black", "blond", "brown"), "smile": ("no", "yes")}
COUNTS = {"train": 23, "val": 4, "test": 5}


def write_pictures(folder: Path, split: str, count: int, suffix: str = ".png") -> LabelledFiles:
    """Noise of 12x10 pixels under every combination of labels."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(count)
    rows = []
    for index in range(count):
        file = folder / f"{split}{index}{suffix}"
        Image.fromarray(rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)).save(file)
        rows.append(Row(index + 2, file, (index % 3, index % 2)))
    table = folder / "attributes.csv"
    return LabelledFiles(table, rows, ATTRIBUTES, 8, complete=split == "train")


def edit_index(root: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = root / "index.json"
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> None:
    path.unlink(missing_ok=True)
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, BytesIO(data))


def files_of(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore
