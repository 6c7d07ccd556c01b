"""A folder and its table: what is read, and what each error says."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest
import torch
from PIL import Image

from modgan.data.folder import ImageFolder, list_folder
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
    with pytest.raises(DataError, match=r"no picture is of split 'val' .*; add pictures, or say"):
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
        ("file,", "image,", r"\.csv:1: .* 'file', got 'image'; put the paths"),
        ("colour,", "hat,", r"\.csv:1: columns \['hat'\] appear twice"),
        ("colour,", ",", r"\.csv:1: '' cannot name an attribute"),
        ("colour,", "hair colour,", r"\.csv:1: 'hair colour' cannot name .*T_hair colour would"),
        ("b.jpg,blue,", "b.jpg,", r"\.csv:3: 3 cells, the header has 4 \(file, colour, hat"),
        ("b.jpg,blue", "b.jpg,", r"\.csv:3: the cell of 'colour' is empty"),
        ("b.jpg,blue", 'b.jpg,"blue"x', r"\.csv:3: is no line of a table"),
        ("c.webp", "a.png", r"\.csv:4: a\.png is listed before, in line 2"),
        ("c.webp", "d.png", r"\.csv:4: no such picture: .*d\.png; 1 of 3 are missing: d\.png"),
        ("c.webp", "./a.png", r"\.csv:4: \./a\.png is listed before, in line 2"),
        ("hat", "image", r"\.csv:1: 'image' cannot .* parts use that name for .*, like its_image"),
        ("hat", "code", r"\.csv:1: 'code' cannot name an attribute, as the parts use that name"),
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


def write(root: Path, text: str, encoding: str = "utf-8") -> None:
    (root / "attributes.csv").write_text(text, encoding=encoding)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_what_spreadsheets_write(root: Path, separator: str) -> None:
    lines = ["File,Hut,,", '"a.png",ja,,', "sub/b.jpg,nein,,", ",,,", "c.webp, ja,,"]
    write(root, "\r\n".join(lines).replace(",", separator), "utf-8-sig")
    data = ImageFolder(root)
    assert data.attributes == {"Hut": ("ja", "nein")}
    assert [(row.line, row.labels) for row in data.rows] == [(2, (0,)), (3, (1,)), (5, (0,))]


def test_splits_in_every_spelling(root: Path) -> None:
    write(root, "file,hat,Split\na.png,no,TRAIN\nsub/b.jpg,yes,Training\nc.webp,no,Validation\n")
    assert [row.line for row in ImageFolder(root, split="val").rows] == [4]
    assert [row.line for row in ImageFolder(root, split="train").rows] == [2, 3]
    write(root, "file,hat,split\na.png,no,train\nsub/b.jpg,yes,fold 1\nc.webp,no,2\n")
    text = r"\.csv:3: split 'fold 1', in 2 lines: 3, 4; expected train, val or test"
    with pytest.raises(DataError, match=text):
        ImageFolder(root, split="train")
    with pytest.raises(ValueError, match="split 'valid': expected train, val, test, or None"):
        ImageFolder(root, split="valid")


def test_what_is_not_named_is_taken_out_of_train(root: Path) -> None:
    names = [f"{k}.png" for k in range(40)]
    lines = []
    for k, name in enumerate(names):
        Image.new("RGB", (8, 8)).save(root / name)
        lines.append(f"{name},{k % 2},{'test' if k < 10 else 'train'}")
    write(root, "\n".join(["file,hat,split", *lines]))
    tenth = {name: crc32(name.encode()) % 10 for name in names}
    found = {
        split: [row.file.name for row in list_folder(root).rows[split]]
        for split in ("train", "val", "test")
    }
    assert found == {
        "train": [name for name in names[10:] if tenth[name] != 8],
        "val": [name for name in names[10:] if tenth[name] == 8],
        "test": names[:10],
    }
    assert list_folder(root).drawn == ("val",)
    assert found["val"]


def test_several_wrong_lines_are_named_together(root: Path) -> None:
    write(root, "file,colour,hat\na.png,Red,no\nsub/b.jpg,red,yes\nc.webp,blue\nc.webp,red,\n")
    with pytest.raises(DataError) as caught:
        ImageFolder(root)
    said = str(caught.value)
    assert said.startswith("3 things are wrong with the data:\n")
    assert ".csv:4: 2 cells, the header has 3" in said
    assert ".csv:5: the cell of 'hat' is empty; fill it in" in said
    assert "'colour' has the labels Red, red; write each one way" in said


def test_many_wrong_lines_are_counted(root: Path) -> None:
    write(root, "file,hat\n" + "a.png\n" * 13)
    with pytest.raises(DataError, match=r"11 things .*\n.*(\n.*)+ 3 more lines are wrong"):
        ImageFolder(root)
    write(root, "file,hat\nsub\\b.jpg,yes\na.png,no\n")
    with pytest.raises(DataError, match=r"no such picture: .*; write / between folders"):
        ImageFolder(root)


def test_names_are_refused_together(root: Path) -> None:
    write(root, "file,my hat,Größe\na.png,yes,1\nc.webp,no,2\n")
    with pytest.raises(DataError, match=r"2 things are wrong .*\n.*'my hat' cannot.*\n.*'Größe' c"):
        ImageFolder(root)


def test_paths_may_be_written_in_any_way(root: Path) -> None:
    write(root, f"file,hat\n./a.png,yes\n{(root / 'c.webp').absolute()},no\n")
    assert [row.line for row in ImageFolder(root).rows] == [2, 3]
    assert list_folder(root).unlisted == ["sub/b.jpg"]
