"""Specs: what fits what, what a tensor must be, and how files hold them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch

from modgan.spec import LARGEST, FeatureSpec, InterfaceError, flags, image, logits, mask, onehot

FEATURE = FeatureSpec(64, 32, 32, "faces@1f2e")
HAIR = onehot("hair", ("black", "blond"))


def test_helpers_say_shape_space_and_labels() -> None:
    assert image(128) == FeatureSpec(3, 128, 128, "image[-1,1]")
    assert image(28, 1).shape == (1, 28, 28)
    assert mask(FEATURE) == FeatureSpec(1, 32, 32, "mask[0,1]")
    assert HAIR == FeatureSpec(2, None, None, "onehot:hair", ("black", "blond"))
    assert logits(["no", "yes"]) == FeatureSpec(2, space="logit", labels=("no", "yes"))
    assert HAIR.is_vector and not FEATURE.is_vector
    assert (HAIR.shape, FEATURE.shape) == ((2,), (64, 32, 32))
    assert (str(FEATURE), str(FeatureSpec(4))) == ("64×32×32 of faces@1f2e", "4")


@pytest.mark.parametrize(
    "sizes",
    [
        (0,),
        (-1,),
        (LARGEST + 1,),
        (3, 4),
        (3, None, 4),
        (3, 4, 0),
        (3.0,),
        (True,),
        ("3",),
        (None,),
    ],
)
def test_sizes_are_whole_and_bounded(sizes: tuple[Any, ...]) -> None:
    with pytest.raises(InterfaceError, match=f"whole sizes from 1 to {LARGEST}.*neither for"):
        FeatureSpec(*sizes)


def test_labels_are_as_many_different_words_as_entries() -> None:
    with pytest.raises(InterfaceError, match=r"2 entries needs 2 different labels, got no$"):
        FeatureSpec(2, labels=("no",))
    with pytest.raises(InterfaceError, match="needs 2 different labels, got no, no"):
        onehot("smile", ("no", "no"))
    with pytest.raises(InterfaceError, match="space and labels are words"):
        FeatureSpec(2, labels=(1, 2))  # type: ignore[arg-type]
    with pytest.raises(InterfaceError, match="space and labels are words"):
        FeatureSpec(2, space=None)  # type: ignore[arg-type]


def test_a_spec_is_hashable_and_frozen() -> None:
    assert len({FEATURE, FeatureSpec(64, 32, 32, "faces@1f2e"), HAIR}) == 2
    with pytest.raises(AttributeError):
        FEATURE.channels = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (FEATURE, ""),
        (FeatureSpec(64, 32, 32), ""),
        (FeatureSpec(64, 32, 32, "faces@9999"), "same shape, another space: expects 64×32×32 of f"),
        (FeatureSpec(64, 16, 16, "faces@1f2e"), "expects 64×32×32 of faces@1f2e, gets 64×16×16 of"),
        (FeatureSpec(64), "expects 64×32×32 of faces@1f2e, gets 64"),
    ],
)
def test_mismatch_names_both(given: FeatureSpec, problem: str) -> None:
    assert FEATURE.mismatch(given).startswith(problem)
    assert bool(FEATURE.mismatch(given)) == bool(problem) == bool(given.mismatch(FEATURE))


def test_labels_must_agree_in_order_where_both_have_them() -> None:
    turned = onehot("hair", ("blond", "black"))
    assert HAIR.mismatch(turned) == "expects the labels black, blond, gets blond, black"
    assert not HAIR.mismatch(FeatureSpec(2, space="onehot:hair"))


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (torch.zeros(2, 3), "here: expects (B, 2) of 2 of onehot:hair, gets (2, 3)"),
        (torch.zeros(2), "expects (B, 2) of 2 of onehot:hair, gets (2)"),
        (torch.zeros(()), "gets ()"),
        (torch.zeros(1, 2, 1), "gets (1, 2, 1)"),
        (torch.zeros(1, 2, dtype=torch.int64), "a floating point tensor, gets torch.int64"),
        ([[0.0, 1.0]], "a floating point tensor, gets list"),
    ],
)
def test_check_refuses_other_tensors(tensor: Any, text: str) -> None:
    with pytest.raises(InterfaceError, match=re.escape(text)):
        HAIR.check(tensor, "here")


def test_check_takes_batches() -> None:
    HAIR.check(torch.zeros(5, 2), "here")
    FEATURE.check(torch.zeros(0, 64, 32, 32, dtype=torch.float16), "here")


@pytest.mark.parametrize("spec", [FEATURE, HAIR, FeatureSpec(7), image(8), FeatureSpec(1, 2, 3)])
def test_json_and_back(spec: FeatureSpec) -> None:
    data = json.loads(json.dumps(spec.to_json()))
    assert FeatureSpec.from_json(data) == spec
    assert all(data.values())  # fields at rest are left out


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"channels": 3, "colour": 1},
        {"height": 3, "width": 3},
        {"channels": 3, "space": 1},
        {"channels": 3, "labels": "abc"},
        {"channels": 3, "labels": 3},
        {"channels": 3, "labels": {"a": 1, "b": 2, "c": 3}},
        {"channels": 1, "labels": [["a"]]},
        {"channels": 2, "labels": [1, 2]},
        {"channels": "3"},
        {"channels": 3, "height": [], "width": []},
    ],
)
def test_damaged_json_is_an_interface_error(data: dict[str, Any]) -> None:
    with pytest.raises(InterfaceError):
        FeatureSpec.from_json(data)


def test_renamed_changes_only_the_named_space() -> None:
    renamed = FEATURE.renamed({"faces@1f2e": "faces@0000", "other": "x"})
    assert renamed == FeatureSpec(64, 32, 32, "faces@0000")
    assert HAIR.renamed({"faces@1f2e": "faces@0000"}) == HAIR


def test_flags_are_no_onehot_code() -> None:
    young = flags(("young", "bald"))
    assert young == FeatureSpec(2, space="flags", labels=("young", "bald"))
    assert FeatureSpec.from_json(young.to_json()) == young
    problem = "same shape, another space: expects 2 of flags, gets 2 of onehot:hair"
    assert young.mismatch(HAIR) == problem
    turned = "expects the labels young, bald, gets bald, young"
    assert young.mismatch(flags(("bald", "young"))) == turned
