"""CelebA's layout in small: what is read, what is skipped, and what each error says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest
import torch
from PIL import Image

from modgan.data.celeba import CelebA, list_celeba
from modgan.data.images import DataError
from modgan.data.table import Row

COLUMNS = ("5_o_Clock_Shadow", "Black_Hair", "Blond_Hair", "Smiling", "Straight_Hair")
VALUES = (  # shadow, black, blond, smiling, straight; then the part of the partition
    ("+ + - + +", 0),
    ("- - + - -", 0),
    ("- + - - -", 0),
    ("+ - - + +", 0),  # no colour
    ("+ + + + -", 0),  # two colours
    ("- - + + +", 1),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Six 10x14 pictures as .png, listed as .jpg, as the authors do it: two blanks before a 1."""
    folder = tmp_path / "img_align_celeba_png"
    folder.mkdir()
    lines = [str(len(VALUES)), " ".join(COLUMNS) + " "]
    parts = []
    for number, (signs, part) in enumerate(VALUES, 1):
        name = f"{number:06d}"
        values = "".join("  1" if sign == "+" else " -1" for sign in signs.split())
        lines.append(f"{name}.jpg{values}")
        parts.append(f"{name}.jpg {part}")
        Image.new("RGB", (10, 14), (number, 0, 0)).save(folder / f"{name}.png")
    (tmp_path / "list_attr_celeba.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    return tmp_path


def edit(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    path.write_text(change(before))
    assert path.read_text() != before


def test_defaults(root: Path) -> None:
    data = CelebA(root, size=8)
    assert data.attributes == {
        "hair": ("black", "blond"),
        "five_o_clock_shadow": ("no", "yes"),
        "smiling": ("no", "yes"),
        "straight_hair": ("no", "yes"),
    }
    assert data.skipped == {"hair: none": 1, "hair: several": 1}
    assert len(data) == 3
    picture, labels = data[1]
    assert (picture.shape, picture.dtype) == ((3, 8, 8), torch.uint8)
    assert picture[0].unique().tolist() == [2]
    assert (labels.tolist(), labels.dtype) == ([1, 0, 0, 0], torch.int64)
    assert data[0][1].tolist() == [0, 1, 1, 1]
    data.verify()


def test_chosen_attributes_keep_their_order(root: Path) -> None:
    wanted = {"smile": "Smiling", "hair": ["Blond_Hair", "Black_Hair"]}
    data = CelebA(root, attributes=wanted, split="all")
    assert data.attributes == {"smile": ("no", "yes"), "hair": ("blond", "black")}
    assert [data[k][1].tolist() for k in range(len(data))] == [[1, 1], [0, 0], [0, 1], [1, 0]]


def test_rest_labels_those_with_none(root: Path) -> None:
    data = CelebA(root, attributes={"hair": ("Black_Hair", "Blond_Hair")}, rest="none")
    assert data.attributes == {"hair": ("black", "blond", "none")}
    assert [data[k][1].item() for k in range(len(data))] == [0, 1, 0, 2]
    assert data.skipped == {"hair: several": 1}


def test_labels_keep_what_columns_do_not_share(root: Path) -> None:
    data = CelebA(root, attributes={"look": ("Black_Hair", "Smiling")}, rest="other")
    assert data.attributes == {"look": ("black_hair", "smiling", "other")}


def test_crop_is_of_the_file(root: Path) -> None:
    image = Image.new("RGB", (10, 14), "white")
    image.paste("black", (3, 5, 7, 9))
    image.save(root / "img_align_celeba_png" / "000001.png")
    assert CelebA(root, size=4, crop=4)[0][0].max() == 0
    assert CelebA(root, size=4)[0][0].max() == 255
    with pytest.raises(DataError, match=r"000001\.png: is 10x14, less than the crop of 178"):
        CelebA(root, crop=178)[0]


def test_a_split_and_all(root: Path) -> None:
    data = CelebA(root, split="val", attributes={})
    assert [row.file.name for row in data.rows] == ["000006.png"]
    (root / "list_eval_partition.txt").unlink()
    assert len(CelebA(root, split="all")) == 4
    with pytest.raises(ValueError, match="split 'valid': expected train, val, test or all"):
        CelebA(root, split="valid")


def test_without_a_partition_names_decide(root: Path) -> None:
    (root / "list_eval_partition.txt").unlink()
    tenths = {row.file.stem: crc32(f"{row.file.stem}.jpg".encode()) % 10 for row in every(root)}
    for split, digits in (("train", range(8)), ("val", [8]), ("test", [9])):
        expected = [name for name, tenth in tenths.items() if tenth in digits]
        assert [row.file.stem for row in list_celeba(root, {}).rows[split]] == expected


def every(root: Path) -> list[Row]:
    return CelebA(root, split="all", attributes={}).rows


def test_layout_of_the_authors(root: Path) -> None:
    for folder in ("Anno", "Eval", "Img"):
        (root / folder).mkdir()
    (root / "list_attr_celeba.txt").rename(root / "Anno" / "list_attr_celeba.txt")
    (root / "list_eval_partition.txt").rename(root / "Eval" / "list_eval_partition.txt")
    (root / "img_align_celeba_png").rename(root / "Img" / "img_align_celeba_png")
    assert len(CelebA(root)) == 3


def test_layout_of_kaggle(root: Path) -> None:
    expected = [(row.line - 1, row.labels) for row in CelebA(root).rows]
    attributes, partition = root / "list_attr_celeba.txt", root / "list_eval_partition.txt"
    rows = [",".join(line.split()) for line in attributes.read_text().splitlines()]
    rows[1] = "image_id," + rows[1]
    (root / "list_attr_celeba.csv").write_text("\ufeff" + "\n".join(rows[1:]), encoding="utf-8")
    parts = partition.read_text().replace(" ", ",")
    (root / "list_eval_partition.csv").write_text("image_id,partition\n" + parts)
    attributes.unlink()
    partition.unlink()
    nested = root / "img_align_celeba" / "img_align_celeba"
    nested.parent.mkdir()
    (root / "img_align_celeba_png").rename(nested)
    assert [(row.line, row.labels) for row in CelebA(root).rows] == expected


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("6\n", "7\n", r"celeba\.txt:1: says 7 pictures, 6 lines follow the header"),
        ("6\n", "", r"celeba\.txt:1: expected the number of pictures"),
        ("000002.jpg -1", "000002.jpg", r"celeba\.txt:4: 000002\.jpg has 4 values, .* 5 columns"),
        ("000002.jpg -1", "000002.jpg  0", r"celeba\.txt:4: .* has \['0'\], expected -1 or 1"),
        ("000002.jpg", "000001.jpg", r"celeba\.txt:4: 000001\.jpg is listed before, in line 3"),
        ("000002.jpg", "000099.jpg", r"celeba\.txt:4: 000099\.jpg is not in list_eval_partition"),
        ("Smiling", "Black_Hair", r"expected different column names"),
        ("Smiling", "Big-Smile", r"'big-smile' cannot name an attribute, as T_big-smile"),
    ],
)
def test_bad_attribute_lists(root: Path, old: str, new: str, text: str) -> None:
    edit(root / "list_attr_celeba.txt", lambda before: before.replace(old, new, 1))
    with pytest.raises(DataError, match=text):
        CelebA(root)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("000003.jpg 0", "000003.jpg 3", r"partition\.txt:3: .* got '000003\.jpg 3'"),
        ("000003.jpg 0", "000003.jpg", r"partition\.txt:3: expected a picture and 0"),
        ("000003.jpg 0", "000002.jpg 0", r"partition\.txt:3: 000002\.jpg is listed before"),
    ],
)
def test_bad_partitions(root: Path, old: str, new: str, text: str) -> None:
    edit(root / "list_eval_partition.txt", lambda before: before.replace(old, new))
    with pytest.raises(DataError, match=text):
        CelebA(root)


def test_missing_pictures_are_named_together(root: Path) -> None:
    for name in ("000002.png", "000003.png"):
        (root / "img_align_celeba_png" / name).unlink()
    text = r"celeba\.txt:4: no such .*2 of 3 are missing: 000002\.jpg, 000003\.jpg; add"
    with pytest.raises(DataError, match=text):
        CelebA(root)


def test_missing_parts_of_the_layout(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere: holds no list_attr_celeba\.txt or \.csv"):
        CelebA(tmp_path / "nowhere")
    (root / "img_align_celeba_png").rename(root / "pictures")
    with pytest.raises(DataError, match="holds no folder of pictures; unpack them to one of img_"):
        CelebA(root)


def test_attributes_that_cannot_be(root: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'Male', which attribute 'sex' .*Black_Hair"):
        CelebA(root, attributes={"sex": "Male"})
    with pytest.raises(DataError, match="'my hat' cannot name an attribute"):
        CelebA(root, attributes={"my hat": "Smiling"})
    with pytest.raises(ValueError, match=r"make the labels \['black', 'black'\]"):
        CelebA(root, attributes={"hair": ("Black_Hair", "Black_Hair")})
    with pytest.raises(ValueError, match=r"'blond', 'black'\]; give different columns, and a rest"):
        CelebA(root, attributes={"hair": ("Black_Hair", "Blond_Hair")}, rest="black")
    with pytest.raises(ValueError, match=r"columns \[\] .* make the labels \[\]"):
        CelebA(root, attributes={"hair": ()})


def test_nothing_left(root: Path) -> None:
    with pytest.raises(
        DataError, match=r"split 'test' \(of the 4 pictures none falls to it by its name\)"
    ):
        CelebA(root, split="test")
    edit(
        root / "list_eval_partition.txt",
        lambda before: before.replace("1.jpg 0", "1.jpg 2").replace("3.jpg 0", "3.jpg 2"),
    )
    with pytest.raises(DataError, match=r"'hair' has no picture with label 'black' among the 1 to"):
        CelebA(root, attributes={"hair": ("Black_Hair", "Blond_Hair")}, split="train")


def test_verify_lists_the_unreadable(root: Path) -> None:
    for name in ("000001.png", "000003.png"):
        path = root / "img_align_celeba_png" / name
        path.write_bytes(path.read_bytes()[:40])
    data = CelebA(root)
    with pytest.raises(DataError, match="2 of 3 pictures cannot be used") as caught:
        data.verify()
    assert "celeba.txt:3: " in str(caught.value)
    assert "000003.png: cannot be read" in str(caught.value)
