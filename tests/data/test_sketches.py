"""Sketches and pictures are functions of (seed, index); content and style are separate, exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from modgan.data.images import cached, normalise
from modgan.data.sketch_parts import DETAILS, KINDS, TONES, Part
from modgan.data.sketches import (
    ATTRIBUTES,
    Content,
    Sketches,
    Style,
    content_of,
    picture,
    sketch,
    style_of,
)
from modgan.metrics.translation import edge_f1, hue_distance, hue_of, lines, luminance

COUNT = 160


@pytest.fixture(scope="module")
def pairs() -> tuple[torch.Tensor, torch.Tensor]:
    """Sketches and pictures of seed 9, (COUNT, 3, 64, 64) in -1..1."""
    data = Sketches(COUNT, seed=9)
    sketches, pictures = zip(*(data.pair(i) for i in range(COUNT)), strict=True)
    return normalise(torch.stack(sketches)), normalise(torch.stack(pictures))


def plain(kind: str, facing: str = "right") -> Content:
    return Content(kind, (0.0,) * DETAILS, 0, 0, 0.8, facing, 0)


def test_an_item_is_a_function_of_seed_and_index() -> None:
    few, many = Sketches(6, seed=3), Sketches(600, seed=3)
    assert torch.equal(few[5][0], many[5][0]) and torch.equal(few[5][1], many[5][1])
    assert not torch.equal(few[5][0], few[4][0])
    assert not torch.equal(few[5][0], Sketches(6, seed=4)[5][0])


def test_an_item_is_a_picture_and_its_kind() -> None:
    for domain in ("sketch", "picture"):
        data = Sketches(9, size=32, seed=1, domain=domain)
        shown, kind = data[7]
        assert shown.dtype == torch.uint8 and shown.shape == (3, 32, 32) and len(data) == 9
        assert kind.dtype == torch.int64 and data.attributes == {"kind": tuple(KINDS)}
        assert data.attributes["kind"][int(kind)] == content_of(1, 7).kind
        held = cached(data)
        assert torch.equal(held.images[7], shown) and held.labels.shape == (9, 1)


def test_one_seed_gives_pairs_and_two_seeds_none() -> None:
    sketches, pictures = Sketches(4, seed=2, domain="sketch"), Sketches(4, seed=2)
    for i in range(4):
        drawn, coloured = pictures.pair(i)
        assert torch.equal(drawn, sketches[i][0]) and torch.equal(coloured, pictures[i][0])
    contents = [[content_of(seed, i) for i in range(50)] for seed in (0, 1)]
    assert not set(contents[0]) & set(contents[1])


def test_content_and_style_come_from_streams_of_their_own() -> None:
    data = Sketches(5, seed=6)
    assert torch.equal(data[3][0], picture(content_of(6, 3), style_of(6, 3)))
    assert torch.equal(data.mixed(3, 1), picture(data.content(3), data.style(1)))
    assert torch.equal(data.mixed(2, 2), data[2][0])
    assert torch.equal(Sketches(5, seed=6, domain="sketch")[3][0], sketch(content_of(6, 3)))


def test_colourings_share_their_lines_and_nothing_else() -> None:
    data = Sketches(5, seed=7)
    shown = data.colourings(4)
    assert shown.shape == (10, 3, 64, 64) and torch.equal(shown[0], data[4][0])
    assert torch.equal(shown[3], picture(data.content(4), data.style(4, 3)))
    assert torch.equal(shown[:3], data.colourings(4, 3))
    assert len({data.style(4, k) for k in range(10)}) == 10
    drawn = normalise(data.pair(4)[0])[None].expand(10, -1, -1, -1)
    assert edge_f1(normalise(shown), drawn).min() > 0.95


def test_sketches_are_grey_lines_on_white(pairs: tuple[torch.Tensor, torch.Tensor]) -> None:
    sketches, _ = pairs
    assert torch.equal(sketches[:, 0], sketches[:, 1])
    assert torch.equal(sketches[:, 0], sketches[:, 2])
    share = lines(sketches).float().mean((1, 2, 3))
    assert 0.04 < share.min() and share.max() < 0.25
    border = torch.cat([sketches[..., [0, -1], :].flatten(1), sketches[..., [0, -1]].flatten(1)], 1)
    assert border.min() == 1


def test_pictures_are_dark_where_their_sketches_are(
    pairs: tuple[torch.Tensor, torch.Tensor],
) -> None:
    sketches, pictures = pairs
    solid = luminance(sketches) < 0.2
    assert luminance(pictures)[solid].max() < 0.4
    paper = pictures[:, :, 0, 0]
    assert paper.min() > 0.8


def test_true_pictures_keep_the_lines_of_their_sketches(
    pairs: tuple[torch.Tensor, torch.Tensor],
) -> None:
    sketches, pictures = pairs
    own, others = edge_f1(pictures, sketches), edge_f1(pictures, sketches.roll(1, 0))
    assert own.min() > 0.95 and own.mean() > 0.995
    assert others.mean() < 0.6


def test_the_hue_of_a_picture_is_that_of_its_style(
    pairs: tuple[torch.Tensor, torch.Tensor],
) -> None:
    true = Sketches(COUNT, seed=9).hues()
    assert true.tolist() == pytest.approx([style_of(9, i).hue for i in range(COUNT)])
    apart = hue_distance(hue_of(pairs[1]), true)
    assert apart.max() < 0.07 and apart.mean() < 0.02


def test_hues_go_round_the_circle() -> None:
    styles = [style_of(0, i) for i in range(3000)]
    shares = np.histogram([s.hue for s in styles], 10, (0, 1))[0] / 3000
    assert np.abs(shares - 0.1).max() < 0.02
    accents = torch.tensor([s.accent for s in styles])
    assert hue_distance(torch.tensor([s.hue for s in styles]), accents).min() > 0.299
    assert 0 <= accents.min() and accents.max() < 1
    for hue in (0.0, 1 / 3, 2 / 3):
        shown = normalise(picture(plain("car"), Style(hue, (hue + 0.5) % 1, 0, 0)))[None]
        assert hue_distance(hue_of(shown), torch.tensor([hue])) < 0.02


def test_kinds_are_uniform_and_say_nothing_about_styles() -> None:
    contents = [content_of(1, i) for i in range(2000)]
    shares = np.bincount([ATTRIBUTES["kind"].index(c.kind) for c in contents]) / 2000
    assert len(shares) == 8 and np.abs(shares - 1 / 8).max() < 0.03
    numbers = np.array([[*c.details, c.x, c.y, c.size, c.facing == "left"] for c in contents])
    styles = [style_of(1, i) for i in range(2000)]
    colours = np.array([[s.hue, s.accent, s.depth, s.tint] for s in styles])
    corner = np.corrcoef(numbers.T, colours.T)[:10, 10:]
    assert np.abs(corner).max() < 0.08


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_of_known_tones(kind: str) -> None:
    def tones(parts: tuple[Part, ...] | list[Part]) -> set[str]:
        return {p.tone for p in parts} | {t for p in parts for t in tones(p.marks)}

    parts = KINDS[kind].parts((0.0,) * DETAILS)
    assert tones(parts) <= set(TONES) and "main" in tones(parts) and len(tones(parts)) > 3


@pytest.mark.parametrize("kind", KINDS)
def test_details_change_a_thing_and_facing_mirrors_it(kind: str) -> None:
    right = sketch(plain(kind)).int()
    left = sketch(plain(kind, "left")).int()
    assert (left.flip(2) - right).abs().float().mean() < 12
    for k in range(DETAILS):
        details = tuple(float(k == other) for other in range(DETAILS))
        assert (sketch(replace(plain(kind), details=details)).int() - right).abs().max() > 60


def test_poses_move_things() -> None:
    for x, y in ((-1, -1), (1, 1)):
        shown = sketch(replace(plain("rocket"), x=x, y=y, size=0.7))[0] < 200
        rows, columns = shown.any(1).nonzero(), shown.any(0).nonzero()
        assert int(rows.min() if y < 0 else 63 - rows.max()) in (1, 2)
        assert int(columns.min() if x < 0 else 63 - columns.max()) in (1, 2)


@pytest.mark.parametrize("size", [32, 48, 128, 200])
def test_sizes_show_the_same_picture(size: int) -> None:
    def coarse(of: int) -> torch.Tensor:
        shown = picture(content_of(0, 1), style_of(0, 1), of).float()[None]
        return torch.nn.functional.adaptive_avg_pool2d(shown, 16)

    assert (coarse(size) - coarse(64)).abs().mean() < 4


def test_refusals() -> None:
    with pytest.raises(ValueError) as error:
        Sketches(4, domain="photo")
    assert str(error.value) == "Sketches: domain 'photo'; expected sketch or picture"
    with pytest.raises(ValueError) as error:
        sketch(plain("fish"), 8)
    assert str(error.value) == "sketches: size must be at least 16 pixels to show lines, got 8"
    for index in (-1, 4):
        with pytest.raises(IndexError) as missing:
            Sketches(4)[index]
        assert str(missing.value) == f"picture {index} of 4"
