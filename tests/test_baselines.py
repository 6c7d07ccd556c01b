"""What the recipes of the baselines promise: which pictures meet, and what stays frozen when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cyclegan_portraits as cyclegan
import pytest
import torch
from portraits_data import labels_of, pictures
from test_recipes import recipe_of

from modgan.train import Share, Trainer


def tiny(name: str, **changes: Any) -> tuple[Any, Any]:
    """A recipe and its smoke settings."""
    recipe = recipe_of(name)
    return recipe, replace(recipe.settings, **recipe.smoke, **changes)


def test_cyclegan_pairs_a_label_with_all_others() -> None:
    recipe, s = tiny("cyclegan_portraits", attributes="hair,smile")
    pairs = cyclegan.pairs(s)
    hair = [("hair", label, f"not {label}") for label in ("black", "blond", "brown", "red")]
    assert pairs == [*hair, ("smile", "yes", "no")]
    names = [name for name in recipe.parts(s) if name.startswith("F_")]
    assert {"F_hair_red", "F_hair_not_red", "F_smile_yes", "F_smile_no"} < set(names)
    assert len(names) == 2 * len(pairs)
    for at, (name, label, _) in enumerate(pairs):
        inside, outside = cyclegan.members(s, at)
        data = pictures(s)
        column, value = list(data.attributes).index(name), data.attributes[name].index(label)
        assert {int(data[i][1][column]) == value for i in inside.tolist()} == {True}
        assert {int(data[i][1][column]) == value for i in outside.tolist()} == {False}
        assert len(inside) + len(outside) == s.pictures


def test_cyclegan_takes_the_pairs_in_turn_and_new_pictures_of_each() -> None:
    recipe, s = tiny("cyclegan_portraits", attributes="smile,glasses")
    batches = [recipe.batch(s, Share(step)) for step in range(4)]
    assert [batch["F"][0] for batch in batches] == ["F_smile_yes", "F_glasses_yes"] * 2
    assert not torch.equal(batches[0]["a"], batches[2]["a"])
    assert torch.equal(batches[2]["a"], recipe.batch(s, Share(2))["a"])


def test_cyclegan_trains_one_pair_a_step() -> None:
    recipe, s = tiny("cyclegan_portraits", attributes="smile,glasses")
    parts = recipe.parts(s)
    before = {k: v.clone() for k, v in parts["F_glasses_yes"].state_dict().items()}
    trainer = Trainer(parts, recipe.phases(s))
    list(trainer.steps([[recipe.batch(s, Share(0))]]))
    after = parts["F_glasses_yes"].state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_wrong_labels_of_icgan_are_wrong_once() -> None:
    recipe, s = tiny("icgan_portraits")
    s = replace(s, batch=16)
    batch = recipe.batch(s, Share(0))
    wrong = batch["wrong"] != batch["labels"]
    assert wrong.sum(1).eq(1).all() and wrong.any(0).all()
    for column, labels in enumerate(labels_of(s).values()):
        assert set(batch["wrong"][:, column].tolist()) <= set(range(len(labels)))


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("stargan_portraits", {"batch": 16, "n_critic": 5, "lr": 1e-4}),
        ("cyclegan_portraits", {"batch": 1, "lr": 2e-4, "w_identity": 5.0}),
        ("icgan_portraits", {"batch": 64, "lr": 2e-4}),
    ],
)
def test_the_paper_variants_have_the_published_rates(name: str, rates: dict[str, float]) -> None:
    settings = recipe_of(name).variants["paper"].settings
    assert {key: getattr(settings, key) for key in rates} == rates


def test_stargan_targets_are_the_labels_of_the_batch() -> None:
    recipe, s = tiny("stargan_portraits")
    batch = recipe.batch(s, Share(1))
    rows = sorted(map(tuple, batch["labels"].tolist()))
    assert rows == sorted(map(tuple, batch["target"].tolist()))


@pytest.mark.parametrize("name", ["label_critics", "paper"])
def test_stargan_has_variants(name: str) -> None:
    variant = recipe_of("stargan_portraits").variants[name]
    with torch.device("meta"):
        parts = variant.parts(replace(variant.settings, workers=0))
    if name == "paper":  # 128², seven more label channels than the official five
        size = sum(p.numel() for p in parts["F"].parameters())
        assert size == 8_430_528 + 5 * 49 * 64
    else:
        assert parts["D"].component == "label_discriminator"


def test_icgans_encoders_learn_while_the_generator_stays_as_it_is() -> None:
    recipe, s = tiny("icgan_portraits")
    parts = recipe.parts(s)
    trainer = Trainer(parts, recipe.phases(s))
    list(trainer.steps([[recipe.batch(s, Share(step))] for step in range(s.drawing)]))
    before = {n + k: v.clone() for n in "GR" for k, v in parts[n].state_dict().items()}
    moved = {k: v.clone() for k, v in parts["Q_z"].state_dict().items()}
    (progress,) = trainer.steps([[recipe.batch(s, Share(s.drawing))]])
    assert list(progress.terms) == ["Q"]
    after = {n + k: v for n in "GR" for k, v in parts[n].state_dict().items()}
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not torch.equal(moved["head.weight"], parts["Q_z"].state_dict()["head.weight"])
