"""A ModularGAN T in MUNIT's content space: where it works, and where it is refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import domains_data
import pytest
import smiling_sketches
import torch
from test_recipes import FOLDER, recipe_of
from torch import Tensor

import modgan
from modgan.cli import main
from modgan.component import Component
from modgan.data.images import DataError
from modgan.data.portrait_sketches import PortraitSketches
from modgan.data.portraits import Portraits
from modgan.spec import InterfaceError
from modgan.train import Share, Trainer, checkpoint

SIZE = ["--size", "32"]
DOMAINS = ("sketch", "picture")


def train(recipe: str, out: Path, *flags: str) -> Path:
    """The file that a smoke run writes."""
    command = ["train", str(FOLDER / f"{recipe}.py"), "--smoke", "--out", str(out), *flags]
    assert main(command) == 0
    return out / f"{recipe}.safetensors"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """MUNIT of drawn portraits, another training of it, and T_smile that joined the first."""
    folder = tmp_path_factory.mktemp("across")
    zoo = train("munit", folder / "zoo", "--kind", "portraits")
    other = train("munit", folder / "other", "--kind", "portraits", "--seed", "1")
    T = train("smiling_sketches", folder / "T", "--zoo", str(zoo), *SIZE)
    return {"zoo": zoo, "other": other, "T": T}


def settings(runs: Mapping[str, Path], **changed: Any) -> Any:
    recipe = recipe_of("smiling_sketches")
    smoke = {**recipe.smoke, "size": 32, "zoo": str(runs["zoo"])}
    return replace(recipe.settings, **{**smoke, **changed})


def parts_of(runs: Mapping[str, Path], **changed: Any) -> dict[str, Component]:
    return smiling_sketches.parts(settings(runs, **changed))


# the drawn domains


def test_the_domains_are_sketches_and_pictures_of_other_people(runs: dict[str, Path]) -> None:
    zoo = modgan.load(runs["zoo"])
    assert list(zoo) == [f"{role}_{name}" for name in DOMAINS for role in "EQTR"]
    assert "sketches of portraits" in zoo.card.provenance["data"]
    drawn = domains_data.portraits(3, 32, (1, 2), 0)
    for name, kind, seed in zip(DOMAINS, (PortraitSketches, Portraits), (1, 2), strict=True):
        assert torch.equal(drawn[name][2][0], kind(3, 32, seed)[2][0])


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DataError, match="--kind cats: what is drawn is things or portraits"):
        domains_data.domains(domains_data.Data(kind="cats"))


# one T wherever its space appears


def test_the_new_transformer_is_a_file_of_its_own_in_the_content_space(
    runs: dict[str, Path],
) -> None:
    alone, zoo = modgan.load(runs["T"]), modgan.load(runs["zoo"])
    assert list(alone) == ["T_smile"]
    content = zoo["E_sketch"].outputs["feature"]
    assert content == zoo["E_picture"].outputs["feature"] and content.space.startswith("content@")
    assert alone["T_smile"].inputs["feature"] == alone["T_smile"].outputs["feature"] == content


@pytest.mark.parametrize("of", DOMAINS)
@pytest.mark.parametrize("to", DOMAINS)
def test_it_acts_between_any_two_domains(of: str, to: str, runs: dict[str, Path]) -> None:
    steps = [f"E_{of}", "T_smile", f"T_{to}", f"R_{to}"]
    graph = modgan.compose(steps, parts=[runs["zoo"], runs["T"]])
    x, smile, style = torch.rand(2, 3, 32, 32) * 2 - 1, torch.eye(2), torch.randn(2, 4)
    zoo, (T,) = modgan.load(runs["zoo"]), modgan.load(runs["T"]).values()
    with torch.no_grad():
        out = graph(image=x, smile=smile, style=style)
        changed, mask = T(zoo[f"E_{of}"](x), smile)
        expected = zoo[f"R_{to}"](zoo[f"T_{to}"](changed, style))
    assert torch.equal(out["image"], expected) and torch.equal(out["mask_smile"], mask)


def test_all_other_parts_stay_bit_identical(runs: dict[str, Path]) -> None:
    last = checkpoint.latest(runs["T"].parent / "checkpoints")
    assert last is not None
    state, zoo = checkpoint.load(last)["trainer"], modgan.load(runs["zoo"])
    assert state["step"] == 6 and set(state["parts"]) == {*zoo, "T_smile", "D"}
    for name, part in zoo.items():
        for key, tensor in part.state_dict().items():
            assert torch.equal(state["parts"][name][key], tensor), f"{name}.{key}"
    assert len(state["optimizers"]["T"]["state"]) > 0


# where it is refused


def test_another_training_has_the_same_shapes_and_another_space(runs: dict[str, Path]) -> None:
    zoo, (T,) = modgan.load(runs["other"]), modgan.load(runs["T"]).values()
    here, there = zoo["E_sketch"].outputs["feature"], T.inputs["feature"]
    assert here.shape == there.shape and here.space != there.space
    with pytest.raises(InterfaceError) as error:
        modgan.compose(["E_sketch", "T_smile", "T_picture", "R_picture"], {**zoo, "T_smile": T})
    assert str(error.value) == (
        "step 2 of 4, 'T_smile: feature smile -> feature mask_smile': port 'feature' same shape, "
        f"another space: expects 16×8×8 of {there.space}, gets 16×8×8 of {here.space}\n"
        "  'feature' comes from step 1, E_sketch\n"
        "  a part only understands the space it was trained in: "
        "train it against these parts, or take the part from the same zoo"
    )


def test_files_of_two_trainings_do_not_merge(runs: dict[str, Path]) -> None:
    here = modgan.load(runs["other"])["E_sketch"].outputs["feature"].space
    there = modgan.load(runs["T"])["T_smile"].inputs["feature"].space
    message = f"nothing in these zoos makes {there}, only {here}, .*load it beside that zoo"
    with pytest.raises(InterfaceError, match=message):
        modgan.compose(["E_sketch", "T_smile"], parts=[runs["other"], runs["T"]])


def test_content_with_a_style_is_another_space(runs: dict[str, Path]) -> None:
    steps = ["E_sketch", "T_picture", "T_smile", "R_picture"]
    message = r"same shape, another space: expects 16×8×8 of content@\w+, gets 16×8×8 of styled_pic"
    with pytest.raises(InterfaceError, match=message):
        modgan.compose(steps, parts=[runs["zoo"], runs["T"]])


# the recipe


def test_only_the_transformer_learns_from_edits(runs: dict[str, Path]) -> None:
    s = settings(runs, teach=0)
    recipe, parts = recipe_of("smiling_sketches"), smiling_sketches.parts(s)
    trainer = Trainer(parts, recipe.phases(s), frozen=recipe.frozen(s))
    before = {name: [p.clone() for p in part.parameters()] for name, part in parts.items()}
    (progress,) = trainer.steps([[recipe.batch(s, Share(0))]])
    assert set(progress.terms["T"]) == {"label", "patch", "feature", "cycle", "keep", "mask"}
    moved = {
        name
        for name, part in parts.items()
        if not all(map(torch.equal, before[name], part.parameters()))
    }
    assert moved == {"T_smile", "D"}


def test_a_batch_edits_both_domains_and_leaves_some(runs: dict[str, Path]) -> None:
    s = settings(runs, batch=8, same=2, outlines=3, reals=2)
    one, again = (smiling_sketches.batch(s, Share(2)) for _ in range(2))
    assert len(one["sketch"]) == 3 and len(one["picture"]) == 7 and len(one["labels"]) == 10
    assert one["made"].sum() == 6 and not one["made"][[0, 4]].any()
    assert torch.equal(one["target"] != one["labels"][:8], one["made"])
    for key, value in one.items():
        assert torch.equal(value, again[key]) if isinstance(value, Tensor) else value == again[key]


def test_d_sees_what_the_zoo_draws_of_unedited_contents(runs: dict[str, Path]) -> None:
    s = settings(runs)
    parts, batch = smiling_sketches.parts(s), smiling_sketches.batch(s, Share(0))
    smiling_sketches.draw(parts, batch)
    x = batch["picture"]
    own = parts["T_picture"](parts["E_picture"](x), parts["Q_picture"](x))
    assert batch["image"].shape == (8, 3, 32, 32) and not batch["image"].requires_grad
    torch.testing.assert_close(batch["image"][2:], parts["R_picture"](own))
    sketched = parts["T_picture"](parts["E_sketch"](batch["sketch"]), batch["style"][:2])
    torch.testing.assert_close(batch["image"][:2], parts["R_picture"](sketched))


def test_it_may_learn_without_a_sketch(runs: dict[str, Path], tmp_path: Path) -> None:
    batch = smiling_sketches.batch(settings(runs, outlines=0), Share(0))
    assert "sketch" not in batch and len(batch["picture"]) == len(batch["labels"]) == 8
    smiling_sketches.draw(parts_of(runs, outlines=0), batch)
    assert len(batch["image"]) == 8


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"size": 64}, "takes 3×32×32 of image.*: pass --size 32"),
        ({"data": "faces"}, "sketches are drawn, and are not of your pictures: pass --outlines 0"),
        ({"domain": "photo"}, "no part named 'E_photo'"),
    ],
)
def test_what_cannot_work_is_said(
    changed: dict[str, Any], message: str, runs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smiling_sketches, "attribute", lambda s: ("smile", ["no", "yes"]))
    with pytest.raises((RuntimeError, LookupError), match=message):
        parts_of(runs, **changed)


# the benchmark


def test_the_benchmark_reads_edits_and_compares_them(
    runs: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    judge = train("portraits_judge", tmp_path / "judge", *SIZE)
    monkeypatch.syspath_prepend(str(FOLDER.parent / "benchmarks"))
    files = ["--zoo", str(runs["zoo"]), "--part", str(runs["T"]), "--judge", str(judge)]
    where = ["--out", str(tmp_path / "across"), "--figure", str(tmp_path / "across.png")]
    monkeypatch.setattr(sys, "argv", ["across.py", *files, *where, "-n", "8"])
    import across

    across.main()
    page = (tmp_path / "across.md").read_text()
    for of in DOMAINS:
        assert f"| {of} | without |" in page and f"| {of} | with |" in page
    assert (tmp_path / "across.json").is_file() and (tmp_path / "across.png").is_file()
    test = across.drawn("sketch", 4, 32, 99)
    assert torch.equal(test.wanted != test.labels, torch.arange(4).expand(4, 4) == across.SMILE)
    assert not torch.equal(test.truth, test.pictures)
    capsys.readouterr()
