"""Graphs: how steps are parsed, and every list of steps that means nothing."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
import torch

from modgan.component import Component, UnknownName
from modgan.components import (
    ConvEncoder,
    PatchEncoder,
    ResidualTransformer,
)
from modgan.graph import Step
from modgan.spec import InterfaceError, image
from modgan.zoo import compose

Parts = dict[str, Component]


# Parsing


def test_a_bare_name_reads_and_writes_its_ports(parts: Parts) -> None:
    step = Step.parse("T_hair", parts)
    assert step == Step("T_hair", ("feature", "hair"), ("feature", "mask_hair"))
    assert str(step) == "T_hair: feature hair -> feature mask_hair"
    assert Step.parse(str(step), parts) == step


@pytest.mark.parametrize(
    "text", ["T_hair: f h -> g _", "T_hair:f h->g _", "  T_hair :  f   h  ->  g   _ "]
)
def test_values_are_named_by_position(text: str, parts: Parts) -> None:
    assert Step.parse(text, parts) == Step("T_hair", ("f", "h"), ("g", "_"))


@pytest.mark.parametrize(
    "text",
    [
        "T_hair:",
        "T_hair: f h",
        "T_hair: f -> g m",
        "T_hair: f h x -> g m",
        "T_hair: f h -> g",
        "T_hair: f h -> g m n",
        "T_hair: f h -> g -> m",
        "T_hair: _ h -> g m",
        "T_hair: f 1h -> g m",
        "T_hair: f, h -> g m",
        "T_hair: -> ",
    ],
)
def test_wrong_steps_say_what_the_part_reads_and_writes(text: str, parts: Parts) -> None:
    with pytest.raises(InterfaceError) as error:
        Step.parse(text, parts)
    assert str(error.value) == (
        f"step {text!r}: T_hair reads (feature hair) and writes (feature mask_hair);\n"
        "  write it as 'T_hair: feature hair -> feature mask_hair' with your own value names"
    )


def test_one_step_cannot_write_a_name_twice(parts: Parts) -> None:
    with pytest.raises(InterfaceError, match="writes one name twice; drop an output with '_'"):
        Step.parse("T_hair: f h -> g g", parts)
    assert Step.parse("T_hair: f h -> _ _", parts).writes == ("_", "_")


def test_an_unknown_part_comes_with_a_suggestion(parts: Parts) -> None:
    with pytest.raises(UnknownName, match=r"no part named 'T_hiar'.\n  did you mean 'T_hair'?"):
        compose(["E", "T_hiar", "R"], parts)
    with pytest.raises(UnknownName, match="known: E, T_hair, T_smile, T_beard, R"):
        compose(["E", "zzz"], parts)


@pytest.mark.parametrize("steps", ["E", [], ()])
def test_a_composition_is_a_list(steps: Any, parts: Parts) -> None:
    with pytest.raises(
        InterfaceError, match=r"a composition is a list of steps, got .*write 'T_ha"
    ):
        compose(steps, parts)


@pytest.mark.parametrize("name", ["type", "keys", "half", "training"])
def test_names_of_torch_modules_cannot_name_parts(name: str, parts: Parts) -> None:
    with pytest.raises(InterfaceError, match=f"{name!r} cannot name a part: torch modules own"):
        compose([name], {name: parts["E"]})


# What does not


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        (["T_hair", "E", "R"], "step 2 of 3, 'E: image -> feature': writes over the 'feature' of"),
        (["T_hair", "T_smile", "E", "R"], "the 'feature' of step 2, T_smile, before anybody reads"),
        (["E", "R", "T_hair"], "step 3 of 3.*nobody reads the 'feature'.*step 2, R, already read"),
        (["E", "R", "T_hair", "T_smile"], "step 3 of 4.*step 2, R, already read"),
        (["E", "T_hair", "R", "T_smile"], "step 4 of 4.*step 3, R, already read"),
        (["R", "E"], "step 2 of 2.*makes the 'feature' that an earlier step reads from outside"),
        (["T_hair", "R", "E"], "makes the 'feature' that an earlier step reads from outside"),
        (["R", "T_hair"], "step 2 of 2.*nobody reads the 'feature' it writes"),
        (["E", "E"], "writes over the 'feature' of step 1, E"),
        (["E", "T_hair: f hair -> g m", "R"], "step 2 of 3.*connected to nothing: check the order"),
        (["E", "R: f -> image"], "step 1 of 2, 'E: image -> feature', is connected to nothing"),
        (
            ["E", "T_hair", "T_smile: feature smile -> feature mask_hair", "R"],
            "writes over the 'mask_hair' of step 2, T_hair.*or drop it there with '_'",
        ),
    ],
)
def test_misordered_lists(steps: list[str], text: str, parts: Parts) -> None:
    with pytest.raises(InterfaceError, match=text):
        compose(steps, parts)


def test_of_all_orders_only_the_meaningful_compose(parts: Parts) -> None:
    names = ["E", "T_hair", "T_smile", "R"]
    composed = []
    for order in permutations(names):
        try:
            compose(list(order), parts)
        except InterfaceError:
            continue
        composed.append(order)
    assert composed == [("E", "T_hair", "T_smile", "R"), ("E", "T_smile", "T_hair", "R")]


def test_same_shape_is_not_same_space(parts: Parts) -> None:
    stranger = PatchEncoder(image(16), channels=48, space="faces@other")
    with pytest.raises(InterfaceError) as error:
        compose(["E", "T_hair", "R"], {**parts, "E": stranger})
    assert str(error.value) == (
        "step 2 of 3, 'T_hair: feature hair -> feature mask_hair': port 'feature' same shape, "
        "another space: expects 48×4×4 of faces@training, gets 48×4×4 of faces@other\n"
        "  'feature' comes from step 1, E\n"
        "  a part only understands the space it was trained in: "
        "train it against these parts, or take the part from the same zoo"
    )


def test_other_shapes_and_labels_do_not_fit(parts: Parts) -> None:
    small = ConvEncoder(image(16), channels=8, n_res=0)
    with pytest.raises(InterfaceError, match="expects 48×4×4 of faces@training, gets 8×4×4"):
        compose(["E", "R"], {**parts, "E": small})
    feature = parts["E"].outputs["feature"]
    other = ResidualTransformer(feature, "hair", ("red", "blond", "black"), 1, 8)
    steps = ["E", "T_hair", "Other: feature hair -> feature m", "R"]
    with pytest.raises(
        InterfaceError,
        match=r"labels red, blond, black, gets black, blond, red\n.*'hair' comes from outside",
    ):
        compose(steps, {**parts, "Other": other})


def test_the_empty_space_fits_everything(parts: Parts) -> None:
    free = PatchEncoder(image(16), channels=48)
    assert compose(["E", "T_hair", "R"], {**parts, "E": free}).outputs["image"] == image(16)


def test_inputs_of_one_batch_size(parts: Parts) -> None:
    graph = compose(["E", "T_hair", "R"], parts)
    with pytest.raises(InterfaceError, match="one batch size are needed, got 2 of 'image', 3 of"):
        graph(image=torch.zeros(2, 3, 16, 16), hair=torch.zeros(3, 3))
