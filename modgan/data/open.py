"""Opening a folder of labelled pictures, whichever layout it has."""

from __future__ import annotations

from pathlib import Path

from modgan.data.celeba import CelebA, has_list
from modgan.data.folder import ImageFolder, has_split
from modgan.data.images import DataError
from modgan.data.table import LabelledFiles

TABLE = "attributes.csv"


def open_folder(root: str | Path, size: int = 64, split: str = "train") -> LabelledFiles:
    """The pictures of `root` with their labels: `attributes.csv` there, or CelebA's lists.

    Of a folder that is split, the part `split`; of one that is not, everything.
    """
    root = Path(root)
    if (root / TABLE).is_file():
        return ImageFolder(root, TABLE, size, split if has_split(root / TABLE) else None)
    if has_list(root, "list_attr_celeba"):
        partition = has_list(root, "list_eval_partition")
        return CelebA(root, size, split if partition else "all")
    raise DataError(
        f"{root}: holds neither {TABLE} (columns file, attribute, attribute, …) nor CelebA's "
        "list_attr_celeba.txt; write one of them beside the pictures"
    )
