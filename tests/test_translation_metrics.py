"""Edges against lines and hues, on pictures whose answers are known."""

from __future__ import annotations

import pytest
import torch

from modgan.metrics.translation import (
    coloured_area,
    edge_f1,
    edges,
    hue_distance,
    hue_of,
    hue_taken,
    lines,
    luminance,
)


def ruled(*columns: int, size: int = 24) -> torch.Tensor:
    """White (1, 3, size, size) with black columns."""
    page = torch.ones(1, 3, size, size)
    page[..., list(columns)] = -1
    return page


def coloured(*colours: tuple[float, float, float]) -> torch.Tensor:
    """A picture of stripes of equal width, from red, green, blue in 0..1."""
    stripes = [2.0 * torch.tensor(c)[:, None, None].expand(3, 12, 4) - 1 for c in colours]
    return torch.cat(stripes, 2)[None]


def test_luminance_is_that_of_television() -> None:
    shown = coloured((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1))
    at = luminance(shown)[0, 0, 0, ::4]
    assert at.tolist() == pytest.approx([0.299, 0.587, 0.114, 1], abs=1e-6)
    assert luminance(3 * shown).max() == pytest.approx(1)


def test_edges_are_thin_and_on_both_sides_of_a_line() -> None:
    found = edges(ruled(10))[0, 0]
    assert found.all(0).nonzero().flatten().tolist() == [9, 11] and found.sum() == 48
    step = torch.ones(1, 3, 24, 24)
    step[..., 12:] = 0
    assert edges(step)[0, 0].any(0).nonzero().flatten().tolist() == [11, 12]
    assert edges(step.mT)[0, 0].any(1).nonzero().flatten().tolist() == [11, 12]
    faint = 1 - (1 - step) / 5  # 0.1 of luminance in all, 0.05 a pixel
    assert not edges(faint).any()
    diagonal = torch.eye(24).expand(1, 3, 24, 24) * -2 + 1
    y, x = edges(diagonal)[0, 0, 3:-3, 3:-3].nonzero(as_tuple=True)
    assert set((y - x).abs().tolist()) == {1, 2}  # across it the next pixel is two rows away


def test_lines_are_dark() -> None:
    assert torch.equal(lines(ruled(3, 4)), ruled(3, 4)[:, :1] < 0)


def test_f1_of_a_sketch_moved_sideways() -> None:
    sketch = ruled(6, 16)
    found = [edge_f1(sketch.roll(by, 3), sketch).item() for by in range(5)]
    # edges are one pixel to both sides: moved by 1 or 2, one of the two is still near its line
    assert found == pytest.approx([1, 2 / 3, 2 / 3, 0, 0])


def test_f1_weighs_precision_and_recall() -> None:
    both = edge_f1(torch.cat([ruled(6), ruled(6, 16)]), torch.cat([ruled(6, 16), ruled(6)]))
    assert both.tolist() == pytest.approx([2 / 3, 2 / 3])  # half is missing; half is too much
    empty = torch.ones(1, 3, 24, 24)
    assert edge_f1(empty, ruled(6)).item() == 0 and edge_f1(ruled(6), empty).item() == 0
    assert edge_f1(empty, empty).item() == 0


def test_hues_of_plain_colours() -> None:
    colours = [(1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (0.0, 0.8, 0.0), (0.2, 0.6, 0.6), (0.0, 0.0, 1.0)]
    hues = hue_of(torch.cat([coloured(c) for c in colours]))
    assert hues.tolist() == pytest.approx([0, 1 / 6, 1 / 3, 1 / 2, 2 / 3], abs=1e-6)


def test_a_hue_is_a_circular_mean_over_coloured_pixels() -> None:
    around = hue_of(coloured((1, 0.1, 0), (1, 0, 0.1)))  # as far to both sides of red
    assert hue_distance(around, torch.zeros(1)) < 1e-6
    pale = hue_of(coloured((1, 0, 0), (0.85, 1, 0.85), (1, 1, 1), (0, 0, 0)))
    assert hue_distance(pale, torch.zeros(1)) < 1e-6
    strong = hue_of(coloured((1, 0, 0), (0.5, 1, 0.5)))  # green has half the chroma
    expected = torch.atan2(torch.tensor(0.5 * 3**0.5 / 2), torch.tensor(0.75)) / (2 * torch.pi)
    assert strong.item() == pytest.approx(expected.item(), abs=1e-6)


def test_without_colour_there_is_no_hue() -> None:
    hue = hue_of(coloured((1, 1, 1), (0.5, 0.5, 0.5), (0.6, 0.5, 0.5)))
    assert hue.isnan().all()
    assert not (hue_distance(hue, torch.zeros(1)) <= 0.1).any()


def test_a_few_coloured_pixels_do_not_take_a_hue() -> None:
    guide = coloured((1, 0, 0), (1, 1, 1))
    grey = torch.zeros(1, 3, 12, 8)
    specks = grey.clone()
    specks[:, :, :2, :2] = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
    assert hue_distance(hue_of(specks), hue_of(guide)) < 1e-6
    assert coloured_area(specks).item() == pytest.approx(4 / 96)
    half = guide.clone()
    half[..., :2] = 1
    shown = torch.cat([specks, grey, half, guide, coloured((0, 0, 1), (1, 1, 1))])
    taken = hue_taken(shown, guide.expand(5, -1, -1, -1), guide.expand(5, -1, -1, -1))
    assert taken.tolist() == [False, False, True, True, False]
    assert not hue_taken(guide, grey, grey).any()  # the guide has no colour


def test_distances_go_the_short_way_round() -> None:
    a, b = torch.tensor([0.1, 0.95, 0.0, 0.7]), torch.tensor([0.3, 0.05, 0.5, 0.7])
    assert hue_distance(a, b).tolist() == pytest.approx([0.2, 0.1, 0.5, 0], abs=1e-6)
    assert torch.equal(hue_distance(a, b), hue_distance(b, a))


def test_pictures_of_another_type_are_refused() -> None:
    for measure in (luminance, edges, lines, hue_of, coloured_area):
        with pytest.raises(ValueError) as error:
            measure(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
        assert str(error.value) == (
            "expected pictures as floats (B, 3, H, W) in [-1, 1], got torch.uint8 (1, 3, 8, 8); "
            "use normalise for uint8"
        )
    with pytest.raises(ValueError, match=r"got torch.float32 \(3, 8, 8\)"):
        hue_of(torch.zeros(3, 8, 8))
