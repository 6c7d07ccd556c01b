"""Coloured digits are functions of (digits, seed, index); an edit changes what it names alone."""

from __future__ import annotations

import re
from itertools import combinations, product

import numpy as np
import pytest
import torch
from torch import Tensor

from modgan.data.digits import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    PAPER,
    Digits,
    attributes_of,
    draw,
    typeset,
)

NUMBERS = range(10)


def bar(width: int = 4) -> tuple[Tensor, Tensor]:
    """One upright bar in the middle of 28x28, called 1."""
    images = torch.zeros(1, 28, 28, dtype=torch.uint8)
    images[0, 6:22, 14 - width // 2 : 14 + width // 2] = 255
    return images, torch.ones(1, dtype=torch.int64)


def colour(name: str) -> Tensor:
    return torch.tensor((COLOURS | BACKGROUNDS)[name], dtype=torch.uint8)


def where(picture: Tensor, rgb: tuple[int, int, int]) -> Tensor:
    """Which pixels (H, W) have exactly that colour."""
    return (picture == torch.tensor(rgb, dtype=torch.uint8)[:, None, None]).all(0)


@pytest.fixture(scope="module")
def data() -> Digits:
    return Digits(*typeset(60, seed=5), seed=1)


def test_an_item_is_a_picture_and_its_label_positions(data: Digits) -> None:
    picture, labels = data[4]
    assert len(data) == 60
    assert (picture.dtype, picture.shape) == (torch.uint8, (3, 64, 64))
    assert (labels.dtype, labels.shape) == (torch.int64, (4,))
    assert picture.is_contiguous()
    assert data.attributes == {
        "number": ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
        "colour": ("red", "blue", "green", "purple", "brown"),
        "stroke": ("flat", "outlined"),
        "background": ("cyan", "yellow", "white", "silver", "salmon"),
    }
    named = {n: of[int(i)] for (n, of), i in zip(data.attributes.items(), labels, strict=True)}
    assert named == data.labels_of(4)
    assert named == {"number": str(typeset(60, seed=5)[1][4].item())} | attributes_of(1, 4)


def test_a_picture_is_a_function_of_digits_seed_and_index(data: Digits) -> None:
    again = Digits(*typeset(60, seed=5), seed=1, count=9)
    assert all(torch.equal(data[i][0], again[i][0]) for i in range(9))
    assert all(torch.equal(data[i][1], again[i][1]) for i in range(9))
    other = Digits(*typeset(60, seed=5), seed=2)
    assert any(not torch.equal(data[i][0], other[i][0]) for i in range(9))


def test_digits_come_again_with_other_attributes() -> None:
    images, labels = typeset(3, seed=0)
    data = Digits(images, labels, seed=0, count=300)
    numbers = [int(data[i][1][0]) for i in range(300)]
    assert numbers == labels.tolist() * 100
    assert len({tuple(data[i][1].tolist()) for i in range(0, 300, 3)}) > 40  # of 50


def test_items_end_where_the_data_set_ends() -> None:
    data = Digits(*bar(), count=2)
    assert len(list(data)) == 2  # type: ignore[call-overload]  # by __getitem__ alone
    for index in (2, -1):
        with pytest.raises(IndexError, match=f"picture {index} of 2"):
            data[index]


def test_attributes_are_uniform_and_independent() -> None:
    count = 4000
    numbers = typeset(count, seed=0)[1].numpy()  # of the same seed: the streams must differ
    draws = [attributes_of(0, i) for i in range(count)]
    table = {n: np.array([of.index(d[n]) for d in draws]) for n, of in list(ATTRIBUTES.items())[1:]}
    table["number"] = numbers
    bound = {1: 10.8, 4: 18.5, 9: 27.9, 16: 39.3, 36: 68.0}  # chi-square at p = 0.001
    for name, labels in ATTRIBUTES.items():
        shares = np.bincount(table[name], minlength=len(labels))
        expected = count / len(labels)
        assert ((shares - expected) ** 2 / expected).sum() < bound[len(labels) - 1]
    for a, b in combinations(ATTRIBUTES, 2):
        counts = np.zeros((len(ATTRIBUTES[a]), len(ATTRIBUTES[b])))
        np.add.at(counts, (table[a], table[b]), 1)
        even = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / count
        freedom = (len(ATTRIBUTES[a]) - 1) * (len(ATTRIBUTES[b]) - 1)
        assert ((counts - even) ** 2 / even).sum() < bound[freedom]


# --- the picture ------------------------------------------------------------------------------


@pytest.mark.parametrize(("ink", "ground"), list(product(COLOURS, BACKGROUNDS)))
def test_colours_are_where_they_belong(ink: str, ground: str) -> None:
    data = Digits(*bar())
    flat = data.counterfactual(0, colour=ink, background=ground, stroke="flat")
    lined = data.counterfactual(0, colour=ink, background=ground, stroke="outlined")
    for picture in (flat, lined):
        for y, x in ((0, 0), (0, 63), (63, 0), (63, 63), (32, 8), (5, 32)):
            assert torch.equal(picture[:, y, x], colour(ground))
    assert torch.equal(flat[:, 32, 32], colour(ink))
    assert lined[:, 32, 32].tolist() == list(PAPER)
    # The bar reaches from 27.3 to 36.7 (4 pixels, doubled by the size, and thickened a little),
    # its contour 3.2 pixels further.
    assert torch.equal(lined[:, 32, 25], colour(ink)) and torch.equal(lined[:, 32, 38], colour(ink))
    assert torch.equal(flat[:, 32, 25], colour(ground))


@pytest.mark.parametrize("size", [32, 64, 128])
def test_measures_follow_the_size(size: int) -> None:
    data = Digits(*bar(), size=size)
    picture = data.counterfactual(0, colour="blue", background="white", stroke="outlined")
    row = picture[0, size // 2].double()  # red: 255 but in the contour, where it is 34
    share = (255 - row) / (255 - COLOURS["blue"][0])
    assert share.sum().item() == pytest.approx(2 * size / 20, abs=0.15)
    assert torch.equal(share, share.flip(0))
    flat = data.counterfactual(0, colour="blue", background="white", stroke="flat")
    wide = ((255 - flat[0, size // 2].double()) / (255 - COLOURS["blue"][0])).sum().item()
    assert wide == pytest.approx(0.146 * size, rel=0.1)  # the bar is 0.125


def test_the_contour_is_as_wide_in_every_direction() -> None:
    y, x = torch.meshgrid(torch.arange(28) - 13.5, torch.arange(28) - 13.5, indexing="ij")
    disc = ((6.5 - torch.hypot(x, y)).clamp(0, 1) * 255).to(torch.uint8)
    data = Digits(disc[None], torch.zeros(1, dtype=torch.int64))
    picture = data.counterfactual(0, colour="blue", background="white", stroke="outlined")
    far = torch.hypot(*torch.meshgrid(*[torch.arange(64) - 31.5] * 2, indexing="ij"))
    contour = where(picture, COLOURS["blue"])
    paper = where(picture, PAPER)
    assert far[contour].min() > 12.5 and far[contour].max() < 16.5
    assert contour[(far > 13.8) & (far < 15.2)].all()
    assert paper[far < 11.5].all() and paper[far > 17.5].all()


@pytest.mark.parametrize("size", [32, 64])
def test_flat_and_outlined_differ_at_a_glance_in_every_digit(size: int) -> None:
    images, labels = typeset(200, seed=3)
    data = Digits(images, labels, size=size)
    for i in range(200):
        flat = data.counterfactual(i, colour="red", background="cyan", stroke="flat")
        lined = data.counterfactual(i, colour="red", background="cyan", stroke="outlined")
        ink = where(flat, COLOURS["red"])
        assert ink.sum() > 0.02 * size**2
        assert lined[:, ink].min() > 250  # all that was ink is white
        assert not where(flat, PAPER).any()
        assert where(lined, COLOURS["red"]).sum() > 0.02 * size**2
    assert sorted(set(labels.tolist())) == list(NUMBERS)


def test_a_stroke_of_one_pixel_stays_open() -> None:
    images, labels = bar()
    images.zero_()[0, 6:22, 14] = 255
    data = Digits(images, labels)
    lined = data.counterfactual(0, colour="green", background="white", stroke="outlined")
    assert where(lined, COLOURS["green"])[32].nonzero().flatten().tolist() == [29, 30, 35, 36]
    assert lined[:, 32, 32:34].unique().tolist() == [255]  # white between the two sides


def test_edges_are_antialiased() -> None:
    slanted = torch.zeros(1, 28, 28, dtype=torch.uint8)
    for y in range(5, 23):
        slanted[0, y, 8 + y // 3 : 12 + y // 3] = 255
    data = Digits(slanted, torch.ones(1, dtype=torch.int64))
    flat = data.counterfactual(0, colour="brown", background="white", stroke="flat")
    between = ~where(flat, PAPER) & ~where(flat, COLOURS["brown"])
    assert 60 < between.sum() < 200


# --- edits ------------------------------------------------------------------------------------


def test_the_counterfactual_of_the_own_labels_is_the_picture(data: Digits) -> None:
    for i in range(20):
        assert torch.equal(data.counterfactual(i), data[i][0])
        assert torch.equal(data.counterfactual(i, **data.labels_of(i)), data[i][0])


def mixed(before: Tensor, after: Tensor, old: str, new: str) -> Tensor:
    """How much of `old` became `new` in each pixel, (H, W); it must be alike in every channel."""
    turned = (colour(new).double() - colour(old).double())[:, None, None]
    change = after.double() - before
    share = (change * turned).sum(0) / turned.square().sum()
    assert (change - share * turned).abs().max() < 1.5  # rounding
    assert share.min() > -0.02 and share.max() < 1.02
    return share


def test_another_background_leaves_the_digit(data: Digits) -> None:
    for i, stroke in product(range(20), ATTRIBUTES["stroke"]):
        before = data.counterfactual(i, stroke=stroke, colour="red", background="cyan")
        after = data.counterfactual(i, stroke=stroke, colour="red", background="salmon")
        digit = where(before, COLOURS["red"]) | where(before, PAPER)
        assert torch.equal(before[:, digit], after[:, digit])
        share = mixed(before, after, "cyan", "salmon")
        assert (share[where(before, BACKGROUNDS["cyan"])] > 0.99).all()
        assert ((share > 0.01) & (share < 0.99)).float().mean() < 0.12  # edges, and few


def test_another_colour_leaves_background_and_inside(data: Digits) -> None:
    for i, stroke in product(range(20), ATTRIBUTES["stroke"]):
        before = data.counterfactual(i, stroke=stroke, colour="red", background="cyan")
        after = data.counterfactual(i, stroke=stroke, colour="brown", background="cyan")
        kept = where(before, BACKGROUNDS["cyan"]) | where(before, PAPER)
        assert torch.equal(before[:, kept], after[:, kept])
        share = mixed(before, after, "red", "brown")
        assert (share[where(before, COLOURS["red"])] > 0.98).all()
        assert kept.float().mean() > 0.5


def test_another_stroke_leaves_the_background_around(data: Digits) -> None:
    for i in range(20):
        flat = data.counterfactual(i, stroke="flat", colour="blue", background="silver")
        lined = data.counterfactual(i, stroke="outlined", colour="blue", background="silver")
        around = where(lined, BACKGROUNDS["silver"])
        assert where(flat, BACKGROUNDS["silver"])[around].all()
        assert around.float().mean() > 0.4


def test_errors_list_what_exists(data: Digits) -> None:
    with pytest.raises(ValueError) as error:
        data.counterfactual(0, hat="yes")
    text = "no attribute 'hat'; there are number, colour, stroke, background"
    assert str(error.value) == text
    with pytest.raises(ValueError) as error:
        data.counterfactual(0, colour="pink")
    text = "colour has no label 'pink'; it has red, blue, green, purple, brown"
    assert str(error.value) == text


def test_the_number_cannot_change() -> None:
    data = Digits(*bar())
    assert torch.equal(data.counterfactual(0, number="1"), data[0][0])
    with pytest.raises(ValueError) as error:
        data.counterfactual(0, number="7", colour="red")
    assert str(error.value) == (
        "number cannot change from 1 to 7: another number is another digit; "
        "change colour, stroke, background, or take a picture that shows it"
    )


@pytest.mark.parametrize(
    ("images", "labels", "text"),
    [
        (bar()[0].float(), bar()[1], r"expected images uint8 (N, S, S), got torch.float32 (1, 28"),
        (bar()[0][0], bar()[1], r"expected images uint8 (N, S, S), got torch.uint8 (28, 28)"),
        (bar()[0][:, :9], bar()[1], r"got torch.uint8 (1, 9, 28); take them from read_mnist or"),
        (bar()[0][:0], bar()[1][:0], r"got torch.uint8 (0, 28, 28)"),
        (bar()[0], bar()[1].int(), r"labels int64 (1,), one for each image, got torch.int32 (1,)"),
        (bar()[0], bar()[1].repeat(2), r"one for each image, got torch.int64 (2,)"),
        (bar()[0], bar()[1] * 10, r"expected labels of 0 to 9, got 10 to 10"),
        (bar()[0], bar()[1] * -1, r"expected labels of 0 to 9, got -1 to -1"),
    ],
)
def test_digits_that_cannot_be(images: Tensor, labels: Tensor, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Digits(images, labels)


def test_sizes_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="size must be at least 16 pixels to show a digit, got 8"):
        Digits(*bar(), size=8)
    with pytest.raises(ValueError, match="count must be at least 1 or None, got 0"):
        Digits(*bar(), count=0)
    with pytest.raises(ValueError, match="typeset: count must be at least 1, got 0"):
        typeset(0, seed=0)


def test_digits_of_other_sides() -> None:
    digit = np.zeros((56, 56), dtype=np.uint8)
    digit[12:44, 24:32] = 255  # twice the bar
    for stroke in ATTRIBUTES["stroke"]:
        large = draw(digit, 64, "red", stroke, "white").astype(int)
        small = draw(bar()[0][0].numpy(), 64, "red", stroke, "white").astype(int)
        assert np.abs(large - small).mean() < 2


# --- digits without MNIST ---------------------------------------------------------------------


def test_typeset_digits_are_a_function_of_seed_and_index() -> None:
    images, labels = typeset(30, seed=7)
    assert (images.dtype, images.shape) == (torch.uint8, (30, 28, 28))
    assert (labels.dtype, labels.shape) == (torch.int64, (30,))
    more = typeset(40, seed=7)
    assert torch.equal(more[0][:30], images) and torch.equal(more[1][:30], labels)
    assert not torch.equal(typeset(30, seed=8)[0], images)


def test_typeset_digits_vary_and_stay_inside() -> None:
    images, labels = typeset(400, seed=0)
    assert images[:, [0, -1]].max() < 64 and images[:, :, [0, -1]].max() < 64
    ink = images.float().mean((1, 2)) / 255
    assert 0.03 < ink.min() < 0.1 and 0.22 < ink.max() < 0.4
    for number in NUMBERS:
        alike = images[labels == number].float()
        assert len(alike) > 20
        apart = torch.cdist(alike.flatten(1), alike.flatten(1), p=1) / 784
        assert apart[~torch.eye(len(alike), dtype=torch.bool)].min() > 2


def test_typeset_digits_look_like_their_number() -> None:
    images, labels = typeset(1500, seed=1)
    flat = images.flatten(1).float()
    near = torch.cdist(flat[1000:], flat[:1000]).argmin(1)
    assert (labels[near] == labels[1000:]).float().mean() > 0.95
