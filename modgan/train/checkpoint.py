"""States to resume from: the last few, and the best."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch

from modgan.files import replacing
from modgan.train.loop import TrainingError

BEST = "best.pt"


def save(folder: Path, step: int, state: Any, keep: int) -> None:
    """Write the state after `step`, then forget all but the last `keep`."""
    write(folder / f"{step:08d}.pt", state)
    for path in _numbered(folder)[:-keep]:
        path.unlink()


def write(path: Path, state: Any) -> None:
    """Write a state whole or not at all; a full disk is an OSError and leaves the others."""
    buffer = io.BytesIO()  # torch writing to a file itself hides what the system said
    torch.save(state, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def latest(folder: Path) -> Path | None:
    """The state of the highest step, if there is one."""
    return _numbered(folder)[-1] if _numbered(folder) else None


def load(path: Path) -> Any:
    """Read a state; nothing but tensors and plain data is accepted."""
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except (RuntimeError, BadZipFile, EOFError, ValueError) as error:
        raise TrainingError(
            f"{path}: cannot be read ({error}); take it away to resume from the one before"
        ) from error


def _numbered(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.pt") if path.stem.isdigit())
