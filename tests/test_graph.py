"""Graphs: what a list of steps means, and how it runs."""

from __future__ import annotations

import copy
import io
import re
from itertools import permutations
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modgan.component import Component, UnknownName
from modgan.components import (
    MultiHeadDiscriminator,
)
from modgan.graph import Graph
from modgan.spec import FeatureSpec, InterfaceError, image, onehot
from modgan.zoo import compose

Parts = dict[str, Component]
TRANSFORMERS = ("T_hair", "T_smile", "T_beard")
CODES = {"hair": 3, "smile": 2, "beard": 2}


def inputs(graph: Graph, count: int = 3) -> dict[str, Tensor]:
    made: dict[str, Tensor] = {}
    for name, spec in graph.inputs.items():
        onehots = torch.eye(spec.channels)[torch.arange(count) % spec.channels]
        made[name] = onehots if spec.labels else torch.randn(count, *spec.shape).tanh()
    return made


class Plain(Component):
    """A component of a test: sums over everything it reads, into every output."""

    def __init__(self, reads: dict[str, FeatureSpec], writes: dict[str, FeatureSpec]) -> None:
        super().__init__()
        self.declare(reads, writes)
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        total = self.scale * sum(value.flatten(1).mean(1) for value in values)
        shapes = [spec.shape for spec in self.outputs.values()]
        return tuple(total.view(-1, *[1] * len(s)).expand(-1, *s) for s in shapes)


# What composes


def test_inputs_and_outputs(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "T_smile", "R"], parts)
    assert list(graph.inputs) == ["image", "hair", "smile"]
    assert graph.inputs["hair"] == onehot("hair", ("black", "blond", "red"))
    assert set(graph.outputs) == {"image", "mask_hair", "mask_smile"}
    assert graph.outputs["image"] == image(16)


def test_a_graph_equals_plain_python(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "T_smile", "R"], parts)
    given = inputs(graph)
    f, hair = parts["T_hair"](parts["E"](given["image"]), given["hair"])
    f, smile = parts["T_smile"](f, given["smile"])
    out = graph(**given)
    assert torch.equal(out["image"], parts["R"](f))
    assert torch.equal(out["mask_hair"], hair) and torch.equal(out["mask_smile"], smile)
    assert set(out) == set(graph.outputs)


@pytest.mark.parametrize("order", list(permutations(TRANSFORMERS)))
def test_every_order_of_three_transformers(order: tuple[str, ...], parts: Parts) -> None:
    graph = compose(["E", *order, "R"], parts)
    given = inputs(graph)
    f = parts["E"](given["image"])
    for name in order:
        f, _ = parts[name](f, given[name.removeprefix("T_")])
    assert torch.equal(graph(**given)["image"], parts["R"](f))


def test_orders_differ_by_value(parts: Parts) -> None:
    forth, back = (compose(["E", *o, "R"], parts) for o in (TRANSFORMERS, TRANSFORMERS[::-1]))
    given = inputs(forth)
    assert not torch.equal(forth(**given)["image"], back(**given)["image"])


def test_one_part_serves_several_steps(parts: Parts) -> None:
    graph = compose(
        [
            "E",
            "T_hair: feature first -> feature m1",
            "T_hair: feature second -> feature m2",
            "R",
        ],
        parts,
    )
    assert list(graph.inputs) == ["image", "first", "second"]
    assert len(list(graph.parameters())) == sum(
        len(list(parts[name].parameters())) for name in ("E", "T_hair", "R")
    )
    given = inputs(graph)
    f, m1 = parts["T_hair"](parts["E"](given["image"]), given["first"])
    f, m2 = parts["T_hair"](f, given["second"])
    out = graph(**given)
    assert torch.equal(out["m1"], m1) and torch.equal(out["m2"], m2)
    assert torch.equal(out["image"], parts["R"](f))


def test_a_tree_and_a_dropped_output(parts: Parts) -> None:
    graph = compose(
        ["E", "R: feature -> before", "T_hair: feature hair -> f _", "R: f -> after"], parts
    )
    assert set(graph.outputs) == {"before", "after"}
    given = inputs(graph)
    f = parts["E"](given["image"])
    out = graph(**given)
    assert torch.equal(out["before"], parts["R"](f))
    assert torch.equal(out["after"], parts["R"](parts["T_hair"](f, given["hair"])[0]))


def test_pictures_before_and_after_under_one_feature_name(parts: Parts) -> None:
    steps = ["E", "R: feature -> before", "T_hair", "T_smile", "R"]
    assert set(compose(steps, parts).outputs) == {"before", "image", "mask_hair", "mask_smile"}


def test_encoding_again_needs_a_name_of_its_own(parts: Parts) -> None:
    graph = compose(["R: f -> image", "E"], parts)
    assert (list(graph.inputs), list(graph.outputs)) == (["f"], ["feature"])
    f = torch.randn(2, 48, 4, 4)
    assert torch.equal(graph(f=f)["feature"], parts["E"](parts["R"](f)))


def test_a_single_step_composes(parts: Parts) -> None:
    assert set(compose(["T_hair"], parts).outputs) == {"feature", "mask_hair"}


# Running


def test_missing_and_unknown_inputs(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "T_smile", "R"], parts)
    given = inputs(graph)
    with pytest.raises(InterfaceError) as error:
        graph(image=given["image"])
    assert str(error.value) == (
        "missing 'hair': one of black, blond, red, or None to skip what reads it\n"
        "  and 'smile': one of no, yes, or None to skip what reads it"
    )
    with pytest.raises(UnknownName, match=r"no input named 'smlie'.\n  did you mean 'smile'"):
        graph(**given, smlie=given["smile"])


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (torch.zeros(1, 2), "input 'hair': expects (B, 3) of 3 of onehot:hair, gets (1, 2)"),
        (torch.zeros(3), "input 'hair': expects (B, 3) of 3 of onehot:hair, gets (3)"),
        (torch.zeros(1, 3).long(), "input 'hair': expects a floating point tensor, gets torch.int"),
        ("blond", "input 'hair': expects a floating point tensor, gets str"),
        (None, "input 'hair': expects a floating point tensor, gets NoneType"),
    ],
)
def test_tensors_are_checked_at_the_boundary(bad: Any, text: str, parts: Parts) -> None:
    graph = compose(["E", "T_hair", "R"], parts)
    with pytest.raises(InterfaceError, match=re.escape(text)):
        graph(image=torch.zeros(1, 3, 16, 16), hair=bad)


def test_gradients_reach_inputs_and_every_part(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "R"], parts)
    given = inputs(graph)
    given["image"].requires_grad_()
    graph(**given)["image"].square().sum().backward()
    assert given["image"].grad is not None and given["image"].grad.any()
    assert all(p.grad is not None and p.grad.any() for p in graph.parameters())


def test_inputs_are_left_alone(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "R"], parts)
    given = inputs(graph)
    kept = {name: value.clone() for name, value in given.items()}
    graph(**given)
    assert all(torch.equal(given[name], kept[name]) for name in kept) and set(given) == set(kept)


def test_a_graph_shares_its_parts_and_a_deepcopy_does_not(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "R"], parts)
    twin = copy.deepcopy(graph)
    given = inputs(graph)
    before = graph(**given)["image"]
    assert torch.equal(twin(**given)["image"], before)
    with torch.no_grad():
        next(parts["R"].parameters()).add_(1)
    assert not torch.equal(graph(**given)["image"], before)
    assert torch.equal(twin(**given)["image"], before)
    assert (twin.inputs, twin.outputs, twin.steps) == (graph.inputs, graph.outputs, graph.steps)


def test_state_dict_round_trip(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "R"], parts)
    assert all(
        key.startswith(("parts.E.", "parts.T_hair.", "parts.R.")) for key in graph.state_dict()
    )
    file = io.BytesIO()
    torch.save(graph.state_dict(), file)
    file.seek(0)
    other = copy.deepcopy(graph)
    with torch.no_grad():
        for p in other.parameters():
            p.zero_()
    other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    given = inputs(graph)
    assert torch.equal(other(**given)["image"], graph(**given)["image"])


def test_a_whole_graph_exports(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "R"], parts)
    given = inputs(graph)
    exported = torch.export.export(graph, (), given)
    assert torch.equal(exported.module()(**given)["image"], graph(**given)["image"])


def test_repr_is_the_wiring_in_about_ten_lines(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "T_smile", "R"], parts)
    assert repr(graph).splitlines() == [
        "in   image: 3×16×16 of image[-1,1]",
        "in   hair: 3 of onehot:hair",
        "in   smile: 2 of onehot:smile",
        "     E: image -> feature",
        "     T_hair: feature hair -> feature mask_hair",
        "     T_smile: feature smile -> feature mask_smile",
        "     R: feature -> image",
        "out  image: 3×16×16 of image[-1,1]",
        "out  mask_hair: 1×4×4 of mask[0,1]",
        "out  mask_smile: 1×4×4 of mask[0,1]",
    ]


def test_a_discriminator_reads_what_was_made(parts: Parts) -> None:
    critic = MultiHeadDiscriminator(image(16), {"hair": ["black", "blond", "red"]}, 4, 2)
    steps = ["E", "T_hair: feature hair -> feature _", "R", "D: image -> real label"]
    graph = compose(steps, {**parts, "D": critic})
    assert list(graph.outputs) == ["real", "label"]
    given = inputs(graph)
    real, label = critic(parts["R"](parts["T_hair"](parts["E"](given["image"]), given["hair"])[0]))
    out = graph(**given)
    assert torch.equal(out["real"], real) and torch.equal(out["label"], label)


# Skipping, which only `apply` does; the rest of `apply` is in test_boundary.py

PICTURE, CODE = image(16), onehot("hair", ("a", "b"))


def test_none_skips_a_transformer(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "T_smile", "R"], parts)
    x = torch.rand(1, 3, 16, 16) * 2 - 1
    out = graph.apply(image=x, hair=None, smile="yes")
    short = compose(["E", "T_smile", "R"], parts).apply(image=x, smile="yes")
    assert out["image"][0].tobytes() == short["image"][0].tobytes()
    assert set(out) == {"image", "mask_smile"}


def test_a_skipped_step_takes_its_mask_along() -> None:
    """A name written twice must not show the other step's mask."""
    feature = FeatureSpec(4, 4, 4)
    changer = Plain({"x": feature, "hair": CODE}, {"x": feature, "m": FeatureSpec(1, 4, 4)})
    reader = Plain({"x": feature, "m": FeatureSpec(1, 4, 4)}, {"y": FeatureSpec(2)})
    parts = {"T": changer, "read": reader}
    graph = compose(["T: x one -> x m", "read", "T: x two -> x m", "read: x m -> z"], parts)
    x = torch.ones(1, 4, 4, 4)
    assert set(graph.apply(x=x, one="a", two="b")) == {"y", "z"}
    with pytest.raises(InterfaceError, match="step 'read: x m -> z' cannot be skipped"):
        graph.apply(x=x, one="a", two=None)


def test_only_steps_that_hand_something_on_can_be_skipped() -> None:
    star = Plain({"image": PICTURE, "hair": CODE}, {"image": PICTURE})
    cycle = Plain({"image": PICTURE}, {"image": PICTURE})
    graph = compose(["cycle", "star"], {"cycle": cycle, "star": star})
    x = torch.ones(1, 3, 16, 16)
    short = compose(["cycle"], {"cycle": cycle}).apply(image=x)["image"][0]
    assert graph.apply(image=x, hair=None)["image"][0].tobytes() == short.tobytes()
    with pytest.raises(InterfaceError, match="step 'cycle: image -> image' cannot be skipped"):
        graph.apply(image=None, hair="a")
    coder = compose(["Q"], {"Q": Plain({"image": PICTURE}, {"hair": CODE})})
    with pytest.raises(InterfaceError, match="cannot be skipped: it makes 2 of onehot:hair"):
        coder.apply(image=None)
