"""A folder is checked in one go: what is held, what the page says, and one error for all."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
import torch
from PIL import Image

from modgan.data.check import check
from modgan.data.images import Cached, DataError, cached
from modgan.data.open import open_folder
from modgan.data.order import shuffled
from modgan.data.pack import pack
from modgan.data.shards import Shards
from modgan.data.table import SPLITS


def draw(path: Path, seed: int, size: tuple[int, int] = (8, 8)) -> None:
    """A picture that is like no other of another seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Sixty pictures: hat is yes in every second, colour red, blue, green in turn; no splits."""
    lines = ["file,hat,colour"]
    for k in range(60):
        draw(tmp_path / f"{k}.png", k)
        lines.append(f"{k}.png,{('no', 'yes')[k % 2]},{('red', 'blue', 'green')[k % 3]}")
    (tmp_path / "attributes.csv").write_text("\n".join(lines))
    return tmp_path


def table(root: Path, lines: list[str]) -> None:
    (root / "attributes.csv").write_text("\n".join(lines))


def lines_of(root: Path) -> list[str]:
    return (root / "attributes.csv").read_text().splitlines()


def notes(root: Path, size: int = 8) -> list[str]:
    return [line[6:] for line in str(check(root, size)).splitlines() if line.startswith("note: ")]


def contents(held: Cached) -> set[tuple[object, ...]]:
    pairs = zip(held.images, held.labels, strict=True)
    return {(picture.numpy().tobytes(), *labels.tolist()) for picture, labels in pairs}


def split_of(name: str) -> str:
    return {8: "val", 9: "test"}.get(crc32(name.encode()) % 10, "train")


def test_holds_what_the_folder_has(root: Path) -> None:
    data = check(root, 8)
    assert data.attributes == {"hat": ("no", "yes"), "colour": ("blue", "green", "red")}
    train = open_folder(root, 8, "train")
    assert [row.file.name for row in train.rows] == [
        f"{k}.png" for k in range(60) if split_of(f"{k}.png") == "train"
    ]
    for index in range(len(train)):
        assert torch.equal(data.train.images[index], train[index][0])
        assert torch.equal(data.train.labels[index], train[index][1])
    for split, held in (("val", data.val), ("test", data.test)):
        files = open_folder(root, 8, split)
        assert {row.file.name for row in files.rows} == {
            f"{k}.png" for k in range(60) if split_of(f"{k}.png") == split
        }
        expected = sorted(picture.sum().item() for picture, _ in files)  # type: ignore[attr-defined]
        assert sorted(held.images.sum((1, 2, 3)).tolist()) == expected


def test_held_out_pictures_do_not_stand_as_in_the_table(root: Path) -> None:
    lines = lines_of(root)
    before = check(root, 8)
    table(root, [lines[0], *sorted(lines[1:], key=lambda line: line.split(",")[1])])
    after = check(root, 8)
    assert torch.equal(before.val.images, after.val.images)
    assert not torch.equal(before.train.images, after.train.images)


def test_the_page(root: Path) -> None:
    title, _, speed, _, *rest = str(check(root, 8)).splitlines()
    assert title == f"# The pictures of {root}"
    assert speed.startswith("60 pictures decoded to 8×8 in ")
    counts = {
        split: sum(split_of(f"{k}.png") == split for k in range(60))
        for split in ("train", "val", "test")
    }
    assert rest[:2] == ["| attribute | label | train | val | test |", "|---|---|--:|--:|--:|"]
    assert [line.split(" | ")[:2] for line in rest[2:7]] == [
        ["| hat", "no"],
        ["| hat", "yes"],
        ["| colour", "blue"],
        ["| colour", "green"],
        ["| colour", "red"],
    ]
    assert rest[7] == f"| all pictures | | {' | '.join(map(str, counts.values()))} |"
    assert rest[9].startswith("note: nothing says which pictures are val and test: about a tenth e")
    assert rest[10].startswith("note: labels with fewer than 50 training pictures: hat no (")
    assert len(rest) == 12


def test_notes_on_files(root: Path) -> None:
    draw(root / "0.png", 0, (4, 8))
    draw(root / "sub" / "extra.JPG", 99)
    draw(root / ".trash" / "old.png", 98)
    train, test = (
        next(k for k in range(1, 60) if split_of(f"{k}.png") == split)
        for split in ("train", "test")
    )
    draw(root / f"{test}.png", train)
    assert split_of("0.png") == "train"
    assert notes(root)[3:] == [
        "pictures in the folder without a line in the table: 1 (sub/extra.JPG)",
        "training pictures that are enlarged to 8×8: 1 (0.png)",
        "training pictures that are cropped to their central square: 1 (0.png)",
        f"pictures of test that are in train too, which flatters: 1 "
        f"(line {test + 2} as {train + 2})",
    ]


def test_note_on_one_picture_with_two_labels(root: Path) -> None:
    first, second = [k for k in range(60) if split_of(f"{k}.png") == "train"][:2]
    draw(root / f"{second}.png", first)
    assert notes(root)[-1] == (
        "the same training picture with different labels: 1 "
        f"(line {first + 2} and line {second + 2})"
    )


def test_note_on_labels_that_never_meet(root: Path) -> None:
    lines = [line.replace("red", "blue").replace("green", "blue") for line in lines_of(root)]
    table(root, [line.replace("yes,blue", "yes,red") for line in lines])
    found = [note for note in notes(root) if "learn apart" in note]
    assert len(found) == 2
    assert found[0].startswith("hat ")
    assert " hardly ever go together (training pictures: 0, by chance 1" in found[0]


def test_notes_on_left_out_pictures(tmp_path: Path) -> None:
    lines = []
    for k in range(60):
        name = f"{k:02}.png"
        draw(tmp_path / "img_align_celeba" / name, k)
        hair = {50: "1 1", 51: "-1 -1"}.get(k, ("1 -1", "-1 1")[k % 2])
        lines.append(f"{name} {hair}")
    head = "60\nBlack_Hair Gray_Hair\n"
    (tmp_path / "list_attr_celeba.txt").write_text(head + "\n".join(lines))
    left = "pictures left out, with {} of the labels of hair (black, gray): 1"
    assert {left.format("none"), left.format("several")} < set(notes(tmp_path))


def test_everything_wrong_is_one_error(root: Path) -> None:
    (root / "21.png").write_bytes((root / "21.png").read_bytes()[:40])
    (root / "23.png").write_bytes(b"")
    (root / "7.png").rename(root / "7.PNG")
    lines = [f"{line},gone" if k else f"{line},same" for k, line in enumerate(lines_of(root))]
    lines[10] = "9.png,,red,gone"
    lines[12] = "11.png,,red,gone"
    lines[20] = "2.png,no,red,gone"
    table(root, lines)
    with pytest.raises(DataError) as caught:
        check(root, 8)
    path, said = root / "attributes.csv", str(caught.value).splitlines()
    assert said[0] == "5 things are wrong with the data:"
    assert said[1].startswith(f"{path}:21: 2.png is listed before, in line 4; ")
    assert said[2].startswith(f"{path}:11: the cell of 'hat' is empty, in 2 lines: 11, 13; ")
    assert said[3].startswith(f"{path}: attribute 'same' has only the label 'gone'")
    assert said[4].startswith(f"{path}:9: no such picture: {root / '7.png'}; 1 of 57 are missing")
    assert said[4].endswith("; there is 7.PNG")
    assert said[5].startswith(f"{path}: train: 2 of ")
    assert [line.split(": ")[0] for line in said[6:]] == [
        "  attributes.csv:23",
        "  attributes.csv:25",
    ]


def test_a_class_missing_in_train_and_an_empty_split(root: Path) -> None:
    val = next(k for k in range(60) if split_of(f"{k}.png") == "val")
    lines = lines_of(root)
    lines[val + 1] = f"{val}.png,no,gold"
    kept = [line for k, line in enumerate(lines, -1) if k < 0 or split_of(f"{k}.png") != "test"]
    table(root, kept)
    with pytest.raises(DataError) as caught:
        check(root, 8)
    assert "no picture is of split 'test' (of the " in str(caught.value)
    assert "attribute 'colour' has no picture with label 'gold' among the " in str(caught.value)


def test_folders_without_a_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty: holds neither attributes"):
        check(tmp_path, 8)
    (tmp_path / "labels.xlsx").touch()
    with pytest.raises(DataError, match=r"there is labels\.xlsx: save it as attributes\.csv"):
        check(tmp_path, 8)
    with pytest.raises(DataError, match=r"labels\.xlsx: is a file; give the folder"):
        check(tmp_path / "labels.xlsx", 8)
    with pytest.raises(DataError, match="nowhere: is not there; give the folder"):
        check(tmp_path / "nowhere", 8)


def test_note_on_labels_that_cannot_be_measured(root: Path) -> None:
    lines = [
        line.replace("no", "yes") if split_of(line.split(",")[0]) == "test" else line
        for line in lines_of(root)
    ]
    table(root, [line.rpartition(",")[0] for line in lines])
    text = "labels without a picture of test, which its figures leave out: hat no"
    assert text in notes(root)


def test_without_train_nothing_else_is_missed(root: Path) -> None:
    table(root, [f"{line},{'test' if k else 'split'}" for k, line in enumerate(lines_of(root))])
    with pytest.raises(DataError) as caught:
        check(root, 8)
    assert str(caught.value) == (
        f"{root / 'attributes.csv'}: no picture is of split 'train' (no line names it); "
        "add pictures, or say train, val or test for each"
    )


def test_why_a_split_is_empty(tmp_path: Path) -> None:
    draw(tmp_path / "img_align_celeba" / "0.png", 0)
    (tmp_path / "list_attr_celeba.txt").write_text("1\nBlack_Hair Gray_Hair\n0.png 1 1\n")
    with pytest.raises(DataError, match=r"of split 'train' \(1 are left out, hair: several\); add"):
        check(tmp_path, 8)


def test_a_packed_set(root: Path, tmp_path: Path) -> None:
    sources = {split: open_folder(root, 8, split) for split in SPLITS}
    pack(sources, tmp_path / "packed", 8, per_shard=20)
    found, plain = check(tmp_path / "packed", 8), check(root, 8)
    assert isinstance(found.train, Shards)
    assert found.attributes == plain.attributes
    assert contents(Cached(found.train)) == contents(cached(plain.train))
    for ours, theirs in ((found.val, plain.val), (found.test, plain.test)):
        assert contents(ours) == contents(theirs)
    lines = str(found).splitlines()
    assert lines[2].startswith(f"{len(found.train)} pictures of train in 3 shards, read as they")
    assert lines[-1] == f"| all pictures | | – | {len(found.val)} | {len(found.test)} |"


def test_a_packed_set_is_sampled_in_a_mixed_order(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = {split: open_folder(root, 8, "train") for split in SPLITS}
    pack(sources, tmp_path / "packed", 8, per_shard=20)
    monkeypatch.setattr("modgan.data.check.HELD", 7)
    held, val = check(tmp_path / "packed", 8), Shards(tmp_path / "packed", 8, "val")
    chosen = shuffled(len(val), 0, 0)[:7].tolist()
    assert chosen != sorted(chosen)
    for index, place in enumerate(chosen):
        assert torch.equal(held.val.images[index], val[place][0])
        assert torch.equal(held.val.labels[index], val[place][1])
