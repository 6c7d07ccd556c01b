"""What a run does when things go wrong, and what it keeps."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import distributed_run as tiny
import pytest
import torch
from PIL import Image
from torch import Tensor

import modgan
from modgan.component import Component
from modgan.train import Batch, Bookkeeping, Engine, Recipe, Share, TrainingError, main, run
from modgan.train.checkpoint import load
from modgan.train.plot import read_log

BOOK = Bookkeeping(log_every=1, save_every=2, score_every=2)
SETTINGS = tiny.Settings(steps=8)


def states(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints").iterdir())


def nan_at(*steps: int, orders: int = 1) -> Recipe:
    """The recipe with pictures that are not numbers at these steps, in the first data orders."""

    def batch(s: tiny.Settings, at: Share) -> Batch:
        made = tiny.batch(s, at)
        if at.step in steps and at.order < orders:
            made["image"] = made["image"] * float("nan")
        return made

    return replace(tiny.recipe, batch=batch)


def scored(values: Mapping[int, float]) -> Recipe:
    """The recipe with a figure that takes these values when it is asked for."""
    left: Iterator[float] = iter(values.values())

    def score(s: tiny.Settings, folder: Path, device: str) -> Any:
        def figures(parts: Mapping[str, Component], final: bool) -> list[dict[str, Any]]:
            value = 0.5 if final else next(left)
            split = "test" if final else "val"
            return [{"name": "hair, error %", "value": value, "split": split, "n": 4}]

        return figures

    return replace(tiny.recipe, score=score)


def test_the_last_states_are_kept(tmp_path: Path) -> None:
    run(tiny.recipe, SETTINGS, tmp_path, book=replace(BOOK, last=3))
    assert states(tmp_path) == ["00000004.pt", "00000006.pt", "00000008.pt"]


def test_the_best_is_kept_beside_them(tmp_path: Path) -> None:
    path = run(scored({2: 3.0, 4: 1.0, 6: 2.0}), SETTINGS, tmp_path, book=BOOK)
    assert states(tmp_path) == ["00000006.pt", "00000008.pt", "best.pt"]
    best = load(tmp_path / "checkpoints/best.pt")
    assert (best["trainer"]["step"], best["best"]) == (4, 1.0)
    card = modgan.load(tmp_path / "tiny-best.safetensors").card
    assert card.provenance["step"] == 4 and card.metrics[0]["value"] == 1.0
    rows = [row for row in read_log(tmp_path / "log.jsonl") if "metric/hair, error %" in row]
    assert [row["step"] for row in rows] == [2, 4, 6]
    (final,) = modgan.load(path).card.metrics
    assert (final["value"], final["split"]) == (0.5, "test")
    assert final["command"] == "modgan train recipes/tiny.py"


def test_an_unknown_figure_for_the_best_is_an_error(tmp_path: Path) -> None:
    book = replace(BOOK, best="fid")
    with pytest.raises(TrainingError, match="--best fid: the figures are hair, error %"):
        run(scored({2: 1.0}), SETTINGS, tmp_path, book=book)


def test_a_loss_that_is_not_finite_leaves_the_state_before(tmp_path: Path) -> None:
    message = r"phase G, step 6: the loss is not finite: .*\n.*\n  .*00000004.pt is from before"
    with pytest.raises(TrainingError, match=message):
        run(nan_at(5), SETTINGS, tmp_path, book=BOOK)
    state = load(tmp_path / "checkpoints/00000004.pt")["trainer"]["parts"]
    assert all(t.isfinite().all() for part in state.values() for t in part.values())


def test_rollback_goes_on_with_other_data(tmp_path: Path) -> None:
    engine = Engine(on_nan="rollback")
    path = run(nan_at(5), SETTINGS, tmp_path / "a", engine=engine, book=BOOK)
    whole = run(tiny.recipe, SETTINGS, tmp_path / "b", book=BOOK)
    assert modgan.load(path).card.provenance["step"] == 8
    assert path.read_bytes() != whole.read_bytes()
    steps = [row["step"] for row in read_log(tmp_path / "a/log.jsonl")]
    assert steps == list(range(1, 9))  # the rows of the steps taken back are gone


def test_rollback_is_bounded_and_can_be_resumed(tmp_path: Path) -> None:
    engine = Engine(on_nan="rollback", rollbacks=2)
    with pytest.raises(TrainingError, match="not finite"):
        run(nan_at(5, orders=9), SETTINGS, tmp_path / "a", engine=engine, book=BOOK)
    wider = replace(engine, rollbacks=4)
    recipe = nan_at(5, orders=3)
    again = run(recipe, SETTINGS, tmp_path / "a", resume=True, engine=wider, book=BOOK)
    whole = run(recipe, SETTINGS, tmp_path / "b", engine=wider, book=BOOK)
    assert again.read_bytes() == whole.read_bytes()


def test_a_full_disk_stops_and_leaves_the_last_state_whole(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def full(s: tiny.Settings, at: Share) -> Batch:
        if at.step == 5:  # a limit on the size of files ends writing as a full disk does
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        return tiny.batch(s, at)

    try:
        with pytest.raises(TrainingError, match=r"stopped at step 6, a file could not be written"):
            broken, at_once = replace(tiny.recipe, batch=full), Engine(ahead=0)
            run(broken, SETTINGS, tmp_path / "a", engine=at_once, book=BOOK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert states(tmp_path / "a")[-1] == "00000004.pt"
    assert not list((tmp_path / "a").rglob(".writing*"))
    again = run(tiny.recipe, SETTINGS, tmp_path / "a", resume=True, book=BOOK)
    assert again.read_bytes() == run(tiny.recipe, SETTINGS, tmp_path / "b").read_bytes()


def test_a_process_told_to_end_saves_first(tmp_path: Path) -> None:
    def told(s: tiny.Settings, at: Share) -> Batch:
        if at.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return tiny.batch(s, at)

    recipe = replace(tiny.recipe, batch=told)
    rarely = replace(BOOK, save_every=99)
    with pytest.raises(TrainingError, match="told to end: stopped after step 4 of 8: go on with"):
        run(recipe, SETTINGS, tmp_path / "a", engine=Engine(ahead=0), book=rarely)
    assert states(tmp_path / "a") == ["00000000.pt", "00000004.pt"]
    again = run(tiny.recipe, SETTINGS, tmp_path / "a", resume=True, book=BOOK)
    assert again.read_bytes() == run(tiny.recipe, SETTINGS, tmp_path / "b").read_bytes()


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    run(tiny.recipe, SETTINGS, tmp_path, book=BOOK)
    last = tmp_path / "checkpoints/00000008.pt"
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(TrainingError, match=r"00000008.pt: cannot be read .*take it away"):
        run(tiny.recipe, SETTINGS, tmp_path, resume=True)
    last.unlink()
    assert modgan.load(run(tiny.recipe, SETTINGS, tmp_path, resume=True)).card.provenance["step"]


def test_a_state_of_another_version_is_refused(tmp_path: Path) -> None:
    run(tiny.recipe, SETTINGS, tmp_path, book=BOOK)
    last = tmp_path / "checkpoints/00000008.pt"
    torch.save({"trainer": {}, "ema": {}}, last)
    with pytest.raises(
        TrainingError, match=r"00000008.pt: is a state of another version of modgan"
    ):
        run(tiny.recipe, SETTINGS, tmp_path, resume=True)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_keeps_weights_and_penalties_whole(tmp_path: Path, precision: str) -> None:
    seen: dict[str, set[torch.dtype]] = {"parts": set(), "penalty": set()}

    def watched(parts: Mapping[str, Component], batch: Batch) -> dict[str, Tensor]:
        terms = tiny.d_loss(parts, batch)
        seen["parts"].add(parts["D"](batch["image"])[2].dtype)
        seen["penalty"].add(terms["r1"].dtype)
        return terms

    def phases(s: tiny.Settings) -> list[Any]:
        g, d = tiny.phases(s)
        return [g, replace(d, loss=watched)]

    half = replace(tiny.recipe, phases=phases)
    engine = Engine(precision=precision)
    zoo = modgan.load(run(half, SETTINGS, tmp_path / "half", engine=engine, book=BOOK))
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    assert seen == {"parts": {dtype}, "penalty": {torch.float32}}
    full = modgan.load(run(tiny.recipe, SETTINGS, tmp_path / "full", book=BOOK))
    for name, part in zoo.items():
        for one, other in zip(part.parameters(), full[name].parameters(), strict=True):
            assert one.dtype == torch.float32 and one.isfinite().all()
            assert (one - other).abs().max() < 0.02  # 8 steps of at most 1e-3 either way
    with pytest.raises(TrainingError, match=f"precision: was {precision}, now fp32"):
        run(tiny.recipe, SETTINGS, tmp_path / "half", resume=True)


def test_half_precision_resumes_to_the_same_bits(tmp_path: Path) -> None:
    engine = Engine(precision="fp16")
    whole = run(tiny.recipe, SETTINGS, tmp_path / "a", engine=engine, book=BOOK)
    once = replace(BOOK, minutes=0.0)
    run(tiny.recipe, SETTINGS, tmp_path / "b", engine=engine, book=once)
    again = run(tiny.recipe, SETTINGS, tmp_path / "b", resume=True, engine=engine, book=BOOK)
    assert whole.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--precision", "half"], "--precision half: expects one of fp32, bf16, fp16"),
        (["--on-nan", "ignore"], "--on-nan ignore: expects one of stop, rollback"),
        (["--accumulate", "0"], "--accumulate 0: expects a whole number from 1 on"),
        (["--device", "gpu"], "--device gpu: expects cpu, cuda or mps"),
    ],
)
def test_flags_that_cannot_be_meant_are_refused(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(tiny.recipe, [*flags, "--out", str(tmp_path)])
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_settings_may_not_take_the_names_of_flags(tmp_path: Path) -> None:
    bad = replace(tiny.recipe, settings=Bookkeeping())
    with pytest.raises(TrainingError, match=r"recipe tiny: its settings lack decay, ema, seed, "):
        main(bad, ["--out", str(tmp_path)])


def test_tensorboard_gets_the_terms(tmp_path: Path) -> None:
    run(tiny.recipe, SETTINGS, tmp_path, book=replace(BOOK, tensorboard=True))
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"G/label" in events.read_bytes()


def test_tensorboard_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TrainingError, match=r'pip install "modgan\[log\]"'):
        run(tiny.recipe, SETTINGS, tmp_path, book=replace(BOOK, tensorboard=True))


def test_a_plan_is_told_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(replace(tiny.recipe, plan=lambda s: "# what will be\n"), SETTINGS, tmp_path)
    plan = (tmp_path / "plan.md").read_text()
    assert plan.startswith("# what will be\n\n| part | component | parameters | trained in |\n")
    assert "| T_hair | residual_transformer |" in plan and "| D |" in plan.splitlines()[-1][:5]
    assert plan in capsys.readouterr().err


def test_sheets_are_pictures(tmp_path: Path) -> None:
    pictured = replace(tiny.recipe, sheet=lambda s, parts: Image.new("RGB", (4, 4)))
    run(pictured, SETTINGS, tmp_path, book=replace(BOOK, sheet_every=4))
    assert [p.name for p in sorted((tmp_path / "samples").iterdir())] == [
        "000004.png",
        "000008.png",
    ]
