"""The table of components, their recorded arguments, and what the table refuses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from modgan import component as table
from modgan.component import (
    Component,
    UnknownName,
    build,
    component_class,
    from_json,
    list_components,
    register,
    to_json,
)
from modgan.spec import FeatureSpec, InterfaceError, image


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Classes registered here leave the table again."""
    monkeypatch.setattr(table, "_TABLE", dict(table._TABLE))
    yield


def scale_class() -> type[Component]:
    class Scale(Component):
        def __init__(
            self, feature: FeatureSpec, name: str = "x", factors: tuple[float, ...] = (2.0,)
        ) -> None:
            super().__init__()
            self.declare({name: feature}, {name: feature})
            self.factors = nn.Parameter(torch.tensor(factors))

        def forward(self, value: Tensor) -> Tensor:
            return value * self.factors.prod()

    return register("scale")(Scale)


def test_register_records_arguments_and_builds_from_them() -> None:
    scale = scale_class()
    part = scale(FeatureSpec(2), factors=(3.0, 5.0))
    assert part.component == "scale" and component_class("scale") is scale
    assert part.config == {"feature": FeatureSpec(2), "name": "x", "factors": [3.0, 5.0]}
    twin = build("scale", **part.config)
    assert twin.config == part.config and twin.inputs == part.inputs
    assert torch.equal(twin(torch.ones(1, 2)), torch.full((1, 2), 15.0))
    assert repr(part).startswith("Scale(x -> x")


def test_the_recorded_config_is_a_copy() -> None:
    factors = [1.0, 2.0]
    part = scale_class()(FeatureSpec(2), factors=factors)
    factors.append(9.0)
    assert part.config["factors"] == [1.0, 2.0]


@pytest.mark.parametrize("value", [torch.ones(2), {1, 2}, nn.Linear(1, 1), {1: 2.0}, [object()]])
def test_arguments_are_plain_data(value: Any) -> None:
    scale = scale_class()
    with pytest.raises(TypeError, match=r"Scale\(factors=…\): component arguments are plain data"):
        scale(FeatureSpec(2), factors=value)


def test_names_are_taken_once() -> None:
    scale_class()
    with pytest.raises(ValueError, match=r"'scale' is taken by .*Scale: use another name"):
        scale_class()


@pytest.mark.parametrize("name", ["", "1st", "two words", "a.b", "a__b", "_a", "a_", "a-b", "a\n"])
def test_names_are_words(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a component: use words"):
        register(name)(Component)


def test_components_are_final() -> None:
    scale = scale_class()
    with pytest.raises(TypeError, match="Wider subclasses the registered component Scale"):
        type("Wider", (scale,), {})


@pytest.mark.parametrize("port", ["code", "graph", "recompile", "self", "two words", "", "a.b"])
def test_ports_have_legal_names(port: str) -> None:
    with pytest.raises(InterfaceError, match=f"Scale: {port!r} cannot name a port"):
        scale_class()(FeatureSpec(2), port)


def test_unknown_names_come_with_a_suggestion_and_the_list() -> None:
    with pytest.raises(UnknownName) as error:
        component_class("conv_encodr")
    text = str(error.value)
    assert text.startswith("no component named 'conv_encodr'.\n  did you mean 'conv_encoder'?")
    assert ", ".join(list_components()) in text
    assert str(UnknownName("part", "qqq", [])) == "no part named 'qqq'.\n  known: none"
    assert not isinstance(error.value, KeyError)


def test_unknown_arguments_are_named() -> None:
    with pytest.raises(
        UnknownName, match=r"no argument of conv_encoder named 'chanels'.\n  did you"
    ):
        build("conv_encoder", image=image(16), chanels=8)


def test_an_argument_may_be_called_name() -> None:
    scale_class()
    assert list(build("scale", feature=FeatureSpec(2), name="y").inputs) == ["y"]


def test_json_keeps_every_plain_value() -> None:
    config = {
        "a": [1, 2.5, "x", None, True, [FeatureSpec(2)]],
        "b": {"c": image(8), "d": {"e": []}},
    }
    assert from_json(to_json(config), "here") == config


@pytest.mark.parametrize("value", [1 << 20, -(1 << 20), 1e30, float("nan"), float("inf")])
def test_numbers_from_files_are_bounded(value: float) -> None:
    text = re.escape(f"here: {value} is out of bounds (at most 65536)")
    with pytest.raises(InterfaceError, match=text):
        from_json({"a": [{"b": value}]}, "here")


def test_the_table_is_sorted_and_complete() -> None:
    names = list_components()
    assert names == sorted(set(names))
    assert {"conv_encoder", "masked_transformer", "conv_reconstructor"} <= set(names)
