"""A folder and its table: what is read, and what each error says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from modgan.data.folder import ImageFolder
from modgan.data.images import DataError

TABLE = """\
file,colour,hat,split
a.png,red,yes,train
sub/b.jpg,blue,no,train
c.webp,green,no,test
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name, colour in (("a.png", "red"), ("sub/b.jpg", "blue"), ("c.webp", "green")):
        Image.new("RGB", (20, 12), colour).save(tmp_path / name)
    (tmp_path / "attributes.csv").write_text(TABLE)
    return tmp_path


def test_reads_pictures_and_labels(root: Path) -> None:
    data = ImageFolder(root, size=8)
    assert data.attributes == {"colour": ("blue", "green", "red"), "hat": ("no", "yes")}
    assert len(data) == 3
    picture, labels = data[0]
    assert (picture.shape, picture.dtype) == ((3, 8, 8), torch.uint8)
    assert picture[:, 4, 4].tolist() == [255, 0, 0]
    assert (labels.tolist(), labels.dtype) == ([2, 1], torch.int64)
    assert [len(labels) for _, labels in data] == [2, 2, 2]
    data.verify()


def test_another_table_with_blanks(root: Path) -> None:
    (root / "mine.csv").write_bytes(b"\xef\xbb\xbffile, hat\r\na.png, yes \r\n\r\nc.webp,no\r\n")
    data = ImageFolder(str(root), table="mine.csv")
    assert [(row.line, row.labels) for row in data.rows] == [(2, (1,)), (4, (0,))]


def test_splits_number_labels_alike(root: Path) -> None:
    more = TABLE + "d.png,red,no,test\ne.png,blue,yes,test\n"
    (root / "attributes.csv").write_text(more)
    for name in ("d.png", "e.png"):
        Image.new("RGB", (8, 8)).save(root / name)
    assert [row.labels for row in ImageFolder(root, split="test").rows] == [(1, 0), (2, 0), (0, 1)]
    with pytest.raises(DataError, match="no picture is of split 'val' .*; add pictures, or say"):
        ImageFolder(root, split="val")


@pytest.mark.parametrize(
    ("no", "yes"), [("no", "yes"), ("0", "1"), ("-1", "1"), ("False", "True"), ("NO", "Yes")]
)
def test_no_and_yes_in_every_spelling(root: Path, no: str, yes: str) -> None:
    (root / "attributes.csv").write_text(f"file,hat\na.png,{yes}\nc.webp,{no}\n")
    data = ImageFolder(root)
    assert data.attributes == {"hat": ("no", "yes")}
    assert [row.labels for row in data.rows] == [(1,), (0,)]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("file,", "image,", r"\.csv:1: the first column must be 'file', got 'image'"),
        ("colour,", "hat,", r"\.csv:1: columns \['hat'\] appear twice"),
        ("colour,", ",", r"\.csv:1: '' cannot name an attribute"),
        ("colour,", "hair colour,", r"\.csv:1: 'hair colour' cannot name .*T_hair colour would"),
        ("b.jpg,blue,", "b.jpg,", r"\.csv:3: 3 cells, the header has 4 \(file, colour, hat"),
        ("b.jpg,blue", "b.jpg,", r"\.csv:3: the cell of 'colour' is empty"),
        ("b.jpg,blue", 'b.jpg,"blue"x', r"\.csv:3: is no line of a table"),
        ("c.webp", "a.png", r"\.csv:4: a\.png is listed before, in line 2"),
        ("c.webp", "d.png", r"\.csv:4: no such picture: .*d\.png; 1 of 3 are missing: d\.png"),
        ("yes", "no", r"\.csv: attribute 'hat' has only the label 'no', in every line from 2"),
        (TABLE[22:], "", r"\.csv: expected a header and a line for each picture, got 1"),
    ],
)
def test_bad_tables(root: Path, old: str, new: str, text: str) -> None:
    assert old in TABLE
    (root / "attributes.csv").write_text(TABLE.replace(old, new, 1))
    with pytest.raises(DataError, match=text):
        ImageFolder(root)


def test_tables_that_lack_what_is_asked(root: Path) -> None:
    with pytest.raises(DataError, match=r"other\.csv: no such file"):
        ImageFolder(root, table="other.csv")
    (root / "attributes.csv").write_text("file,hat\na.png,yes\nc.webp,no\n")
    (root / "attributes.csv").write_text("file\na.png\n")
    with pytest.raises(DataError, match="has no column of an attribute"):
        ImageFolder(root)
    (root / "attributes.csv").write_bytes(b"file,hat\na.png,\xff\n")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        ImageFolder(root)


def test_label_only_in_another_split(root: Path) -> None:
    with pytest.raises(DataError, match="'colour' has no picture with label 'green' among the 2"):
        ImageFolder(root, split="train")


def test_sizes_and_unreadable(root: Path) -> None:
    with pytest.raises(ValueError, match="at least 1; got 0"):
        ImageFolder(root, size=0)
    (root / "c.webp").write_text("not a picture")
    with pytest.raises(
        DataError, match=r"1 of 3 pictures cannot be used:\n  attributes\.csv:4: .*c\.webp"
    ):
        ImageFolder(root).verify()
