"""A folder of labelled pictures is opened by the layout it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from modgan.data.celeba import CelebA
from modgan.data.folder import ImageFolder
from modgan.data.images import DataError
from modgan.data.open import open_folder


def pictures(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (9, 9), "red").save(folder / name)


def test_a_table_makes_a_folder(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png")
    (tmp_path / "attributes.csv").write_text("file,smile\na.png,no\nb.png,yes\n")
    data = open_folder(tmp_path, size=8)
    assert isinstance(data, ImageFolder) and len(data) == 2
    assert data.attributes == {"smile": ("no", "yes")}


def test_a_split_table_gives_its_part(tmp_path: Path) -> None:
    pictures(tmp_path, "a.png", "b.png", "c.png")
    table = "file,smile,split\na.png,no,train\nb.png,yes,train\nc.png,yes,test\n"
    (tmp_path / "attributes.csv").write_text(table)
    assert len(open_folder(tmp_path, size=8)) == 2


@pytest.mark.parametrize(("partition", "count"), [(False, 3), (True, 2)])
def test_lists_make_celeba(tmp_path: Path, partition: bool, count: int) -> None:
    pictures(tmp_path / "img_align_celeba", "1.png", "2.png", "3.png")
    rows = "1.jpg  1\n2.jpg -1\n3.jpg  1\n"
    (tmp_path / "list_attr_celeba.txt").write_text(f"3\nSmiling\n{rows}")
    if partition:
        (tmp_path / "list_eval_partition.txt").write_text("1.jpg 0\n2.jpg 0\n3.jpg 2\n")
    data = open_folder(tmp_path, size=8)
    assert isinstance(data, CelebA) and len(data) == count


def test_neither_is_an_error_that_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds neither attributes\.csv .* nor CelebA's"):
        open_folder(tmp_path)
