"""Opening a folder of labelled pictures, whichever layout it has."""

from __future__ import annotations

from pathlib import Path

from modgan.data.celeba import CelebA, has_list, list_celeba
from modgan.data.folder import ImageFolder, list_folder
from modgan.data.images import DataError
from modgan.data.shards import INDEX
from modgan.data.table import LabelledFiles, Listing, some

TABLE = "attributes.csv"


def open_folder(root: str | Path, size: int = 64, split: str = "train") -> LabelledFiles:
    """The pictures of `root` with their labels: `attributes.csv` there, or CelebA's lists.

    `split` is train, val or test, as the folder says it; where it does not, a tenth each is taken
    out of train by the names of the files (`modgan.data.table.divide`).
    """
    root = Path(root)
    if _has_table(root):
        return ImageFolder(root, TABLE, size, split)
    return CelebA(root, size, split)


def list_pictures(root: str | Path) -> Listing:
    """What the lists of `root` say of all splits, and all that is wrong with them."""
    root = Path(root)
    return list_folder(root, TABLE) if _has_table(root) else list_celeba(root)


def is_packed(root: str | Path) -> bool:
    """Whether `root` is a set in shards, which `modgan pack` writes, and no folder of pictures."""
    root = Path(root)
    listed = (root / TABLE).is_file() or has_list(root, "list_attr_celeba")
    return not listed and (root / INDEX).is_file()


def _has_table(root: Path) -> bool:
    """Whether it is a table rather than CelebA's lists; an error if it is neither."""
    if (root / TABLE).is_file():
        return True
    if has_list(root, "list_attr_celeba"):
        return False
    if not root.is_dir():
        what = "is a file" if root.is_file() else "is not there"
        raise DataError(f"{root}: {what}; give the folder of the pictures and their table")
    found = sorted(path.name for path in root.iterdir() if path.name != TABLE)
    near = [name for name in found if name.lower().endswith((".csv", ".tsv", ".txt", ".xlsx"))]
    hint = f"; there is {some(near)}: save it as {TABLE}" if near else ""
    empty = "" if found else "is empty: "
    raise DataError(
        f"{root}: {empty}holds neither {TABLE} (columns file, attribute, attribute, …) nor "
        f"CelebA's list_attr_celeba.txt; write one of them beside the pictures{hint}"
    )
