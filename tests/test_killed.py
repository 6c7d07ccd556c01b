"""Killed at any moment, a run goes on to the bits of one that never was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import distributed_run as tiny
import killed_run
import pytest

from modgan.train import run
from modgan.train.plot import read_log

KILLS, STEPS = 24, 160


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[int]]]:
    """A run that was killed KILLS times, and what is known about that."""
    out = tmp_path_factory.mktemp("killed")
    script = Path(__file__).with_name("killed_run.py")
    command = [sys.executable, str(script), str(out), str(STEPS), str(KILLS), "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return out, json.loads(done.stdout)


def test_it_was_killed_often_at_moments_of_every_kind(
    killed: tuple[Path, dict[str, list[int]]],
) -> None:
    _, told = killed
    assert told["killed"] == KILLS
    reached = told["reached"]
    assert reached == sorted(reached)  # nothing saved was ever lost
    assert len(set(reached)) > 8  # it got on in between
    assert len(set(reached)) < KILLS  # twice or more without a step saved in between
    assert told["unfinished"] > 0  # while a file was being written


def test_the_zoo_is_that_of_a_run_never_interrupted(
    killed: tuple[Path, dict[str, list[int]]], tmp_path: Path
) -> None:
    out, _ = killed
    whole = run(tiny.recipe, tiny.Settings(steps=STEPS), tmp_path, book=killed_run.BOOK)
    assert (out / whole.name).read_bytes() == whole.read_bytes()
    logs = [
        [{**row, "seconds": 0} for row in read_log(folder / "log.jsonl")]
        for folder in (out, tmp_path)
    ]
    assert logs[0] == logs[1]
    files = [sorted(p.name for p in folder.rglob("*")) for folder in (out, tmp_path)]
    assert files[0] == files[1]  # nothing half written is left
