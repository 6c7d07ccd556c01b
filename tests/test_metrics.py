"""Edit scores against pictures and judges whose answers are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from modgan.component import Component
from modgan.metrics.edits import (
    EditScores,
    accuracy,
    apply_codes,
    changed,
    mask_contrast,
    means,
    read,
    score,
)
from modgan.spec import image, logits
from modgan.zoo import Zoo, compose


class Eye(Component):
    """Reads `left` off the brightness of the left half and `right` off that of the right half."""

    def __init__(self) -> None:
        super().__init__()
        binary = logits(("dark", "bright"))
        self.declare({"image": image(4)}, {"left": binary, "right": binary})

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        halves = picture[..., :2].mean((1, 2, 3)), picture[..., 2:].mean((1, 2, 3))
        return tuple(torch.stack([-half, half], 1) for half in halves)  # type: ignore[return-value]


def pictures(*halves: tuple[float, float]) -> Tensor:
    rows = [torch.tensor([a, a, b, b]).expand(3, 4, 4) for a, b in halves]
    return torch.stack(rows)


SOURCE = pictures((-0.5, -0.5), (-0.5, 0.5))
TRUTH = pictures((0.5, -0.5), (0.5, 0.5))  # the left half made bright
WANTED = torch.tensor([[1, 0], [1, 1]])


def scores(edit: Tensor, mask: Tensor | None = None) -> EditScores:
    mask = torch.ones(2, 1, 4, 4) if mask is None else mask
    out = {"image": edit, "mask_left": mask}
    return score(out, SOURCE, {"left": TRUTH}, TRUTH, Eye(), WANTED)


def test_the_truth_scores_perfectly() -> None:
    s = scores(TRUTH)
    assert (s.error, s.kept, s.inside, s.outside) == (0, 1, 0, 0)


def test_doing_nothing_scores_the_distance() -> None:
    s = scores(SOURCE)
    assert (s.error, s.kept, s.outside) == (1, 1, 0)
    assert s.inside == s.inside_copy == pytest.approx(127.5)  # half of the range, in grey levels


def test_damage_outside_counts_as_such() -> None:
    s = scores(pictures((0.5, 0.5), (0.5, 0.5)))  # brightens the right half too
    assert (s.error, s.kept, s.inside) == (0, 0.5, 0)
    assert s.outside == pytest.approx(127.5 / 2)


def test_half_the_edits_fail() -> None:
    assert scores(torch.stack([TRUTH[0], SOURCE[1]])).error == 0.5


def test_masks_are_compared_inside_and_outside() -> None:
    mask = torch.full((2, 1, 4, 4), 0.1)
    mask[..., :2] = 0.9
    assert scores(TRUTH, mask).masks["left"] == pytest.approx(9.0)
    region = changed(SOURCE, TRUTH)
    assert torch.equal(region[0, 0], torch.tensor([1.0, 1, 0, 0]).expand(4, 4))
    small = torch.tensor([[0.8, 0.2], [0.8, 0.2]]).expand(2, 1, 2, 2)  # a mask of another size
    assert mask_contrast(small, region) == pytest.approx(4.0)


def test_reading_and_accuracy() -> None:
    assert read(Eye(), SOURCE).tolist() == [[0, 0], [0, 1]]
    assert accuracy(Eye(), SOURCE, WANTED) == {"left": 0.0, "right": 1.0}


def test_codes_are_applied_as_the_graph_applies_them(zoo: Zoo) -> None:
    graph = compose(["E", "T_hair", "T_smile", "R"], zoo)
    x = torch.rand(3, 3, 16, 16) * 2 - 1
    hair, smile = torch.tensor([0, 2, 1]), torch.tensor([1, 0, 1])
    out = apply_codes(graph, x, {"hair": hair, "smile": smile})
    direct = graph(image=x, hair=torch.eye(3)[hair], smile=torch.eye(2)[smile])
    assert torch.allclose(out["image"], direct["image"].clamp(-1, 1), atol=1e-6)


def test_means_over_orders() -> None:
    a, b = scores(TRUTH), scores(SOURCE)
    m = means([a, b])
    assert (m.error, m.inside) == (0.5, (a.inside + b.inside) / 2)
    assert m.masks["left"] == a.masks["left"]
