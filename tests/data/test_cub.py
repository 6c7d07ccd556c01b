"""CUB's lists are read exactly, and everything that is wrong with them is told at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from modgan.data.boxed import Boxed
from modgan.data.cub import CUB, PlainFolder, open_boxed
from modgan.data.images import DataError

NAMES = [f"001.Grey_Owl/owl_{i}.png" for i in range(6)] + [
    f"002.Mute_Swan/swan {i}.png" for i in range(6)
]


def write(root: Path, **lists: list[str]) -> Path:
    """Twelve pictures of 48x40 in CUB's layout; `lists` replace the lines of its lists."""
    ids = range(1, len(NAMES) + 1)
    lines = {
        "images": [f"{i} {name}" for i, name in zip(ids, NAMES, strict=True)],
        "bounding_boxes": [f"{i} {i}.0 5.0 20.0 10.0" for i in ids],
        "image_class_labels": [f"{i} {1 + (i > 6)}" for i in ids],
        "classes": ["1 001.Grey_Owl", "2 002.Mute_Swan"],
        "train_test_split": [f"{i} {int(i % 4 > 0)}" for i in ids],
    } | lists
    for name, text in lines.items():
        if text:
            (root / f"{name}.txt").write_text("\n".join(text) + "\n")
    for i, name in enumerate(NAMES):
        file = root / "images" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (48, 40), (i, 100, 200)).save(file)
    return root


def lines(name: str, root: Path) -> list[str]:
    return (root / f"{name}.txt").read_text().splitlines()


def message(root: Path, split: str = "all") -> str:
    with pytest.raises(DataError) as error:
        CUB(root, split)
    return str(error.value).replace(f"{root}/", "")


def test_pictures_boxes_and_labels_as_listed(tmp_path: Path) -> None:
    data = CUB(write(tmp_path))
    assert len(data) == 12 and data.attributes == {"category": ("Grey_Owl", "Mute_Swan")}
    picture, box, labels, where = data.sample(7)
    assert picture.getpixel((0, 0)) == (7, 100, 200) and picture.size == (48, 40)
    assert box == (5, 8, 15, 28) and labels == (1,)
    assert where == f"images.txt:8: {tmp_path / 'images' / NAMES[7]}"


def test_lists_may_be_in_any_order(tmp_path: Path) -> None:
    data = CUB(write(tmp_path, bounding_boxes=[f"{i} {i} 5 20 10" for i in range(12, 0, -1)]))
    assert data.sample(2).box == (5, 3, 15, 23)


def test_a_box_is_cut_to_whole_pixels_and_to_the_picture(tmp_path: Path) -> None:
    boxes = ["1 27.9 5.5 20.7 34.9", *[f"{i} 1 1 9 9" for i in range(2, 13)]]
    assert CUB(write(tmp_path, bounding_boxes=boxes)).sample(0).box == (5, 27, 39, 47)


def test_splits(tmp_path: Path) -> None:
    write(tmp_path)
    parts = {split: CUB(tmp_path, split) for split in ("train", "val", "test")}
    files = {split: [row.file.name for row in data.rows] for split, data in parts.items()}
    assert files["test"] == [Path(NAMES[i]).name for i in (3, 7, 11)]
    assert files["val"] == ["owl_5.png"]  # nobody names it: taken out of train by name
    assert sum(map(len, files.values())) == 12
    with pytest.raises(ValueError, match="split 'dev': expected train, val, test or all"):
        CUB(tmp_path, "dev")


def test_without_classes_or_split_there_are_no_labels(tmp_path: Path) -> None:
    write(tmp_path, image_class_labels=[], classes=[], train_test_split=[])
    data = CUB(tmp_path)
    assert data.attributes == {} and data.sample(0).labels == () and len(data) == 12
    held = Boxed(data, size=16)
    assert held.labels.shape == (12, 0)


def test_factors_are_further_attributes(tmp_path: Path) -> None:
    write(tmp_path)
    rows = [f"{i},{'sky' if i % 2 else 'lake'},{i}" for i in range(1, 13)]
    (tmp_path / "factors.csv").write_text("\n".join(["id,background,x", *rows]))
    data = CUB(tmp_path, factors=("background",))
    assert data.attributes["background"] == ("lake", "sky")
    assert [data.sample(i).labels for i in (0, 1, 11)] == [(0, 1), (0, 0), (1, 0)]
    with pytest.raises(DataError, match=r"factors.csv:1: has no column shape; its columns: back"):
        CUB(tmp_path, factors=("shape",))
    (tmp_path / "factors.csv").write_text("\n".join(["id,background,x", *rows[:10]]))
    with pytest.raises(DataError, match=r"images.txt:11: 11 has no line in factors.csv; 2 of 12"):
        CUB(tmp_path, factors=("background",))


def test_masks_lie_beside_the_pictures(tmp_path: Path) -> None:
    data = CUB(write(tmp_path))
    path = tmp_path / "segmentations" / NAMES[0]
    with pytest.raises(DataError, match=r"owl_0.png: no such mask; unpack CUB's segmentations"):
        data.mask(0)
    path.parent.mkdir(parents=True)
    Image.fromarray(np.arange(40 * 48, dtype=np.uint8).reshape(40, 48)).save(path)
    mask = data.mask(0)
    assert mask.dtype == torch.uint8 and mask.shape == (1, 40, 48) and mask[0, 0, 7] == 7
    path.write_text("no mask")
    with pytest.raises(DataError, match=r"owl_0.png: cannot be read as a mask"):
        data.mask(0)


def test_it_is_cut_and_drawn(tmp_path: Path) -> None:
    held = Boxed(CUB(write(tmp_path)), size=16, side=20)
    drawn = held.draw([0, 7], torch.Generator().manual_seed(0))
    assert drawn.objects.shape == (2, 3, 16, 16) and drawn.fulls.shape == (2, 3, 20, 20)
    assert drawn.labels.tolist() == [[0], [1]]
    assert (((drawn.objects[:, 0, 0, 0] + 1) * 127.5).round()).tolist() == [0, 7]


def test_everything_wrong_is_listed_at_once(tmp_path: Path) -> None:
    write(tmp_path)
    boxes = lines("bounding_boxes", tmp_path)
    boxes[1] = "2 3.0 5.0 0.0 10.0"
    boxes[2] = "3 4.0 five 6 7"
    boxes[3] = "4 -1.0 5.0 20.0 10.0"
    boxes[4] = "6 1 1 9 9"
    boxes[6] = "7 1.0"
    boxes.append("99 1 1 5 5")
    labels = lines("image_class_labels", tmp_path)
    labels[0] = "1 3"
    del labels[11]
    split = lines("train_test_split", tmp_path)
    split[8] = "9 train"
    write(tmp_path, bounding_boxes=boxes, image_class_labels=labels, train_test_split=split)
    (tmp_path / "images" / NAMES[9]).unlink()
    hint = "expected x and y of at least 0, width and height of at least 1 pixel; correct the line"
    assert message(tmp_path).splitlines() == [
        "11 things are wrong with the data:",
        "bounding_boxes.txt:6: 6 is listed before, in line 5; take one of the lines out",
        "bounding_boxes.txt:7: expected 'id x y width height', got '7 1.0'; correct the line",
        "bounding_boxes.txt:13: 99 is no id of images.txt; add it there, or take the line out",
        "images.txt:5: 5 has no line in bounding_boxes.txt; 2 of 12 have none: 5, 7; "
        "add lines there",
        f"bounding_boxes.txt:2: the box is 3.0 5.0 0.0 10.0, {hint}",
        f"bounding_boxes.txt:3: the box is 4.0 five 6 7, {hint}",
        f"bounding_boxes.txt:4: the box is -1.0 5.0 20.0 10.0, {hint}",
        "images.txt:12: 12 has no line in image_class_labels.txt; 1 of 12 have none: 12; "
        "add lines there",
        "image_class_labels.txt:1: class 3 is not in classes.txt, which has 1, 2; add it there, "
        "or correct the line",
        "train_test_split.txt:9: expected 1 (train) or 0 (test), got 'train'; correct the line",
        "images.txt:10: no such picture: images/002.Mute_Swan/swan 3.png; 1 of 10 are missing: "
        "swan 3.png; add them or take their lines out",
    ]


def test_many_wrong_lines_are_counted(tmp_path: Path) -> None:
    write(tmp_path, bounding_boxes=[f"{i} 1 1 0 0" for i in range(1, 13)])
    text = message(tmp_path).splitlines()
    assert len(text) == 12 and text[-1] == "bounding_boxes.txt: 2 more lines are wrong"


def test_boxes_that_leave_their_pictures_are_all_named(tmp_path: Path) -> None:
    boxes = [f"{i} 1 1 9 9" for i in range(1, 13)]
    boxes[0], boxes[10] = "1 30 5 20 10", "11 2 100 3 4"
    held = CUB(write(tmp_path, bounding_boxes=boxes))
    with pytest.raises(DataError) as error:
        Boxed(held, size=16)
    assert str(error.value).replace(f"{tmp_path}/", "") == (
        "2 of 12 pictures cannot be used:\n"
        "  bounding_boxes.txt:1: the box reaches from x 30 to 50 and from y 5 to 15, expected it "
        "in 48x40, the size of images/001.Grey_Owl/owl_0.png; correct the line\n"
        "  bounding_boxes.txt:11: the box reaches from x 2 to 5 and from y 100 to 104, expected "
        "it in 48x40, the size of images/002.Mute_Swan/swan 4.png; correct the line"
    )


def test_unreadable_and_small_pictures_are_all_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "images" / NAMES[3]).write_text("no picture")
    Image.new("RGB", (48, 15)).save(tmp_path / "images" / NAMES[4])
    (tmp_path / "bounding_boxes.txt").write_text("\n".join(f"{i} 1 1 9 9" for i in range(1, 13)))
    with pytest.raises(DataError) as error:
        Boxed(CUB(tmp_path), size=32)
    text = str(error.value).replace(f"{tmp_path}/", "").splitlines()
    assert text[0] == "2 of 12 pictures cannot be used:"
    assert text[1].startswith("  images.txt:4: images/001.Grey_Owl/owl_3.png: cannot be read as a")
    assert text[2] == (
        "  images.txt:5: images/001.Grey_Owl/owl_4.png: is 48x15, less than half of the 32 "
        "pixels asked for; ask for smaller ones, or take the picture out"
    )


def test_lists_that_are_not_there_or_empty(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "bounding_boxes.txt").unlink()
    assert message(tmp_path) == (
        "bounding_boxes.txt: no such file; copy CUB's list there, or give the folder of the "
        "pictures alone to do without boxes"
    )
    (tmp_path / "images.txt").write_text("\n")
    (tmp_path / "bounding_boxes.txt").write_text("")
    text = message(tmp_path)
    assert "images.txt: is empty; expected lines of 'id path'" in text
    assert "bounding_boxes.txt: is empty; expected lines of 'id x y width height'" in text
    (tmp_path / "classes.txt").unlink()
    assert message(tmp_path) == "classes.txt: no such file; check the folder"


def test_a_plain_folder_has_no_boxes_and_no_labels(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "images" / ".hidden.png").write_text("")
    data = open_boxed(tmp_path / "images")
    assert isinstance(data, PlainFolder) and len(data) == 12 and data.attributes == {}
    picture, box, labels, where = data.sample(1)
    assert picture.getpixel((0, 0)) == (1, 100, 200) and box is None and labels == ()
    assert where == str(tmp_path / "images" / NAMES[1])
    held = Boxed(data, size=16)
    assert held.draw([0, 1], torch.Generator()).boxes is None
    assert isinstance(open_boxed(tmp_path), CUB)
    parts = [len(PlainFolder(tmp_path / "images", split)) for split in ("train", "val", "test")]
    assert sum(parts) == 12 and min(parts) > 0


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        PlainFolder(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: holds no picture (.png, .jpg, .jpeg, .webp, .bmp, .gif, .tif, .tiff); "
        "give the folder of the pictures"
    )
    with pytest.raises(DataError, match="gone: is not there; give the folder of the pictures"):
        open_boxed(tmp_path / "gone")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: is a file; give the folder of the pictures"):
        open_boxed(tmp_path / "file")
