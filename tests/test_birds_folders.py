"""People's own pictures of birds: CUB's layout, and a plain folder without boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import birds_data
import finegan_birds
import hierarchy_critics
import pytest
from PIL import Image
from test_birds_recipes import small, train

import modgan
from modgan.train import Share, TrainingError


def test_a_folder_in_cubs_layout(tmp_path: Path) -> None:
    root = folder(tmp_path)
    plain = ("--around", "1.5", "--no-clustered", "--w-patch", "10")
    zoo = train("finegan_birds", tmp_path / "run", "--data", str(root), *plain)
    assert modgan.load(zoo).card.provenance["data"] == root.name


def folder(root: Path, boxes: bool = True) -> Path:
    """Eight pictures with a square each, in CUB's layout; or without it, and larger."""
    images = root / "birds/images/a"
    images.mkdir(parents=True)
    listed, placed = [], []
    for at in range(8):
        picture = Image.new("RGB", (60, 50), (20 * at, 90, 200))
        picture.paste((250, 10, 10), (10, 8, 40, 36))
        picture = picture if boxes else picture.resize((120, 100))
        picture.save(images / f"{at}.png")
        listed.append(f"{at} a/{at}.png")
        placed.append(f"{at} 10 8 30 28")
    if boxes:
        (root / "birds/images.txt").write_text("\n".join(listed))
        (root / "birds/bounding_boxes.txt").write_text("\n".join(placed))
        (root / "birds/train_test_split.txt").write_text("\n".join(f"{i} 1" for i in range(8)))
    return root / "birds"


def test_without_boxes_the_middle_counts_as_the_object(tmp_path: Path) -> None:
    root = folder(tmp_path, boxes=False)
    s = small(finegan_birds.recipe, data=str(root), split="all", size=64)
    crops = birds_data.drawn(s, Share(0), 3)
    assert crops.boxes is not None
    assert crops.boxes.tolist() == [[18, 18, 46, 46]] * 3
    weights = hierarchy_critics.batch(s, Share(0), 3)["weights"]
    assert weights[:, :, 0, 0].eq(1).all(), "the corner's patch ends where the object begins"
    assert not weights[:, :, 6, 6].any()
    assert "no boxes: objects in rows, columns 18-46" in birds_data.found(s)
    with pytest.raises(TrainingError, match=r"--middle 2: expects a share of the side"):
        birds_data.found(replace(s, middle=2))
    with pytest.raises(
        TrainingError, match=r"--middle 0.6: leaves 13 pixels .* patch of --field 16"
    ):
        finegan_birds.parts(replace(s, middle=0.6))
    train("finegan_birds", tmp_path / "run", "--data", str(root), "--split", "all", "--size", "64")
