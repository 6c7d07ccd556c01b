"""Figures of edits without a truth: compared with the same counts taken by hand."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
import torch.nn.functional as F

from modgan.component import Component
from modgan.components import (
    AttributeCoder,
    PatchEncoder,
    PatchReconstructor,
    ResidualTransformer,
)
from modgan.data.portraits import ATTRIBUTES, Portraits
from modgan.metrics.editors import Editor, modular
from modgan.metrics.edits import read
from modgan.metrics.judged import MOST, Judged, as_rows, progress, table
from modgan.spec import image

N = 12


@pytest.fixture(scope="module")
def parts() -> dict[str, Component]:
    torch.manual_seed(0)
    E = PatchEncoder(image(16), 48, space="tiny@training")
    feature = E.outputs["feature"]
    made: dict[str, Component] = {"E": E, "R": PatchReconstructor(feature, image(16))}
    for name, labels in ATTRIBUTES.items():
        made[f"T_{name}"] = ResidualTransformer(feature, name, list(labels), 1, 8)
    return made


@pytest.fixture(scope="module")
def edit(parts: dict[str, Component]) -> Editor:
    return modular(parts, ATTRIBUTES)


@pytest.fixture(scope="module")
def judged() -> Judged:
    torch.manual_seed(1)
    Q = AttributeCoder(image(16), {k: list(v) for k, v in ATTRIBUTES.items()}, 4)
    return Judged(Portraits(N, 16, seed=3), N, Q.eval())


def test_every_target_differs_from_the_label(judged: Judged) -> None:
    assert judged.targets.shape == judged.labels.shape == (N, len(ATTRIBUTES))
    assert (judged.targets != judged.labels).all()
    sizes = torch.tensor([len(labels) for labels in ATTRIBUTES.values()])
    assert (judged.targets < sizes).all() and (judged.targets >= 0).all()


def test_single_edits_are_counted_as_by_hand(
    parts: dict[str, Component], edit: Editor, judged: Judged
) -> None:
    at = judged.names.index("hair")
    code = F.one_hot(judged.targets[:, at], 4).float()
    with torch.no_grad():
        changed, mask = parts["T_hair"](parts["E"](judged.pictures), code)
        made = parts["R"](changed).clamp(-1, 1)
    right = read(judged.judge, made) == judged.targets
    same = read(judged.judge, made) == judged.labels
    others = [k for k in range(len(ATTRIBUTES)) if k != at]
    rows = dict(table(edit, judged))
    assert rows["hair, error %"] == pytest.approx(100 * (~right[:, at]).float().mean().item())
    lost = 100 * (~same[:, others]).float().mean().item()
    assert rows["hair, others lost %"] == pytest.approx(lost)
    assert rows["hair, mask %"] == pytest.approx(100 * mask.mean().item(), rel=1e-4)
    plain = read(judged.judge, judged.pictures)[:, at] != judged.labels[:, at]
    assert rows["hair as it is, error %"] == pytest.approx(100 * plain.float().mean().item())


def test_singles_pairs_and_triples_are_tried(edit: Editor, judged: Judged) -> None:
    tried = [name.removesuffix(", error %") for name, _ in table(edit, judged) if "error" in name]
    sets = ["+".join(names) for k in (1, 2, 3) for names in combinations(ATTRIBUTES, k)]
    assert tried == [f"{name} as it is" for name in ATTRIBUTES] + sets
    assert len(sets) <= 4 + 2 * MOST


def test_progress_is_the_mean_over_single_edits(edit: Editor, judged: Judged) -> None:
    losses, errors = [], []
    for at, name in enumerate(judged.names):
        out, wanted = judged.edited(edit, [name])
        with torch.no_grad():
            logits = judged.judge(out["image"])
        each = [F.cross_entropy(head, wanted[:, k]) for k, head in enumerate(logits)]
        losses.append(torch.stack(each).mean())
        errors.append((logits[at].argmax(1) != wanted[:, at]).float().mean())
    figures = dict(progress(edit, judged))
    assert figures["judge's loss x 100"] == pytest.approx(100 * torch.stack(losses).mean().item())
    assert figures["error %"] == pytest.approx(100 * torch.stack(errors).mean().item())


def test_figures_become_rows_of_a_card() -> None:
    rows = as_rows([("hair, error %", 1.23456)], "val", 7)
    assert rows == [{"name": "hair, error %", "value": 1.235, "split": "val", "n": 7}]
