"""Sketches of portraits: lines on white, along the portraits' own shapes, with their attributes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from modgan.data.portrait_sketches import PortraitSketches, sketch
from modgan.data.portraits import Portraits, draw

PEOPLE = range(12)


def grey(index: int, size: int = 64, **changed: str) -> NDArray[np.int64]:
    return np.asarray(sketch(0, index, size, **changed))[..., 0].astype(np.int64)


def test_a_sketch_is_dark_lines_on_white_paper() -> None:
    for index in PEOPLE:
        pixels = np.asarray(sketch(0, index, beard="no"))
        assert (pixels == pixels[..., :1]).all()
        assert pixels.min() < 60 and (pixels > 240).mean() > 0.6
        assert (pixels[:2, :8] == 255).all()  # no background


def test_sketch_and_portrait_are_of_the_same_person() -> None:
    sketches, pictures = PortraitSketches(12, seed=3), Portraits(12, seed=3)
    assert list(sketches.attributes) == list(pictures.attributes)
    for index in PEOPLE:
        assert torch.equal(sketches[index][1], pictures[index][1])
    assert not torch.equal(sketches[0][0], sketches[1][0])
    assert torch.equal(sketches[4][0], PortraitSketches(5, seed=3)[4][0])


@pytest.mark.parametrize("name", ["smile", "glasses", "beard"])
def test_attributes_show_where_they_do_in_the_portrait(name: str) -> None:
    for index in PEOPLE:
        apart = np.abs(grey(index, **{name: "no"}) - grey(index, **{name: "yes"})) > 40
        truth = [np.asarray(draw(0, index, **{name: each})).astype(int) for each in ("no", "yes")]
        moved = np.abs(truth[0] - truth[1]).max(-1) > 8
        near = np.pad(moved, 2)
        shifts = [np.roll(near, (y, x), (0, 1)) for y in range(-2, 3) for x in range(-2, 3)]
        assert apart.sum() > 20
        assert (apart & ~np.any(shifts, 0)[2:-2, 2:-2]).sum() == 0


def test_the_colour_of_hair_does_not_show() -> None:
    assert (grey(0, hair="black") == grey(0, hair="red")).all()


@pytest.mark.parametrize("size", [32, 128, 200])
def test_sizes_show_the_same_sketch(size: int) -> None:
    small, large = sketch(0, 1, size), sketch(0, 1, 96)
    assert small.size == (size, size) and small.mode == "RGB"
    a, b = (np.asarray(each.resize((16, 16), 4)).astype(int) for each in (small, large))
    assert np.abs(a - b).mean() < 10


def test_unknown_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="smile has no label 'wide'; it has no, yes"):
        sketch(0, 0, smile="wide")
    with pytest.raises(IndexError, match="picture 3 of 3"):
        PortraitSketches(3)[3]
