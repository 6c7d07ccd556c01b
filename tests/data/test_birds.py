"""Birds are functions of (seed, index); factors are separate; mask, box and mix are exact."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from modgan.data.bird_scenes import SCENES, paint_scene
from modgan.data.birds import (
    ATTRIBUTES,
    POSE,
    TEXTURES_PER_SHAPE,
    Background,
    Bird,
    Birds,
    Drawn,
    Pose,
    Shape,
    Texture,
    bird_of,
    draw,
    mix,
)
from modgan.data.images import cached

UPRIGHT = Pose(0, 0, 0.6, "right", 0, 0, "folded", 0)
POSES = [replace(UPRIGHT, wing="raised"), replace(UPRIGHT, facing="left", tilt=0.2, nod=-0.2)]


def differs(drawn: Drawn) -> torch.Tensor:
    """Where the picture is not the bare background, (H, W)."""
    return (drawn.picture != drawn.bare).any(0)


def plain(shape: str, texture: str, pose: Pose = UPRIGHT, scene: str = "sky") -> Bird:
    return Bird(Background(scene, 3), Shape(shape, 1, 1), Texture(texture, 0, 1, 0.3), pose)


def test_a_picture_is_a_function_of_seed_and_index() -> None:
    few, many = Birds(6, seed=3), Birds(600, seed=3)
    assert torch.equal(few[5][0], many[5][0]) and torch.equal(few[5][1], many[5][1])
    assert not torch.equal(few[5][0], few[4][0])
    assert not torch.equal(few[5][0], Birds(6, seed=4)[5][0])


def test_an_item_is_a_picture_and_its_label_positions() -> None:
    data = Birds(10, size=32, seed=7)
    picture, labels = data[4]
    assert picture.dtype == torch.uint8 and picture.shape == (3, 32, 32)
    assert labels.dtype == torch.int64 and len(data) == 10
    assert list(data.attributes) == ["background", "shape", "texture"]
    assert [len(of) for of in ATTRIBUTES.values()] == [8, 8, 16]
    named = {n: of[int(i)] for (n, of), i in zip(data.attributes.items(), labels, strict=True)}
    assert named == bird_of(7, 4).labels()


def test_it_is_held_in_memory_as_any_labelled_pictures() -> None:
    data = Birds(4, size=32)
    held = cached(data)
    assert held.images.shape == (4, 3, 32, 32) and torch.equal(held.images[2], data[2][0])
    assert held.labels.tolist() == [data[i][1].tolist() for i in range(4)]


@pytest.mark.parametrize("size", [32, 48, 64, 128, 200])
def test_sizes_show_the_same_picture(size: int) -> None:
    def coarse(of: int) -> torch.Tensor:
        picture = draw(bird_of(0, 1), of).picture.float()[None]
        return torch.nn.functional.adaptive_avg_pool2d(picture, 16)

    assert (coarse(size) - coarse(96)).abs().mean() < 4


def test_the_mask_is_where_the_bird_differs_from_the_bare_background() -> None:
    data = Birds(40, seed=2)
    for i in range(40):
        drawn = data.drawn(i)
        covered = drawn.mask[0] > 0
        assert drawn.mask.dtype == torch.uint8 and drawn.mask.shape == (1, 64, 64)
        assert not (differs(drawn) & ~covered).any()
        assert differs(drawn)[covered].float().mean() > 0.98  # a colour may be the scene's own
        assert (drawn.mask == 255).sum() > 100


def test_the_box_is_tight_around_the_mask() -> None:
    data = Birds(40, seed=4)
    for i in range(40):
        drawn = data.drawn(i)
        y, x = torch.nonzero(drawn.mask[0], as_tuple=True)
        assert drawn.box == (int(y.min()), int(x.min()), int(y.max()) + 1, int(x.max()) + 1)
        assert min(drawn.box) > 0 and max(drawn.box) < 64
        side = max(drawn.box[2] - drawn.box[0], drawn.box[3] - drawn.box[1]) / 64
        assert abs(side - data.bird(i).pose.size) < 0.06  # ink is around it, and whole pixels


def test_a_pose_puts_every_shape_at_its_place() -> None:
    middle = replace(UPRIGHT, x=1.0, y=-1.0, size=0.5)
    for shape in ATTRIBUTES["shape"]:
        top, _, _, right = draw(plain(shape, "mallard", middle)).box
        assert top in (1, 2) and right in (62, 63)
        left = draw(plain(shape, "mallard", replace(middle, x=-1.0, facing="left"))).box[1]
        assert left == 64 - right


def test_a_bird_that_looks_left_mirrors_one_that_looks_right() -> None:
    for shape in ATTRIBUTES["shape"]:
        right = draw(plain(shape, "flamingo")).mask.int()
        left = draw(plain(shape, "flamingo", replace(UPRIGHT, facing="left"))).mask.int()
        assert (left.flip(2) - right).abs().float().mean() < 4
        assert (left - right).abs().float().mean() > 8


def test_the_mix_of_a_bird_with_itself_is_its_picture() -> None:
    data = Birds(6, seed=5)
    for i in range(6):
        assert mix(*[data.bird(i)] * 4) == data.bird(i)
        assert torch.equal(data.mixed(i, i, i, i).picture, data[i][0])


def test_a_mix_takes_one_factor_from_each() -> None:
    data = Birds(4, seed=6)
    a, b, c, d = (data.bird(i) for i in range(4))
    mixed = mix(background=a, texture=b, shape=c, pose=d)
    assert mixed == Bird(a.background, c.shape, b.texture, d.pose)
    truth = data.mixed(background=0, texture=1, shape=2, pose=3)
    assert torch.equal(truth.bare, data.drawn(0).bare)
    assert torch.equal(truth.picture, draw(mixed).picture)
    other = draw(mix(background=b, texture=a, shape=c, pose=d))  # neither moves the silhouette
    assert torch.equal(truth.mask, other.mask) and not torch.equal(truth.picture, other.picture)


def test_tied_a_texture_belongs_to_its_shape() -> None:
    assert TEXTURES_PER_SHAPE == 2
    seen = set()
    for i in range(300):
        labels = bird_of(0, i).labels()
        texture = ATTRIBUTES["texture"].index(labels["texture"])
        assert texture // 2 == ATTRIBUTES["shape"].index(labels["shape"])
        seen.add(texture)
    assert len(seen) == 16


def test_untied_only_the_label_of_the_texture_is_another() -> None:
    for i in range(50):
        tied, free = bird_of(0, i), bird_of(0, i, tied=False)
        texture = replace(free.texture, label=tied.texture.label)
        assert replace(free, texture=texture) == tied


def test_untied_labels_are_uniform_and_independent() -> None:
    birds = [bird_of(1, i, tied=False).labels() for i in range(2000)]
    place = {n: np.array([of.index(b[n]) for b in birds]) for n, of in ATTRIBUTES.items()}
    for name, labels in ATTRIBUTES.items():
        shares = np.bincount(place[name], minlength=len(labels)) / len(birds)
        assert np.abs(shares - 1 / len(labels)).max() < 0.03
    for a, b in combinations(ATTRIBUTES, 2):
        counts = np.zeros((len(ATTRIBUTES[a]), len(ATTRIBUTES[b])))
        np.add.at(counts, (place[a], place[b]), 1)
        expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / len(birds)
        degrees = (counts.shape[0] - 1) * (counts.shape[1] - 1)
        chi = ((counts - expected) ** 2 / expected).sum()
        assert chi < degrees + 4 * np.sqrt(2 * degrees)


def test_poses_say_nothing_about_the_labels() -> None:
    birds = [bird_of(2, i) for i in range(1000)]
    numbers = torch.stack([b.pose.numbers() for b in birds]).numpy()
    assert numbers.shape == (1000, len(POSE)) and numbers.dtype == np.float32
    for name, labels in ATTRIBUTES.items():
        place = [labels.index(b.labels()[name]) for b in birds]
        link = np.corrcoef(np.column_stack([place, numbers]), rowvar=False)[0, 1:]
        assert np.abs(link).max() < 0.11


def test_the_numbers_of_a_pose_are_named() -> None:
    pose = Pose(0.1, -0.2, 0.5, "left", 0.05, -0.1, "raised", 0.3)
    numbers = dict(zip(POSE, pose.numbers().tolist(), strict=True))
    assert numbers == pytest.approx(
        {"x": 0.1, "y": -0.2, "size": 0.5, "facing": -1, "tilt": 0.05, "nod": -0.1, "raised": 1}
    )


@pytest.mark.parametrize("pose", [UPRIGHT, *POSES], ids=["folded", "raised", "left"])
def test_shapes_differ_in_outline(pose: Pose) -> None:
    masks = [draw(plain(shape, "mallard", pose)).mask > 127 for shape in ATTRIBUTES["shape"]]
    for a, b in combinations(masks, 2):
        assert (a & b).sum() / (a | b).sum() < 0.75


def test_textures_differ_on_every_shape() -> None:
    for shape in ATTRIBUTES["shape"]:
        drawn = [draw(plain(shape, texture), 32) for texture in ATTRIBUTES["texture"]]
        inside = drawn[0].mask[0] > 200
        coats = [each.picture[:, inside].float() for each in drawn]
        assert min((a - b).abs().mean() for a, b in combinations(coats, 2)) > 12


def test_wing_and_head_move_the_outline() -> None:
    for shape in ATTRIBUTES["shape"]:
        still = draw(plain(shape, "mallard")).mask.int()
        for change in ({"wing": "raised"}, {"nod": 0.24}, {"tilt": 0.2}):
            moved = draw(plain(shape, "mallard", replace(UPRIGHT, **change))).mask.int()  # type: ignore[arg-type]
            assert (moved - still).abs().gt(127).sum() > 8


def test_scenes_are_told_apart_by_patches() -> None:
    def patches(name: str, noise: int) -> NDArray[np.float64]:
        """Mean colour of each quarter, (4, 3)."""
        return np.asarray(paint_scene(name, noise, 64).resize((2, 2), 4), float).reshape(4, 3)

    means = {name: np.mean([patches(name, i) for i in range(3)], (0, 1)) for name in SCENES}
    for name in SCENES:
        for patch in patches(name, 11):
            near = sorted(means, key=lambda other: float(np.abs(means[other] - patch).sum()))
            assert name in near[:3]


def test_a_scene_varies_with_its_noise() -> None:
    for name in SCENES:
        a, b = (np.asarray(paint_scene(name, i, 64), float) for i in (1, 2))
        assert 2 < np.abs(a - b).mean() < 60
        assert (np.asarray(paint_scene(name, 1, 64)) == a).all()


def test_refusals() -> None:
    with pytest.raises(IndexError, match="picture 2 of 2"):
        Birds(2)[2]
    with pytest.raises(ValueError) as error:
        draw(bird_of(0, 0), 8)
    assert str(error.value) == "birds: size must be at least 16 pixels to show a bird, got 8"
