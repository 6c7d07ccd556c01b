"""Two processes, one that accumulates, and one with the joined batch learn the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import distributed_run as tiny
import pytest
import torch
from torch import nn

from modgan.train import Engine, Trainer, TrainingError, run
from modgan.train.checkpoint import load
from modgan.train.plot import read_log

SCRIPT = Path(tiny.__file__)
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
STEPS = 20


def torchrun(out: Path, *words: str) -> None:
    command = [*TORCHRUN, str(SCRIPT), str(out), str(STEPS), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes."""
    out = tmp_path_factory.mktemp("two")
    torchrun(out)
    return out


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run in one process, with both shares as one batch."""
    out = tmp_path_factory.mktemp("joined")
    run(tiny.recipe, tiny.Settings(joined=2), out, book=tiny.EACH)
    return out


def weights(out: Path, step: int) -> dict[str, torch.Tensor]:
    state: dict[str, Any] = load(out / f"checkpoints/{step:08d}.pt")
    parts = state["trainer"]["parts"]
    return {f"{name}.{key}": t for name, part in parts.items() for key, t in part.items()}


def furthest(one: Path, other: Path, step: int) -> float:
    a, b = weights(one, step), weights(other, step)
    assert a.keys() == b.keys()
    return max((a[name] - b[name]).abs().max().item() for name in a)


def test_in_most_steps_a_process_lacks_a_transformer() -> None:
    pairs = [[tiny.used(tiny.Share(step, slot, 2)) for slot in (0, 1)] for step in range(STEPS)]
    assert sum(a != b for a, b in pairs) > STEPS / 2
    assert any(a == [] != b for a, b in pairs) and any(a == b == [] for a, b in pairs)


@pytest.mark.parametrize("step", [1, 5, STEPS])
def test_two_processes_reach_the_weights_of_the_joined_batch(
    two: Path, joined: Path, step: int
) -> None:
    assert furthest(two, joined, step) < 1e-5
    assert furthest(two, joined, 0) == 0.0


def test_accumulated_shares_reach_the_weights_of_the_joined_batch(
    joined: Path, two: Path, tmp_path: Path
) -> None:
    run(tiny.recipe, tiny.Settings(), tmp_path, engine=Engine(accumulate=2), book=tiny.EACH)
    assert furthest(tmp_path, joined, STEPS) < 1e-5
    assert furthest(tmp_path, two, STEPS) < 1e-5


def test_gradients_of_accumulated_shares_are_those_of_the_joined_batch() -> None:
    grads = []
    for joined, slots in ((2, 1), (1, 2)):
        torch.manual_seed(0)
        settings = tiny.Settings(joined=joined)
        trainer = Trainer(tiny.parts(settings), tiny.phases(settings))
        shares = [tiny.batch(settings, tiny.Share(2, slot, slots)) for slot in range(slots)]
        next(trainer.steps([shares]))
        grads.append({n: p.grad for n, p in nn.ModuleDict(trainer.parts).named_parameters()})
    for name, one in grads[0].items():
        other = grads[1][name]
        assert (one is None) == (other is None), name
        assert one is None or torch.allclose(one, other, atol=1e-6), name


def test_the_first_process_writes_the_means_of_all(two: Path, joined: Path) -> None:
    one, other = (read_log(out / "log.jsonl") for out in (two, joined))
    assert [row["step"] for row in one] == list(range(1, STEPS + 1))
    for a, b in zip(one, other, strict=True):
        assert a["D/label"] == pytest.approx(b["D/label"], abs=1e-4)


def test_two_processes_resume_to_the_same_bits(two: Path, tmp_path: Path) -> None:
    for word in ("stop", "stop", "go"):
        torchrun(tmp_path, "resume", word)
    name = "tiny.safetensors"
    assert (tmp_path / name).read_bytes() == (two / name).read_bytes()


def test_other_shares_are_other_training(two: Path) -> None:
    with pytest.raises(TrainingError, match="shares: was 2, now 1"):
        run(tiny.recipe, tiny.Settings(), two, resume=True)
