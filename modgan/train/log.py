"""What a run writes down while it goes: log.jsonl, losses.png and, if asked, TensorBoard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modgan.files import replacing
from modgan.train.loop import Progress, TrainingError
from modgan.train.plot import plot, read_log


class Log:
    """The rows of a run, kept in `out`/log.jsonl; rows after `step` are forgotten.

    They belong to steps that were not saved and are done again.
    """

    def __init__(self, out: Path, step: int, tensorboard: bool = False) -> None:
        self.path, self.out = out / "log.jsonl", out
        if self.path.exists():
            kept = [json.dumps(row) + "\n" for row in read_log(self.path) if row["step"] <= step]
            with replacing(self.path) as temporary:
                temporary.write_text("".join(kept))
        self.board = _board(out, step) if tensorboard else None

    def write(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Append one row and draw the curves again."""
        row = {"step": step, "seconds": round(seconds, 1)}
        row |= {name: round(value, 6) for name, value in values.items()}
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        plot(self.path, self.out / "losses.png")
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)
            self.board.flush()


def means(recent: Sequence[Progress]) -> dict[str, float]:
    """The mean of every term, by "phase/term", over the steps in which its phase acted."""
    seen: dict[str, list[float]] = {}
    for progress in recent:
        for phase, terms in progress.terms.items():
            for name, value in terms.items():
                seen.setdefault(f"{phase}/{name}", []).append(value)
    return {name: sum(values) / len(values) for name, values in seen.items()}


def _board(out: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError(
            'TensorBoard is not installed: pip install "modgan[log]", or leave --tensorboard out'
        ) from error
    make: Any = SummaryWriter  # torch does not annotate it
    return make(out / "tensorboard", purge_step=step + 1)
