"""Objects are cut along their boxes as FineGAN does it, and boxes go where their pictures go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from PIL import Image

from modgan.data.birds import Birds
from modgan.data.boxed import SPARE, Batch, Box, Boxed, Sample, shifted, square
from modgan.data.images import DataError, batch, normalise, to_uint8
from modgan.data.order import draw


class Marked:
    """Pictures whose red is x, green y, and blue 255 inside the box and 0 outside."""

    attributes = {"size": ("small", "large")}  # noqa: RUF012

    def __init__(self, sizes: Sequence[tuple[int, int]], boxes: Sequence[Box | None]) -> None:
        self.sizes, self.boxes = sizes, boxes

    def __len__(self) -> int:
        return len(self.sizes)

    def sample(self, index: int) -> Sample:
        width, height = self.sizes[index]
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[:, :, 0], pixels[:, :, 1] = np.arange(width), np.arange(height)[:, None]
        box = self.boxes[index]
        if box is not None:
            pixels[box[0] : box[2], box[1] : box[3], 2] = 255
        return Sample(Image.fromarray(pixels), box, (index % 2,), f"picture {index}")


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def place(picture: torch.Tensor) -> tuple[int, int, bool]:
    """Where a crop of a marked picture begins, y and x, and whether it is mirrored."""
    red, green = to_uint8(picture)[:2].int()
    return int(green.min()), int(red.min()), bool(red[0, 0] > red[0, -1])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((30, 40, 50, 60), (25, 35, 55, 65)),  # 20 pixels: 15 to all sides of (40, 50)
        ((10, 20, 30, 60), (0, 10, 50, 70)),  # the longer side decides, the picture ends it
        ((60, 80, 79, 99), (55, 75, 80, 100)),  # 19: int(14.25) from (69, 89)
        ((5, 5, 6, 6), (4, 4, 6, 6)),  # a single pixel still has a square
    ],
)
def test_the_square_around_a_box(box: Box, expected: Box) -> None:
    assert square(box, 1.5, width=100, height=80) == expected


def test_a_box_in_a_crop_is_rounded_outwards_and_cut_off() -> None:
    boxes = torch.tensor([[10.2, 20.0, 30.7, 40.0], [-3.0, 5.5, 12.0, 90.0], [0.0, 0.0, 9.0, 9.0]])
    corners = torch.tensor([[5, 10], [0, 0], [10, 10]])
    plain = shifted(boxes, corners, torch.zeros(3, dtype=torch.bool), 32)
    assert plain.tolist() == [[5, 10, 26, 30], [0, 5, 12, 32], [0, 0, 0, 0]]
    turned = shifted(boxes, corners, torch.ones(3, dtype=torch.bool), 32)
    assert turned.tolist() == [[5, 2, 26, 22], [0, 0, 12, 27], [0, 0, 0, 0]]


def test_boxes_stay_on_their_objects() -> None:
    boxes: list[Box] = [(3, 4, 15, 20), (0, 0, 20, 24), (8, 19, 12, 24)]
    held = Boxed(Marked([(24, 20)] * 3, boxes), size=20, around=None, spare=1)
    seen = set()
    for seed in range(20):
        drawn = held.draw(range(3), rng(seed))
        assert drawn.boxes is not None and drawn.boxes.dtype == torch.int64
        for picture, (y1, x1, y2, x2) in zip(drawn.fulls, drawn.boxes.tolist(), strict=True):
            inside = torch.zeros(20, 20, dtype=torch.bool)
            inside[y1:y2, x1:x2] = True
            assert torch.equal(picture[2] > 0, inside)
            seen.add(place(picture))
    assert seen == {(0, x, m) for x in range(5) for m in (False, True)}


def test_objects_are_cut_around_boxes_and_resized_by_their_short_side() -> None:
    data = Marked([(100, 80)], [(10, 20, 30, 60)])  # the square is 50 high and 60 wide
    held = Boxed(data, size=40, side=64)
    assert held._objects[0].shape == (3, 47, 56)  # int(40 · 76/64) short, 47 · 60 // 50 long
    assert held._fulls[0].shape == (3, 76, 95)
    assert held.boxes is not None
    assert held.boxes.tolist() == [pytest.approx([10 * 0.95, 20 * 0.95, 30 * 0.95, 60 * 0.95])]
    drawn = held.draw([0], rng())
    assert drawn.objects.shape == (1, 3, 40, 40) and drawn.fulls.shape == (1, 3, 64, 64)
    red = to_uint8(drawn.objects)[0, 0].float()
    assert red.min() >= 10 and red.max() < 70  # x of the square
    exact = Image.fromarray(np.asarray(data.sample(0).picture)[0:50, 10:70])
    expected = np.asarray(exact.resize((56, 47), Image.Resampling.BILINEAR))
    assert (held._objects[0].permute(1, 2, 0).numpy() == expected).all()


def test_finegans_own_sizes() -> None:
    held = Boxed(Marked([(200, 160)], [(40, 50, 120, 130)]), size=128, side=126)
    assert held._objects[0].shape == (3, 152, 152)
    assert held._fulls[0].shape == (3, 149, 186)


def test_draws_are_functions_of_the_generator() -> None:
    held = Boxed(Marked([(90, 70), (70, 90), (80, 80)], [(10, 10, 50, 50)] * 3), size=32)

    def drawn(seed: int) -> Batch:
        return held.draw(torch.tensor([2, 0, 1]), rng(seed))

    for a, b in zip(drawn(1), drawn(1), strict=True):
        assert a is not None and b is not None and torch.equal(a, b)
    assert not torch.equal(drawn(1).objects, drawn(2).objects)
    assert drawn(1).labels.tolist() == [[0], [0], [1]]
    assert drawn(1).objects.dtype == torch.float32 and drawn(1).objects.abs().max() <= 1


def test_by_index_come_middles_so_that_it_is_a_labelled_data_set() -> None:
    held = Boxed(Marked([(24, 20)] * 4, [(3, 4, 15, 20)] * 4), size=20, around=None, spare=1)
    picture, labels = held[1]
    assert picture.dtype == torch.uint8 and picture[0, 0].tolist() == list(range(2, 22))
    assert labels.tolist() == [1] and held.attributes == {"size": ("small", "large")}
    pictures, several = batch(held, draw(held, 2, 3, seed=0))
    assert pictures.shape == (3, 3, 20, 20) and several.shape == (3, 1)


def test_without_boxes_the_whole_picture_is_the_object() -> None:
    held = Boxed(Marked([(24, 20)] * 2, [None, None]), size=20, spare=1)
    drawn = held.draw([0, 1], rng())
    assert held.boxes is None and drawn.boxes is None
    assert torch.equal(held._objects[0], held._fulls[0])


def test_drawn_birds_are_neither_resized_nor_cut() -> None:
    birds = Birds(3, size=32, seed=1)
    held = Boxed(birds, size=32, around=None, spare=1)
    assert held._objects is held._fulls and held.attributes == birds.attributes
    drawn = held.draw([0, 1, 2], rng(3))
    assert drawn.boxes is not None
    for i in range(3):
        picture, labels = birds[i]
        top, left, bottom, right = birds.drawn(i).box
        ways = {False: normalise(picture), True: normalise(picture.flip(2))}
        mirrored = torch.equal(drawn.fulls[i], ways[True])
        assert torch.equal(drawn.fulls[i], ways[mirrored])
        x1, x2 = (32 - right, 32 - left) if mirrored else (left, right)
        assert drawn.boxes[i].tolist() == [top, x1, bottom, x2]
        assert torch.equal(drawn.labels[i], labels)
        assert any(torch.equal(drawn.objects[i], way) for way in ways.values())


def test_refusals() -> None:
    with pytest.raises(DataError) as error:
        Boxed(Marked([], []))
    assert str(error.value) == "Boxed: the data set is empty"
    with pytest.raises(DataError) as error:
        Boxed(Marked([(64, 64)] * 3, [(0, 0, 9, 9), None, (0, 0, 9, 9)]), size=32)
    assert str(error.value) == (
        "Boxed: 1 of 3 pictures have no box: 1; give all of them boxes, or none"
    )
    with pytest.raises(ValueError) as wrong:
        Boxed(Marked([(64, 64)], [None]), size=32, spare=0.9)
    assert str(wrong.value) == (
        "Boxed: expected size and side of at least 1 pixel, spare of at least 1 and around above "
        "0, got 32, 32, 0.9 and 1.5"
    )


def test_small_pictures_are_enlarged_and_counted() -> None:
    sizes = [(64, 64), (64, 31), (16, 40)]
    data = Boxed(Marked(sizes, [(0, 0, 9, 9), (0, 0, 31, 64), (8, 8, 24, 16)]), size=24, side=32)
    assert data.enlarged == 2
    assert data.draw([1, 2], torch.Generator().manual_seed(0)).fulls.shape == (2, 3, 32, 32)
    assert data.boxes is not None
    side = int(32 * SPARE)
    assert data.boxes[2].tolist() == pytest.approx([side / 2, side / 2, side * 1.5, side])


def test_all_pictures_that_are_too_small_are_named() -> None:
    with pytest.raises(DataError) as error:
        Boxed(Marked([(64, 64), (64, 15), (12, 40)], [None] * 3), size=24, side=32)
    assert str(error.value) == (
        "2 of 3 pictures cannot be used:\n"
        "  picture 1: is 64x15, less than half of the 32 pixels asked for; ask for smaller ones, "
        "or take the picture out\n"
        "  picture 2: is 12x40, less than half of the 32 pixels asked for; ask for smaller ones, "
        "or take the picture out"
    )
