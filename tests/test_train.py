"""The loop, runs and resume: tiny real parts, values compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import pytest
import torch
from torch import Tensor

import modgan
from modgan.card import Card
from modgan.component import Component
from modgan.components import PatchEncoder, PatchReconstructor
from modgan.losses import l1
from modgan.spec import image
from modgan.train import (
    Batch,
    Bookkeeping,
    Phase,
    Recipe,
    Share,
    Trainer,
    TrainingError,
    main,
    run,
)
from modgan.train.ema import averaged, parts_of
from modgan.train.plot import read_log
from modgan.train.run import rate


@dataclass(frozen=True)
class Settings:
    steps: int = 6
    lr: float = 1e-2  # of both parts
    decay: float = 0.5
    ema: float = 0.9
    seed: int = 3


def parts(s: Settings) -> dict[str, Component]:
    E = PatchEncoder(image(8), 8, 1, space="tiny@training")
    return {"E": E, "R": PatchReconstructor(E.outputs["feature"], image(8))}


def batch(s: Settings, at: Share) -> Batch:
    colours = torch.rand(2, 3, 1, 1, generator=at.own(s.seed)) * 2 - 1
    return {"image": colours.expand(2, 3, 8, 8)}


def shares(s: Settings) -> list[list[Batch]]:
    return [[batch(s, Share(step))] for step in range(100)]


def e_loss(parts: Mapping[str, Component], batch: Batch) -> dict[str, Tensor]:
    noisy = batch["image"] + 0.1 * torch.randn(batch["image"].shape)  # seeded anew in every step
    return {"image": l1(parts["R"](parts["E"](noisy)), batch["image"])}


def r_loss(parts: Mapping[str, Component], batch: Batch) -> dict[str, Tensor]:
    return {"image": l1(parts["R"](parts["E"](batch["image"])), batch["image"])}


def phases(s: Settings) -> list[Phase]:
    return [
        Phase("E", ("E",), e_loss, {"image": 1.0}, s.lr),
        Phase("R", ("R",), r_loss, {"image": 1.0}, s.lr, every=2),
    ]


RECIPE = Recipe(
    name="tiny",
    settings=Settings(),
    parts=parts,
    batch=batch,
    phases=phases,
    card=lambda s: Card("Apache-2.0", {"data": "noise"}, graphs={"reconstruct": ["E", "R"]}),
    smoke={"steps": 2},
)
OFTEN = Bookkeeping(log_every=1, save_every=2)


def made() -> dict[str, Component]:
    torch.manual_seed(0)
    return parts(Settings())


def test_a_phase_leaves_other_parts_bit_identical() -> None:
    both = made()
    before = {k: v.clone() for k, v in both["R"].state_dict().items()}
    moved = both["E"].stem[1].weight.clone()
    trainer = Trainer(both, phases(Settings()))
    assert list(next(trainer.steps(shares(Settings()))).terms) == ["E"]
    assert all(torch.equal(before[k], v) for k, v in both["R"].state_dict().items())
    assert not torch.equal(moved, both["E"].stem[1].weight)


def test_phases_act_on_their_own_schedule() -> None:
    trainer = Trainer(made(), phases(Settings()))
    seen = [
        list(progress.terms)
        for progress, _ in zip(trainer.steps(shares(Settings())), range(4), strict=False)
    ]
    assert seen == [["E"], ["E", "R"], ["E"], ["E", "R"]]


def test_training_lowers_the_loss() -> None:
    trainer = Trainer(made(), phases(Settings(lr=2e-3)))
    same = repeat(shares(Settings())[0], 60)
    losses = [progress.terms["E"]["image"] for progress in trainer.steps(same)]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_a_term_without_a_weight_is_an_error() -> None:
    phase = Phase("E", ("E", "R"), r_loss, {"imagine": 1.0}, 1e-3)
    with pytest.raises(TrainingError, match="phase E: image, imagine is either a term without"):
        next(Trainer(made(), [phase]).steps(shares(Settings())))


def test_a_part_that_no_phase_trains_is_an_error() -> None:
    with pytest.raises(TrainingError, match="no phase trains R: name it in a phase"):
        Trainer(made(), phases(Settings())[:1])


def test_a_phase_trains_a_piece_of_a_part() -> None:
    made = parts(Settings())
    before = {name: tensor.clone() for name, tensor in made["R"].state_dict().items()}
    trainer = Trainer(made, [Phase("R", ("R.head",), r_loss, {"image": 1.0}, 1e-2)], frozen=["E"])
    next(trainer.steps(shares(Settings())))
    after = made["R"].state_dict()
    moved = {name.partition(".")[0] for name in after if not torch.equal(after[name], before[name])}
    assert moved == {"head"}
    assert trainer.trained == {"R": ["R"]} and list(trainer.pieces["R"]) == ["R.head"]
    with pytest.raises(TrainingError, match=r"phase R trains 'R.tail', which fits none of E, R"):
        Trainer(made, [Phase("R", ("R.tail",), r_loss, {"image": 1.0}, 1e-2)], frozen=["E"])


def test_a_pattern_that_fits_nothing_is_an_error() -> None:
    phase = Phase("T", ("T_*",), r_loss, {"image": 1.0}, 1e-3)
    with pytest.raises(TrainingError, match=r"phase T trains 'T_\*', which fits none of E, R"):
        Trainer(made(), [phase])


def test_a_loss_that_is_not_finite_stops_before_the_step() -> None:
    def broken(parts: Mapping[str, Component], batch: Batch) -> dict[str, Tensor]:
        return {"image": r_loss(parts, batch)["image"] * float("nan"), "fine": torch.ones(())}

    both = made()
    before = both["E"].stem[1].weight.clone()
    phase = Phase("E", ("E", "R"), broken, {"image": 1.0, "fine": 1.0}, 1e-3)
    with pytest.raises(TrainingError, match=r"phase E, step 1: .*'image': nan, 'fine': 1.0"):
        next(Trainer(both, [phase]).steps(shares(Settings())))
    assert torch.equal(before, both["E"].stem[1].weight)


def test_a_gradient_that_is_not_finite_stops_before_the_step() -> None:
    def steep(parts: Mapping[str, Component], batch: Batch) -> dict[str, Tensor]:
        weight = parts["E"].stem[1].bias  # starts at 0, where the root has no slope
        return {"image": weight.abs().sqrt().sum() + r_loss(parts, batch)["image"]}

    both = made()
    before = both["E"].stem[1].weight.clone()
    phase = Phase("E", ("E", "R"), steep, {"image": 1.0}, 1e-3)
    with pytest.raises(TrainingError, match="phase E, step 1: the gradient is not finite"):
        next(Trainer(both, [phase]).steps(shares(Settings())))
    assert torch.equal(before, both["E"].stem[1].weight)


def test_rates_fall_to_zero_over_the_last_share() -> None:
    settings = Settings(steps=10, decay=0.5)
    assert [rate(settings, step) for step in (1, 5, 6)] == [1.0, 1.0, 1.0]
    assert rate(settings, 10) == pytest.approx(0.2)
    assert rate(Settings(steps=10, decay=0.0), 10) == 1.0


def test_averages_follow_the_formula() -> None:
    both = made()
    ema = averaged(both, decay=0.3)
    weight, average = both["E"].stem[1].weight, parts_of(ema)["E"].stem[1].weight
    first = weight.detach().clone()
    expected = 0.0
    for step, kept in enumerate((0.0, 2 / 11, 3 / 12, 0.3, 0.3)):  # (1 + t) / (10 + t), then 0.3
        weight.data.copy_(first + step)
        ema.update_parameters(torch.nn.ModuleDict(both))
        expected = kept * expected + (1 - kept) * step
        assert torch.allclose(average, first + expected, atol=1e-5)


def test_a_run_leaves_what_it_promises(tmp_path: Path) -> None:
    zoo = modgan.load(run(RECIPE, Settings(), tmp_path, book=OFTEN))
    assert zoo["E"].outputs["feature"].space.startswith("tiny@")
    assert zoo["E"].outputs["feature"].space != "tiny@training"
    assert zoo.card.provenance["settings"]["seed"] == 3 and zoo.card.provenance["step"] == 6
    rows = read_log(tmp_path / "log.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert "R/image" in rows[1] and "R/image" not in rows[0]
    assert (tmp_path / "losses.png").stat().st_size > 1000
    assert json.loads((tmp_path / "settings.json").read_text())["steps"] == 6


@pytest.mark.parametrize("cut", [2, 3, 4])
def test_resume_goes_on_to_the_same_bits(tmp_path: Path, cut: int) -> None:
    whole = run(RECIPE, Settings(), tmp_path / "whole", book=OFTEN)
    halves = tmp_path / "halves"
    # the rates depend on the number of steps, so the first half stops by time, not by steps
    broken = replace(RECIPE, batch=lambda s, at: stopping(s, at, cut))
    with pytest.raises(KeyboardInterrupt):
        run(broken, Settings(), halves, book=OFTEN)
    again = run(RECIPE, Settings(), halves, resume=True, book=OFTEN)
    assert whole.read_bytes() == again.read_bytes()
    logs = [
        [{**row, "seconds": 0} for row in read_log(folder / "log.jsonl")]
        for folder in (tmp_path / "whole", halves)
    ]
    assert logs[0] == logs[1]


def stopping(s: Settings, at: Share, cut: int) -> Batch:
    """The batches of the recipe until the user interrupts."""
    if at.step == cut:
        raise KeyboardInterrupt
    return batch(s, at)


def test_resume_with_other_settings_is_refused(tmp_path: Path) -> None:
    run(RECIPE, Settings(), tmp_path)
    with pytest.raises(TrainingError, match=r"other settings:\n  lr: was 0.01, now 0.5"):
        run(RECIPE, Settings(lr=0.5), tmp_path, resume=True)
    run(RECIPE, Settings(steps=8), tmp_path, resume=True)


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    run(RECIPE, Settings(), tmp_path)
    with pytest.raises(TrainingError, match="holds a run: pass --resume"):
        run(RECIPE, Settings(), tmp_path)


def test_resume_begins_where_there_is_nothing_yet(tmp_path: Path) -> None:
    whole = run(RECIPE, Settings(), tmp_path / "whole")
    again = run(RECIPE, Settings(), tmp_path / "new", resume=True)
    assert whole.read_bytes() == again.read_bytes()


def test_graphs_are_composed_before_training(tmp_path: Path) -> None:
    broken = replace(RECIPE, card=lambda s: Card("MIT", graphs={"edit": ["E", "T_hair", "R"]}))
    with pytest.raises(modgan.UnknownName, match="no part named 'T_hair'"):
        run(broken, Settings(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_flags_come_from_the_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(RECIPE, ["--smoke", "--seed", "5", "--out", str(tmp_path)])
    settings = json.loads((tmp_path / "settings.json").read_text())
    assert (settings["steps"], settings["seed"]) == (2, 5)
    with pytest.raises(SystemExit):
        main(RECIPE, ["--sede", "5"])
    assert "unrecognized arguments: --sede" in capsys.readouterr().err


def test_help_explains_flags_by_the_comments(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(RECIPE, ["--help"])
    assert "--lr LR" in (shown := capsys.readouterr().out) and "of both parts (0.01)" in shown


def test_variants_are_recipes_of_their_own(tmp_path: Path) -> None:
    other = replace(RECIPE, name="other", settings=Settings(seed=9))
    main(
        replace(RECIPE, variants={"other": other}),
        ["--variant", "other", "--smoke", "--out", str(tmp_path)],
    )
    assert modgan.load(tmp_path / "other.safetensors").card.provenance["settings"]["seed"] == 9


def test_a_run_out_of_time_can_be_resumed(tmp_path: Path) -> None:
    early = run(RECIPE, Settings(), tmp_path, book=replace(OFTEN, minutes=0.0))
    assert modgan.load(early).card.provenance["step"] == 1
    assert modgan.load(run(RECIPE, Settings(), tmp_path, resume=True)).card.provenance["step"] == 6
