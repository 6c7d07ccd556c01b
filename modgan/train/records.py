"""What the folder of a run holds, read and summed up."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from modgan.data.images import DataError
from modgan.zoo import ZooError, inspect

SETTINGS, LOG = "settings.json", "log.jsonl"
BEST = "-best"  # ends the name of the zoo with the best figure so far
RECENT = 10  # rows of the log by which the speed is told
Row = dict[str, float]


def holds_run(folder: Path) -> bool:
    """Whether a run has begun there."""
    return (folder / SETTINGS).is_file() or (folder / LOG).is_file()


@dataclass(frozen=True)
class Found:
    """What a run's folder holds, read once."""

    run: Path

    @cached_property
    def name(self) -> str:
        """What the folder is called."""
        return self.run.resolve().name

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The settings by name; none where they are not written yet."""
        return _read_settings(self.run / SETTINGS)

    @cached_property
    def rows(self) -> list[Row]:
        """The log so far."""
        return read_rows(self.run / LOG)

    @cached_property
    def headers(self) -> dict[str, dict[str, Any] | str]:
        """The header of each zoo file by its name, or why it cannot be read; the best last."""
        files = [p for p in self.run.glob("*.safetensors") if p.is_file() and p.name[0] != "."]
        files.sort(key=lambda path: (path.stem.endswith(BEST), path.name))
        return {path.name: _header(path) for path in files}

    @cached_property
    def foreign(self) -> list[str]:
        """The zoo files that are not named as a run names its own: after the recipe."""
        return [
            name
            for name, zoo in self.headers.items()
            if isinstance(zoo, dict) and Path(name).stem.removesuffix(BEST) != _recipe(zoo["card"])
        ]

    @property
    def zoos(self) -> dict[str, dict[str, Any] | str]:
        """The headers but for those of other origin."""
        return {name: zoo for name, zoo in self.headers.items() if name not in self.foreign}

    @cached_property
    def readable(self) -> dict[str, dict[str, Any]]:
        """The headers that can be read."""
        return {name: zoo for name, zoo in self.zoos.items() if isinstance(zoo, dict)}

    @cached_property
    def card(self) -> dict[str, Any]:
        """The card of the zoo, of the best one where there is no other, or an empty one."""
        empty: dict[str, Any] = {"licence": "", "provenance": {}, "metrics": [], "graphs": {}}
        return next((zoo["card"] for zoo in self.readable.values()), empty)

    @property
    def recipe(self) -> str:
        """The name of the recipe, or '' where no zoo file tells it."""
        return _recipe(self.card)

    @cached_property
    def sheets(self) -> list[tuple[int, Path]]:
        """The sample sheets with their steps."""
        return numbered(self.run / "samples", "png")

    @property
    def step(self) -> int:
        """The last step that is logged."""
        return int(self.rows[-1]["step"]) if self.rows else 0


def _read_settings(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is no JSON ({error}); it was written by the run") from error
    if not isinstance(settings, dict):
        raise DataError(f"{path}: expected the settings by name, found a {type(settings).__name__}")
    return settings


def read_rows(path: Path) -> list[Row]:
    """The rows of a log.jsonl, each checked; a last line without its end is left out."""
    if not path.is_file():
        return []
    whole = path.read_bytes().split(b"\n")[:-1]
    return [_row(line, f"{path}, line {number}") for number, line in enumerate(whole, 1)]


def _row(line: bytes, where: str) -> Row:
    problem = "it has no whole number of steps"
    try:
        row = json.loads(line)
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            values = {name: float(value) for name, value in row.items()}
            if math.isfinite(values.get("seconds", 0.0)):
                return values | {"step": row["step"]}
            problem = f"its seconds are {values['seconds']}"
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        problem = str(error)
    raise DataError(f"{where}: is no row of a log: {problem}; take the line out")


def _header(path: Path) -> dict[str, Any] | str:
    try:
        return inspect(path)
    except ZooError as error:
        return str(error)


def _recipe(card: dict[str, Any]) -> str:
    return Path(str(card["provenance"].get("recipe", ""))).stem


def numbered(folder: Path, suffix: str) -> list[tuple[int, Path]]:
    """The files that are named after a step, in order."""
    files = [path for path in folder.glob(f"*.{suffix}") if path.stem.isdecimal()]
    return sorted((int(path.stem), path) for path in files)


def spent(rows: Sequence[Row]) -> tuple[float, int]:
    """The seconds of all starts together, and how many starts: a clock that falls is a new one."""
    seconds = [row["seconds"] for row in rows if "seconds" in row]
    ends = [a for a, b in pairwise(seconds) if b < a] + seconds[-1:]
    return sum(ends), len(ends)


def speed(rows: Sequence[Row]) -> float | None:
    """Seconds per step by the median of the recent rows, or None where there are too few."""
    timed = [row for row in rows if "seconds" in row]
    each = [
        (b["seconds"] - a["seconds"]) / (b["step"] - a["step"])
        for a, b in pairwise(timed)
        if b["step"] > a["step"] and b["seconds"] >= a["seconds"]
    ]
    return median(each[-RECENT:]) if each else None
