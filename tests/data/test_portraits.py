"""Portraits are functions of (seed, index), their edits are local, their labels independent."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from modgan.data.portraits import ATTRIBUTES, Portraits, attributes_of, draw, person_of

SOURCES = range(16)


def pixels(seed: int, index: int, size: int = 64, **changed: str) -> NDArray[np.int64]:
    return np.asarray(draw(seed, index, size, **changed)).astype(np.int64)


def changed_by(index: int, name: str, before: str, after: str, size: int = 64) -> NDArray[np.bool_]:
    """Which pixels (H, W) an edit moves visibly."""
    a = pixels(0, index, size, **{name: before})
    b = pixels(0, index, size, **{name: after})
    moved: NDArray[np.bool_] = np.abs(a - b).max(axis=-1) > 8
    return moved


def in_face(index: int, size: int = 64) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each pixel lies in the face: x and y (H, W), the middle at 0, the chin at y = 1."""
    person = person_of(0, index)
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    x, y = (x - person.centre[0]) / person.scale, (y - person.centre[1]) / person.scale
    c, s = np.cos(person.tilt), np.sin(person.tilt)
    return c * x + s * y, -s * x + c * y + 0.85


def test_a_picture_is_a_function_of_seed_and_index() -> None:
    assert (pixels(3, 5) == pixels(3, 5)).all()
    assert (pixels(3, 5) != pixels(3, 6)).any()
    assert (pixels(3, 5) != pixels(4, 5)).any()
    few, many = Portraits(6, seed=3), Portraits(600, seed=3)
    assert torch.equal(few[5][0], many[5][0])


@pytest.mark.parametrize("size", [32, 48, 64, 128, 200])
def test_sizes_show_the_same_picture(size: int) -> None:
    small = draw(0, 1, size)
    assert small.size == (size, size) and small.mode == "RGB"
    a, b = small.resize((16, 16), 4), draw(0, 1, 96).resize((16, 16), 4)  # 4: mean over a box
    assert np.abs(np.asarray(a).astype(int) - np.asarray(b)).mean() < 4


def test_an_item_is_a_picture_and_its_label_positions() -> None:
    data = Portraits(10, size=32, seed=7)
    image, labels = data[4]
    assert len(data) == 10
    assert image.dtype == torch.uint8 and image.shape == (3, 32, 32)
    assert labels.dtype == torch.int64 and labels.shape == (4,)
    assert list(data.attributes) == ["hair", "smile", "glasses", "beard"]
    named = {n: of[int(i)] for (n, of), i in zip(data.attributes.items(), labels, strict=True)}
    assert named == attributes_of(7, 4)


def test_items_end_where_the_data_set_ends() -> None:
    data = Portraits(2, size=32)
    assert len(list(data)) == 2  # type: ignore[call-overload]  # by __getitem__ alone
    with pytest.raises(IndexError, match="picture 2 of 2"):
        data[2]


def test_the_counterfactual_of_the_own_attributes_is_the_picture() -> None:
    data = Portraits(12, seed=1)
    for i in range(12):
        assert torch.equal(data.counterfactual(i, **attributes_of(1, i)), data[i][0])
        assert torch.equal(data.counterfactual(i), data[i][0])


@pytest.mark.parametrize(
    ("name", "top", "bottom"),
    [("smile", 0.2, 1.0), ("glasses", -0.36, 0.46), ("beard", -0.15, 1.2)],
)
def test_an_edit_stays_in_its_part_of_the_face(name: str, top: float, bottom: float) -> None:
    for i in SOURCES:
        x, y = in_face(i)
        moved = changed_by(i, name, "no", "yes")
        assert y[moved].min() > top - 0.06 and y[moved].max() < bottom + 0.06
        assert np.abs(x[moved]).max() < 1.1


def test_hair_edits_leave_eyes_and_mouth() -> None:
    for i in SOURCES:
        x, y = in_face(i)
        moved = changed_by(i, "hair", "black", "blond")
        assert not moved[(x / 0.5) ** 2 + ((y - 0.35) / 0.5) ** 2 < 1].any()


@pytest.mark.parametrize(
    ("name", "before", "after", "least"),
    [
        ("smile", "no", "yes", 70),
        ("glasses", "no", "yes", 180),
        ("beard", "no", "yes", 180),
        *(("hair", a, b, 320) for a, b in combinations(ATTRIBUTES["hair"], 2)),
    ],
)
def test_every_edit_is_visible(name: str, before: str, after: str, least: int) -> None:
    for i in SOURCES:
        assert changed_by(i, name, before, after).sum() >= least
        assert changed_by(i, name, before, after, size=32).sum() >= least // 4


def test_edits_of_different_attributes_hardly_meet() -> None:
    for i in SOURCES:
        both = changed_by(i, "glasses", "no", "yes") & changed_by(i, "smile", "no", "yes")
        assert both.sum() < 60


def test_attributes_are_uniform_and_independent() -> None:
    draws = [attributes_of(0, i) for i in range(2000)]
    table = {n: np.array([of.index(d[n]) for d in draws]) for n, of in ATTRIBUTES.items()}
    for name, labels in ATTRIBUTES.items():
        shares = np.bincount(table[name], minlength=len(labels)) / len(draws)
        assert np.abs(shares - 1 / len(labels)).max() < 0.05
    for a, b in combinations(ATTRIBUTES, 2):
        shape = (len(ATTRIBUTES[a]), len(ATTRIBUTES[b]))
        counts = np.zeros(shape)
        np.add.at(counts, (table[a], table[b]), 1)
        expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / len(draws)
        assert ((counts - expected) ** 2 / expected).sum() < 16.3  # p = 0.001 at 3 degrees


def test_attributes_say_nothing_about_the_person() -> None:
    people = [person_of(0, i) for i in range(1000)]
    looks = np.array([[sum(p.skin), p.width, p.tilt, p.yaw, p.scale, p.volume] for p in people])
    for name, labels in ATTRIBUTES.items():
        place = [labels.index(attributes_of(0, i)[name]) for i in range(1000)]
        link = np.corrcoef(np.column_stack([place, looks]), rowvar=False)[0, 1:]
        assert np.abs(link).max() < 0.11


def test_no_two_look_alike() -> None:
    plain = {"hair": "brown", "smile": "no", "glasses": "no", "beard": "no"}
    faces = [pixels(0, i, 32, **plain) for i in range(60)]
    assert min(np.abs(a - b).mean() for a, b in combinations(faces, 2)) > 10


def test_errors_list_what_exists() -> None:
    with pytest.raises(ValueError) as error:
        draw(0, 0, hat="yes")
    assert str(error.value) == "no attribute 'hat'; there are hair, smile, glasses, beard"
    with pytest.raises(ValueError) as error:
        Portraits(1).counterfactual(0, hair="green")
    assert str(error.value) == "hair has no label 'green'; it has black, blond, brown, red"
