"""What the benchmarks of translation measure and write, with parts that learned nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from test_recipes import FOLDER, recipe_of

import modgan
from modgan.data.images import DataError, normalise, to_image
from modgan.data.sketches import Sketches
from modgan.graph import Graph
from modgan.train import Share
from modgan.zoo import sealed

SIZE, COUNT = 32, 4
Run = Callable[..., None]


@pytest.fixture(autouse=True)
def _found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER.parent / "benchmarks"))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call the main of a benchmark."""

    def called(name: str, *words: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
        __import__(name).main()

    return called


def saved(name: str, path: Path, data: str = "", **changed: Any) -> Path:
    """A zoo of a recipe's fresh parts, as a run of one step would write it."""
    recipe = recipe_of(name)
    settings = replace(recipe.settings, **{**recipe.smoke, "size": SIZE, "data": data, **changed})
    parts = recipe.parts(settings)
    card = recipe.card(settings)
    used = {s.part for steps in card.graphs.values() for s in Graph(steps, parts).steps}
    card = replace(card, provenance={**card.provenance, "step": 1})
    path.parent.mkdir(parents=True, exist_ok=True)
    modgan.Zoo(sealed({k: v for k, v in parts.items() if k in used}), card).save(path)
    return path


def folder(root: Path) -> Path:
    """Sketches and pictures of other things, with the true colourings of the test sketches."""
    for split in ("train", "test"):
        for letter, seed, domain in (("A", 1, "sketch"), ("B", 2, "picture")):
            (root / f"{split}{letter}").mkdir(parents=True)
            data = Sketches(COUNT, SIZE, seed, domain)
            for at in range(COUNT):
                to_image(normalise(data[at][0])).save(root / f"{split}{letter}/{at}.png")
    (root / "testA_styles").mkdir()
    for at in range(COUNT):
        for k, one in enumerate(Sketches(COUNT, SIZE, 1).colourings(at)):
            to_image(normalise(one)).save(root / f"testA_styles/{at}_{k}.png")
    return root


def colour_of(pictures: torch.Tensor) -> torch.Tensor:
    """The colour (N, 3, 1, 1) of the pixel with the most."""
    flat = pictures.flatten(2)
    most = (flat.amax(1) - flat.amin(1)).argmax(1)
    return flat[torch.arange(len(flat)), :, most][:, :, None, None]


def test_a_sketch_comes_back_with_its_own_style(tmp_path: Path) -> None:
    import sketches_truth
    import translators

    from modgan.metrics.translation import translated

    zoo = modgan.load(saved("munit", tmp_path / "munit.safetensors"))
    judge = modgan.load(saved("sketches_judge", tmp_path / "judge.safetensors"))["Q"]
    truth = sketches_truth.drawn(COUNT, SIZE, 5)
    found = translators.measure(zoo, judge, truth, 5)
    rng = torch.Generator().manual_seed(5)
    style = torch.randn(COUNT, 4, generator=rng)
    there = translated(zoo.graph("sketch_to_picture"), image=truth.sketches, style=style)
    back = zoo.graph("picture_to_sketch_guided")
    again = translated(back, image=there, guide=truth.sketches)
    assert found["cycle_sketch"] == pytest.approx(translators.off(again, truth.sketches), abs=1e-3)


def test_judges_read_domain_hue_and_kind(tmp_path: Path) -> None:
    recipe = recipe_of("sketches_judge")
    settings = replace(recipe.settings, **recipe.smoke)
    Q = recipe.parts(settings)["Q"]
    assert list(Q.outputs) == ["domain", "hue", "kind"]
    batch = recipe.batch(replace(settings, batch=64), Share(0))
    domain, hue, kind = batch["labels"].T
    none = Q.outputs["hue"].labels.index("none")
    assert (hue[domain == 0] == none).all() and not (hue[domain == 1] == none).any()
    assert domain.sum() == 32 and len(kind.unique()) > 3
    other = replace(settings, data=str(folder(tmp_path)))
    assert list(recipe.parts(other)["Q"].outputs) == ["domain", "hue"]


def test_hues_of_the_judge_are_the_nearest_ones() -> None:
    import sketches_judge

    colours = [(255, 40, 0), (255, 0, 60), (230, 255, 0), (0, 10, 255), (120, 120, 120)]
    plain = torch.tensor(colours, dtype=torch.uint8)[:, :, None, None].expand(-1, 3, 8, 8)
    read = [sketches_judge.HUES[at] for at in sketches_judge.hues(plain)]
    assert read == ["red", "red", "yellow", "blue", "none"]


def test_the_truth_of_drawn_sketches_and_of_a_folder(tmp_path: Path) -> None:
    import sketches_truth
    from sketches import hue_ceiling, near_hue

    from modgan.metrics.translation import edge_f1

    for truth in (
        sketches_truth.truth_of(None, 3, SIZE, 5),
        sketches_truth.truth_of(folder(tmp_path), 3, SIZE, 5),
    ):
        assert truth.colourings.shape == (3, 10, 3, SIZE, SIZE)
        for own in truth.colourings.unbind(1):
            assert (edge_f1(own, truth.sketches) > 0.7).all()
        assert near_hue(truth.pictures if truth.mixed is None else truth.mixed, truth) == 100
        specks = torch.zeros_like(truth.pictures)
        specks[:, :, :2, :2] = colour_of(truth.pictures)
        assert near_hue(specks, truth) == 0
    assert hue_ceiling(truth) == 100 and truth.domains == ("a", "b")
    grey = truth._replace(pictures=torch.zeros_like(truth.pictures))
    assert hue_ceiling(grey) == near_hue(grey.pictures, grey) == 0


def test_colourings_that_are_missing_are_named(tmp_path: Path) -> None:
    import sketches_truth

    root = folder(tmp_path)
    (root / "testA_styles/2_7.png").unlink()
    with pytest.raises(DataError) as error:
        sketches_truth.listed(root, COUNT, SIZE)
    assert str(error.value) == (
        f"{root}/testA_styles: expected 10 true colourings of every sketch in testA, NAME_0 to "
        "NAME_9; 1 are missing: 2_7; add them"
    )


def test_true_pictures_reach_what_is_aimed_at() -> None:
    import sketches
    import sketches_truth

    truth = sketches_truth.drawn(COUNT, SIZE, 5)
    assert truth.mixed is not None
    made = sketches.Made(
        truth.colourings, truth.mixed, truth.sketches, truth.pictures, truth.sketches
    )
    recipe = recipe_of("sketches_judge")
    judge = recipe.parts(replace(recipe.settings, **{**recipe.smoke, "size": SIZE}))["Q"]
    for name, figure in sketches.measure(judge, truth, made).items():
        if figure.real is not None:
            assert figure.made == pytest.approx(figure.real, abs=1e-4), name
        if figure.chance is not None:
            assert figure.chance < figure.made - 0.05, name
        if figure.aim:
            sign, aim = figure.aim.split()
            assert figure.made >= float(aim) - 0.2 if sign == "≥" else figure.made <= float(aim)


def test_the_benchmark_of_sketches(tmp_path: Path, run: Run) -> None:
    zoo = saved("munit", tmp_path / "munit.safetensors")
    judge = saved("sketches_judge", tmp_path / "judge.safetensors")
    where = ["--out", tmp_path / "sketches", "--figure", tmp_path / "sketches.png"]
    run("sketches", "--zoo", zoo, "--judge", judge, "-n", "3", *where, "--card", zoo)
    text = (tmp_path / "sketches.md").read_text()
    assert "`python benchmarks/sketches.py --zoo munit.safetensors --judge judge.saf" in text
    assert "| guided: hue within a tenth of the circle of the guide's, % |" in text
    found = json.loads((tmp_path / "sketches.json").read_text())
    assert found["distance between ten styles, of that of true ones"]["aim"] == "≥ 0.8"
    zoo = modgan.load(zoo)
    metrics = {row["name"]: row["value"] for row in zoo.card.metrics}
    kept = "sampled: edge F1 against the sketch"
    assert metrics[kept] == round(found[kept]["made"], 4)
    assert metrics[f"real pictures, {kept}"] == round(found[kept]["real"], 4)
    picture = Image.new("RGB", (40, 40))
    made = {
        "sketch_to_picture": zoo.graph("sketch_to_picture").apply(image=picture, style=7),
        "guided": zoo.graph("guided").apply(image=picture, guide=picture),
        "picture_to_sketch": zoo.graph("picture_to_sketch").apply(image=picture, style=7),
    }
    assert all(out["image"].size == (SIZE, SIZE) for out in made.values())
    with Image.open(tmp_path / "sketches.png") as sheet:
        assert sheet.width > 12 * 2 * SIZE and sheet.height > 3 * 2 * SIZE


def test_the_benchmark_of_sketches_on_a_folder(tmp_path: Path, run: Run) -> None:
    data = folder(tmp_path / "robots")
    zoo = saved("munit", tmp_path / "munit.safetensors", str(data))
    judge = saved("sketches_judge", tmp_path / "judge.safetensors", str(data))
    where = ["--out", tmp_path / "robots", "--figure", tmp_path / "robots.png"]
    run("sketches", "--zoo", zoo, "--judge", judge, "--data", data, *where)
    text = (tmp_path / "robots.md").read_text()
    assert text.startswith("n = 4, the sketches of robots, `python benchmarks/sketches.py --zoo")
    assert "kind" not in text.split("Ten styles")[0] and "read as b, %" in text


def test_the_table_of_translation(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    judge = saved("sketches_judge", tmp_path / "judge.safetensors")
    names = ["munit", "cogan", "fader", "direct", "cyclegan", "stargan"]
    where = ["--zoos", tmp_path, "--judge", judge, "-n", "3", "--out", tmp_path / "table"]
    where += ["--figure", tmp_path / "table.png"]
    with pytest.raises(SystemExit) as stopped:
        run("translators", "table", *where)
    assert str(stopped.value) == (
        f"{tmp_path}/steps.json: no such file; train first, or name the folder with --zoos"
    )
    plan = {name: {"minutes": 1.5, "settings": {"steps": 1}} for name in names}
    (tmp_path / "steps.json").write_text(json.dumps(plan))
    for name in names:
        saved(name, tmp_path / name / f"{name}.safetensors")
    run("translators", "table", *where)
    assert f"no zoo of unit in {tmp_path}" in capsys.readouterr().err
    rows = json.loads((tmp_path / "table.json").read_text())
    assert list(rows) == ["real", "chance", *names]
    assert "hue" in rows["munit"] and rows["munit"]["diversity"] > 0
    assert rows["cyclegan"]["diversity"] == rows["fader"]["diversity"] == 0
    assert "to_sketch" not in rows["direct"] and "cycle_sketch" not in rows["cogan"]
    assert all({"cycle_sketch", "cycle_picture"} <= set(rows[n]) for n in ("stargan", "fader"))
    text = (tmp_path / "table.md").read_text()
    assert "| direct | " in text and "| 1.5 |" in text
    assert "`python benchmarks/translators.py table --zoos " in text.splitlines()[0]
    apart = [rows[name]["realism"] for name in ("real", *names)]
    assert len(set(apart)) == len(apart) and min(apart) == apart[0]
    with Image.open(tmp_path / "table.png") as sheet:
        assert sheet.width > 8 * 2 * SIZE and sheet.height > 6 * 2 * SIZE


def test_equal_time_is_planned_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import equal_time

    monkeypatch.setattr(equal_time, "ROUNDS", 1)
    monkeypatch.setattr(equal_time, "WARM", 1)
    monkeypatch.setattr(equal_time, "TURN", 1)
    systems = {
        name: equal_time.Timed(name, recipe_of(name), settings=recipe_of(name).smoke, changes=what)
        for name, what in (("cyclegan", ""), ("direct", "prepare"))
    }
    given = {"workers": 0}
    equal_time.train(systems, ["direct"], given, 20, tmp_path)
    plan = equal_time.planned(tmp_path)
    assert list(plan) == ["direct"] and plan["direct"]["settings"]["steps"] > 2
    monkeypatch.setattr(equal_time, "equal_steps", None)
    equal_time.train(systems, ["direct"], given, 20, tmp_path)
    ((name, zoo),) = equal_time.zoos(tmp_path, ["cyclegan", "direct"])
    assert name == "direct" and zoo.card.provenance["step"] == plan["direct"]["settings"]["steps"]
    capfd.readouterr()


def test_a_steps_cost_is_the_mean_of_the_fastest_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    import equal_time

    recipe = recipe_of("stargan")
    clock = equal_time.Clock(equal_time.Timed("", recipe, settings=recipe.smoke), {})
    ticks = iter([0.0, 80.0, 80.0, 280.0])  # a turn of 2 seconds a step, then a disturbed one
    monkeypatch.setattr(equal_time.time, "perf_counter", lambda: next(ticks))
    clock.turn()
    clock.turn()
    assert clock.turns == [[80 / equal_time.TURN, 200 / equal_time.TURN]]
    assert clock.each() == [2.0] and clock.cost() == 2 * clock.settings.steps
