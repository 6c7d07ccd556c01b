"""Codes and masks as judges see them, on pictures and parts whose answers are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from modgan.component import Component
from modgan.components import (
    AttributeCoder,
    BackgroundPainter,
    ChildTransformer,
    ParentGenerator,
    StageGenerator,
    StagePainter,
    UnetEncoder,
)
from modgan.metrics.frechet import features, frechet
from modgan.metrics.mixing import (
    Seen,
    centres,
    disentangled,
    distance,
    iou,
    largest,
    meaning,
    same_pose,
    see,
)
from modgan.metrics.stages import TITLES, in_batches, onehot_codes, painted, rows
from modgan.spec import FeatureSpec, image, logits, onehot

SIZE, B = 16, 5


def labels(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))


def box(top: int, left: int, side: int = 4) -> Tensor:
    """A square mask, bool (1, SIZE, SIZE)."""
    mask = torch.zeros(1, SIZE, SIZE, dtype=torch.bool)
    mask[:, top : top + side, left : left + side] = True
    return mask


@pytest.fixture
def parts() -> dict[str, Component]:
    behind = StageGenerator("background", labels(3), (4, 4, 4), 5)
    inner = ParentGenerator("parent", labels(2), (4, 4, 4), 4, 1, 5)
    dress = ChildTransformer(inner.outputs["feature"], "child", labels(4), 4, 4, 1)
    made: dict[str, Component] = {
        "G_background": behind,
        "R_background": BackgroundPainter(behind.outputs["feature"], image(SIZE)),
        "G_parent": inner,
        "R_parent": StagePainter(inner.outputs["feature"], image(SIZE), "parent"),
        "T_child": dress,
        "R_child": StagePainter(dress.outputs["feature"], image(SIZE), "child"),
    }
    return {name: part.eval() for name, part in made.items()}


def drawn(count: int = B) -> dict[str, Tensor]:
    indices = {"background": 3, "parent": 2, "child": 4}
    return {name: torch.randint(most, (count,)) for name, most in indices.items()}


def test_stages_lie_over_each_other(parts: dict[str, Component]) -> None:
    made = painted(parts, onehot_codes(parts, torch.randn(B, 5), drawn()))
    parent = made.cut_parent + made.background * (1 - made.mask_parent)
    torch.testing.assert_close(made.parent, parent)
    torch.testing.assert_close(made.image, made.cut_child + parent * (1 - made.mask_child))
    # what is left of the background is what neither mask covers
    left = (1 - made.mask_parent) * (1 - made.mask_child)
    torch.testing.assert_close(made.mask(), 1 - left)
    assert [len(row) for row in rows(made, 2)] == [len(TITLES)] * 2


def test_a_feature_takes_the_place_of_the_parents_codes(parts: dict[str, Component]) -> None:
    codes = onehot_codes(parts, torch.randn(B, 5), drawn())
    whole = painted(parts, codes)
    again = painted(parts, {k: v for k, v in codes.items() if k != "parent"}, whole.feature)
    assert torch.equal(again.image, whole.image)
    other = painted(parts, {**codes, "z_background": torch.randn(B, 5)})
    assert torch.equal(other.mask_parent, whole.mask_parent)
    assert not torch.equal(other.background, whole.background)


def test_batches_are_the_whole(
    parts: dict[str, Component], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = onehot_codes(parts, torch.randn(B, 5), drawn())
    monkeypatch.setattr("modgan.metrics.stages.BATCH", 2)
    with torch.no_grad():
        torch.testing.assert_close(in_batches(parts, codes).image, painted(parts, codes).image)


def test_the_middle_of_masks() -> None:
    masks = torch.stack([box(0, 0), box(6, 6), box(0, 12), torch.zeros_like(box(0, 0))])
    expected = torch.tensor([[2 / 16, 2 / 16], [0.5, 0.5], [2 / 16, 14 / 16], [0.5, 0.5]])
    torch.testing.assert_close(centres(masks), expected)
    torch.testing.assert_close(distance(masks[:1], masks[2:3]), torch.tensor([0.75]))


def test_intersection_over_union() -> None:
    a = torch.stack([box(0, 0), box(0, 0), box(0, 0), torch.zeros_like(box(0, 0))])
    b = torch.stack([box(0, 0), box(0, 2), box(8, 8), torch.zeros_like(box(0, 0))])
    torch.testing.assert_close(iou(a, b), torch.tensor([1.0, 8 / 24, 0.0, 0.0]))


def test_specks_do_not_move_the_middle() -> None:
    snake = torch.zeros_like(box(0, 0))
    snake[0, 0, :9], snake[0, :9, 9], snake[0, 9, 1:9] = True, True, True  # joined at a corner
    masks = torch.stack([box(0, 0) | box(8, 8, 5), snake | box(13, 0, 3), torch.zeros_like(snake)])
    kept = largest(masks)
    assert torch.equal(kept, torch.stack([box(8, 8, 5), snake, torch.zeros_like(snake)]))
    expected = torch.tensor([[10.5 / 16, 10.5 / 16], [5 / 16, 5 / 16], [0.5, 0.5]])
    torch.testing.assert_close(centres(masks), expected)


def test_a_pose_is_place_and_facing() -> None:
    facing = torch.tensor([0, 1, 0])
    before = Seen({"facing": facing}, torch.stack([box(4, 4)] * 3))
    after = Seen(
        {"facing": torch.tensor([0, 0, 0])}, torch.stack([box(5, 4), box(4, 4), box(8, 4)])
    )
    assert same_pose(before, after).tolist() == [True, False, False]
    bare = Seen({}, before.masks), Seen({}, after.masks)
    assert same_pose(*bare).tolist() == [True, True, False]


def test_codes_mean_what_most_of_their_pictures_show() -> None:
    codes, shown = torch.tensor([0, 0, 0, 2, 2]), torch.tensor([1, 1, 0, 2, 2])
    label, share = meaning(codes, shown, 3, 4)
    assert label.tolist() == [1, 0, 2]
    torch.testing.assert_close(share, torch.tensor([2 / 3, 0.0, 1.0]))


class Told(Component):
    """A judge or a hierarchy's part whose answer is a plain function."""

    def __init__(self, inputs: dict[str, FeatureSpec], outputs: dict[str, FeatureSpec]) -> None:
        super().__init__()
        self.declare(inputs, outputs)
        self.act = nn.Identity()


class Painter(Told):
    """Background's code is the red of a picture, the child's its green; the parent is not seen."""

    def forward(self, *given: Tensor) -> tuple[Tensor, ...] | Tensor:
        if "background" in self.inputs:
            return given[1].argmax(1)[:, None, None, None].expand(-1, 3, SIZE, SIZE) / 8
        if "child" in self.inputs:
            return given[1].argmax(1)[:, None, None, None].expand(-1, 3, SIZE, SIZE) / 8
        if "image" not in self.inputs:
            return (
                given[0]
                if len(given) == 1
                else given[0][:, :1, None, None].expand(-1, 3, SIZE, SIZE)
            )
        feature, canvas = given
        mask = torch.zeros_like(feature[:, :1])
        picture = canvas
        if "mask_child" in self.outputs:
            picture = torch.stack([canvas[:, 0], feature[:, 0], canvas[:, 2]], 1)
        return picture, mask, mask


class Reader(Told):
    """Reads background and texture off the colours, and always the same shape."""

    def forward(self, picture: Tensor) -> tuple[Tensor, ...]:
        red, green = (picture[:, at, 0, 0] * 8 for at in (0, 1))
        heads = [torch.eye(4)[value.round().long().clamp(0, 3)] for value in (red, red * 0, green)]
        return tuple(heads)


class Segmenter(Told):
    """The object is always in the same place."""

    def forward(self, picture: Tensor) -> Tensor:
        return box(4, 4).float().expand(len(picture), 1, SIZE, SIZE) - 0.5


def colours(seen: bool = True) -> tuple[dict[str, Component], tuple[Component, Component]]:
    """A hierarchy of flat colours and its judges; they may see nothing of the colours."""
    feature, z = FeatureSpec(3, SIZE, SIZE), FeatureSpec(2, space="normal")
    picture = image(SIZE)
    four = {name: onehot(name, labels(4)) for name in ("background", "parent", "child")}
    stage = {"image": picture, "mask": FeatureSpec(1, SIZE, SIZE), "cut": picture}
    parts: dict[str, Component] = {
        "G_background": Painter({"z": z, "background": four["background"]}, {"feature": feature}),
        "R_background": Painter({"feature": feature}, {"image": picture}),
        "G_parent": Painter({"z": z, "parent": four["parent"]}, {"feature": feature}),
        "R_parent": Painter({"feature": feature, "image": picture}, stage),
        "T_child": Painter({"feature": feature, "child": four["child"]}, {"feature": feature}),
        "R_child": Painter(
            {"feature": feature, "image": picture}, {**stage, "mask_child": stage["mask"]}
        ),
    }
    heads = {name: logits(labels(4)) for name in ("background", "shape", "texture")}
    Q, S = (
        Reader({"image": picture}, heads),
        Segmenter({"image": picture}, {"object": stage["mask"]}),
    )
    if not seen:
        Q.register_forward_pre_hook(lambda module, given: (torch.zeros_like(given[0]),))
    return parts, (Q, S)


def test_codes_that_stand_for_one_factor_each() -> None:
    found = disentangled(*colours(), 60, torch.Generator().manual_seed(0))
    assert found.meanings == {"background": [0, 1, 2, 3], "parent": [0] * 4, "child": [0, 1, 2, 3]}
    assert found.purity == {"background": 1.0, "parent": 1.0, "child": 1.0}
    assert found.distinct == {"background": 4, "parent": 1, "child": 4}
    stays = dict.fromkeys(("shape", "texture", "pose", "place", "background"), 1.0)
    for code, factor in (("background", "background"), ("parent", "shape"), ("child", "texture")):
        others = {name: share for name, share in stays.items() if name != factor}
        follows = float(code != "parent")  # whose shape is always the same
        assert found.changed[code] == {"follows": follows, **others}
    assert found.changed["z"]["follows"] == 0.0  # the object never moves


def test_pictures_that_are_all_alike_follow_nothing() -> None:
    found = disentangled(*colours(seen=False), 60, torch.Generator().manual_seed(0))
    assert found.purity["child"] == 1.0 and set(found.distinct.values()) == {1}
    assert {row["follows"] for row in found.changed.values()} == {0.0}


def test_the_least_pure_code_is_named() -> None:
    parts, (Q, S) = colours()
    turns = iter(range(10**6))

    def other(module: nn.Module, given: tuple[Tensor], told: tuple[Tensor, ...]) -> object:
        """Every second picture of the child 3 is read as the child 0's."""
        texture = told[2].clone()
        for at in texture.argmax(1).eq(3).nonzero()[:, 0].tolist():
            texture[at] = torch.eye(4)[0 if next(turns) % 2 else 3]
        return told[0], told[1], texture

    Q.register_forward_hook(other)
    found = disentangled(parts, (Q, S), 60, torch.Generator().manual_seed(0))
    assert 0.5 <= found.least["child"] < 0.6
    assert found.purity["child"] == pytest.approx((3 + found.least["child"]) / 4)
    assert found.least["background"] == 1.0


def test_judges_see_labels_and_masks() -> None:
    picture = torch.randn(B, 3, SIZE, SIZE)
    Q = AttributeCoder(image(SIZE), {"shape": ["a", "b"], "facing": ["left", "right"]}, 8).eval()
    S = UnetEncoder(image(SIZE), FeatureSpec(1, SIZE, SIZE, "logit"), 2, 0).eval()
    seen = see(Q, S, picture)
    assert list(seen.labels) == ["shape", "facing"] and seen.masks.shape == (B, 1, SIZE, SIZE)
    with torch.no_grad():
        assert torch.equal(seen.labels["shape"], Q(picture)[0].argmax(1))
    assert torch.equal(features(Q, picture), Q.get_submodule("body")(picture))


def test_frechet_distance() -> None:
    rng = torch.Generator().manual_seed(0)
    a = torch.randn(4000, 3, generator=rng)
    assert abs(frechet(a, a)) < 1e-9
    assert frechet(a, a + 2) == pytest.approx(12)
    # deviations 1 and 3 in each direction: (1 − 3)² a direction
    b = 3 * torch.randn(4000, 3, generator=rng)
    assert frechet(a, b) == pytest.approx(12, rel=0.1)
    turned = torch.linalg.qr(torch.randn(3, 3, generator=rng))[0]
    stretched = b * torch.tensor([1.0, 2.0, 0.5])
    assert frechet(a @ turned, stretched @ turned) == pytest.approx(frechet(a, stretched), rel=1e-4)
    with pytest.raises(ValueError, match=r"two sets \(N, C\) of one C, with 2 rows or more"):
        frechet(a, a[:, :2])
