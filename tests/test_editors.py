"""Every system as one function: compared with its parts called by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from modgan.component import Component
from modgan.components import (
    AdainTransformer,
    AttributeCoder,
    ContentEncoder,
    CycleTranslator,
    DcganGenerator,
    DcganReconstructor,
    LabelCoder,
    NoiseCoder,
    PatchEncoder,
    PatchReconstructor,
    ResidualGenerator,
    ResidualTransformer,
    StarTranslator,
    StyleCoder,
    UpsampleReconstructor,
)
from modgan.metrics.drawing import errors, even, spread
from modgan.metrics.editors import crossing, cycle, generating, inverting, modular, star, translator
from modgan.metrics.edits import read
from modgan.spec import FeatureSpec, image, onehot

ATTRIBUTES = {"hair": ("black", "light brown", "red"), "smile": ("no", "yes")}
CODES = {name: onehot(name, labels) for name, labels in ATTRIBUTES.items()}
PICTURE, N = image(16), 5


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(N, 3, 16, 16) * 2 - 1


@pytest.fixture
def wanted() -> Tensor:
    return torch.tensor([[0, 1], [1, 0], [2, 1], [0, 0], [1, 1]])


def codes(wanted: Tensor) -> list[Tensor]:
    return [F.one_hot(wanted[:, 0], 3).float(), F.one_hot(wanted[:, 1], 2).float()]


def test_modular_applies_the_transformers_in_order(pictures: Tensor, wanted: Tensor) -> None:
    E = PatchEncoder(PICTURE, 48, space="tiny@training")
    feature = E.outputs["feature"]
    parts: dict[str, Component] = {"E": E, "R": PatchReconstructor(feature, PICTURE)}
    for name, labels in ATTRIBUTES.items():
        parts[f"T_{name}"] = ResidualTransformer(feature, name, labels, 1, 8)
    out = modular(parts, ATTRIBUTES)(["smile", "hair"], pictures, wanted)
    hair, smile = codes(wanted)
    with torch.no_grad():
        f, _ = parts["T_smile"](E(pictures), smile)
        f, mask = parts["T_hair"](f, hair)
        assert torch.allclose(out["image"], parts["R"](f).clamp(-1, 1), atol=1e-6)
    assert torch.allclose(out["mask_hair"], mask, atol=1e-6)


def test_crossing_edits_content_between_domains(pictures: Tensor, wanted: Tensor) -> None:
    parts: dict[str, Component] = {}
    for name in "ab":
        E = ContentEncoder(PICTURE, 4, n_res=1, space="content@training")
        T = AdainTransformer(E.outputs["feature"], 3, 1, 4, space=f"styled_{name}@training")
        R = UpsampleReconstructor(T.outputs["feature"], PICTURE, 1)
        parts |= {f"E_{name}": E, f"T_{name}": T, f"R_{name}": R}
        parts[f"Q_{name}"] = StyleCoder(PICTURE, 3, 4)
    labels = ATTRIBUTES["smile"]
    parts["T_smile"] = ResidualTransformer(E.outputs["feature"], "smile", labels, 1, 8)
    over, within = (crossing(parts, ATTRIBUTES, "a", to) for to in "ba")
    sampled = torch.randn(N, 3, generator=torch.Generator().manual_seed(0))
    _, smile = codes(wanted)
    with torch.no_grad():
        content = parts["E_a"](pictures)
        changed, mask = parts["T_smile"](content, smile)
        plain = parts["R_b"](parts["T_b"](content, sampled))
        edited = parts["R_b"](parts["T_b"](changed, sampled))
        own = parts["R_a"](parts["T_a"](changed, parts["Q_a"](pictures)))
    assert torch.allclose(over((), pictures, wanted)["image"], plain.clamp(-1, 1), atol=1e-6)
    out = over(["smile"], pictures, wanted)
    assert torch.allclose(out["image"], edited.clamp(-1, 1), atol=1e-6)
    assert torch.allclose(out["mask_smile"], mask, atol=1e-6)
    out = within(["smile"], pictures, wanted)["image"]
    assert torch.allclose(out, own.clamp(-1, 1), atol=1e-6)


def test_star_is_told_every_label(pictures: Tensor, wanted: Tensor) -> None:
    T = StarTranslator(PICTURE, CODES, 4, 1)
    out = star({"F": T}, ATTRIBUTES)(["hair"], pictures, wanted)
    with torch.no_grad():
        assert torch.allclose(out["image"], T(pictures, *codes(wanted)), atol=1e-6)


def test_cycle_sends_every_picture_through_the_translators_of_its_labels(
    pictures: Tensor, wanted: Tensor
) -> None:
    parts: dict[str, Component] = {
        translator(name, label): CycleTranslator(PICTURE, 4, 1)
        for name, labels in ATTRIBUTES.items()
        for label in labels
    }
    assert "F_hair_light_brown" in parts
    out = cycle(parts, ATTRIBUTES)(["smile", "hair"], pictures, wanted)["image"]
    with torch.no_grad():
        for at, (hair, smile) in enumerate(wanted.tolist()):
            x = parts[f"F_smile_{ATTRIBUTES['smile'][smile]}"](pictures[at : at + 1])
            x = parts[translator("hair", ATTRIBUTES["hair"][hair])](x)
            assert torch.allclose(out[at], x[0], atol=1e-5)


@pytest.mark.parametrize("names", [["hair"], ["smile"], ["smile", "hair"]])
def test_inverting_replaces_the_labels_it_is_told(
    names: list[str], pictures: Tensor, wanted: Tensor
) -> None:
    feature = FeatureSpec(4, 8, 8, "tiny@training")
    parts: dict[str, Component] = {
        "Q_z": NoiseCoder(PICTURE, 6, 4, 8),
        "Q_y": LabelCoder(PICTURE, CODES, 4, 8),
        "G": DcganGenerator(CODES, feature, 6),
        "R": DcganReconstructor(feature, PICTURE),
    }
    for part in parts.values():
        part.eval()
    out = inverting(parts, ATTRIBUTES)(names, pictures, wanted)["image"]
    with torch.no_grad():
        told = zip(ATTRIBUTES, codes(wanted), parts["Q_y"](pictures), strict=True)
        values = [code if name in names else read for name, code, read in told]
        by_hand = parts["R"](parts["G"](parts["Q_z"](pictures), *values))
    assert torch.allclose(out, by_hand, atol=1e-6)


@pytest.fixture
def drawing() -> dict[str, Component]:
    """G and a T over two attributes: G draws the hair."""
    feature = FeatureSpec(48, 4, 4, "tiny@training")
    return {
        "G": ResidualGenerator(feature, "hair", ATTRIBUTES["hair"], 6, 8),
        "T_smile": ResidualTransformer(feature, "smile", ATTRIBUTES["smile"], 1, 8),
        "R": PatchReconstructor(feature, PICTURE),
    }


def test_generating_starts_from_noise(drawing: dict[str, Component], wanted: Tensor) -> None:
    z = torch.randn(N, 6)
    out = generating(drawing, ATTRIBUTES)(["smile"], z, wanted)
    hair, smile = codes(wanted)
    with torch.no_grad():
        f, _ = drawing["T_smile"](drawing["G"](z, hair), smile)
        assert torch.allclose(out["image"], drawing["R"](f).clamp(-1, 1), atol=1e-6)


def test_errors_of_drawings_are_counted_as_by_hand(drawing: dict[str, Component]) -> None:
    Q = AttributeCoder(PICTURE, {k: list(v) for k, v in ATTRIBUTES.items()}, 4).eval()
    z, wanted = torch.randn(30, 6), even(30, [3, 2], torch.Generator().manual_seed(0))
    edit = generating(drawing, ATTRIBUTES)
    chains = dict(errors(edit, Q, z, wanted, drawn=1))
    assert list(chains) == [(), ("smile",)] and list(chains[()]) == ["hair", "all"]
    wrong = read(Q, edit(["smile"], z, wanted)["image"]) != wanted
    row = chains["smile",]
    assert row["hair"] == pytest.approx(wrong[:, 0].float().mean().item())
    assert row["smile"] == pytest.approx(wrong[:, 1].float().mean().item())
    assert row["all"] == pytest.approx(wrong.any(1).float().mean().item())


def test_labels_to_draw_have_the_first_attribute_in_turn() -> None:
    labels = even(12, [3, 2], torch.Generator().manual_seed(1))
    assert labels[:, 0].tolist() == [0, 1, 2] * 4
    assert set(labels[:, 1].tolist()) == {0, 1}


def test_spread_is_the_mean_distance_within_groups() -> None:
    grey = torch.tensor([0.0, 0.2, 0.6, -1.0, 1.0]).view(5, 1, 1, 1).expand(5, 3, 2, 2)
    groups = torch.tensor([0, 0, 0, 1, 1])
    first = sum(abs(a - b) for a, b in [*pairwise([0, 0.2, 0.6]), (0, 0.6)]) / 3
    assert spread(grey, groups) == pytest.approx(127.5 * (first + 2) / 2, rel=1e-5)
