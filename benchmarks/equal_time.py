"""Systems trained equally long: what the comparisons share.

Equal time is that of so many steps of one of them: the steps of all are timed first, in one
process, in turns that are long enough for what memory and caches hold to be a system's own.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

import modgan
from modgan.train import Recipe, Share, Trainer, run

ROUNDS = 4  # turns of every system, of which the fastest counts: what else runs only slows
TURN = 40  # steps of a turn that are timed: every 5th and every 8th of them evenly
WARM = 8  # steps before, in which memory and caches become the system's own
PLAN = "steps.json"


@dataclass(frozen=True)
class Timed:
    """A system that is trained as long as others."""

    title: str
    recipe: Recipe
    settings: dict[str, Any] = field(default_factory=dict, kw_only=True)
    changes: str = field(default="", kw_only=True)  # the setting that says when phases change

    def chosen(self, given: Mapping[str, Any]) -> Any:
        """The settings on the data `given`."""
        return replace(self.recipe.settings, **{**given, **self.settings})


class Clock:
    """A system that takes steps, before and after its phases change."""

    def __init__(self, system: Timed, given: Mapping[str, Any]) -> None:
        self.system, self.settings = system, system.chosen(given)
        torch.manual_seed(0)
        parts = {
            name: part.to(memory_format=torch.channels_last)
            for name, part in system.recipe.parts(self.settings).items()
        }
        self.trainer = Trainer(parts, system.recipe.phases(self.settings))
        change = getattr(self.settings, system.changes) if system.changes else 0
        self.begins = (0, change) if change else (0,)
        self.turns: list[list[float]] = [[] for _ in self.begins]  # seconds a step, by turn

    def turn(self) -> None:
        """Take the steps of a turn in either stretch."""
        for begin, turns in zip(self.begins, self.turns, strict=True):
            for at in range(WARM + TURN):
                if at == WARM:
                    begun = time.perf_counter()
                batch = self.system.recipe.batch(self.settings, Share(begin + at))
                self.trainer.step = begin + at
                next(self.trainer.steps([[batch]]))
            turns.append((time.perf_counter() - begun) / TURN)

    def each(self) -> list[float]:
        """The mean seconds of a step in either stretch, as not all steps are alike."""
        return [min(turns) for turns in self.turns]

    def cost(self) -> float:
        """The seconds of all steps of the settings."""
        first = self.begins[-1]
        return first * self.each()[0] + (self.settings.steps - first) * self.each()[-1]


def equal_steps(
    systems: Mapping[str, Timed], names: Sequence[str], given: Mapping[str, Any], steps: int
) -> dict[str, Any]:
    """Settings under which all train as long as the first of `systems` does for `steps` steps.

    And the minutes that this takes, on the machine where they were timed.
    """
    first = next(iter(systems))
    timed = {name: Clock(systems[name], given) for name in dict.fromkeys([first, *names])}
    for _ in range(ROUNDS):
        for clock in tqdm(timed.values(), "timing"):
            clock.turn()
    ours = timed[first]
    ours.settings = replace(ours.settings, steps=steps)
    minutes = round(ours.cost() / 60, 1)
    return {
        name: {"minutes": minutes, "settings": _stretched(timed[name], ours.cost())}
        for name in names
    }


def _stretched(clock: Clock, seconds: float) -> dict[str, Any]:
    """The steps that take so many seconds; where phases differ by a share, it stays."""
    factor = seconds / clock.cost()
    steps = round(clock.settings.steps * factor)
    if clock.system.changes == "drawing":
        return {"steps": steps, "drawing": round(clock.settings.drawing * factor)}
    first = clock.begins[-1]
    if not first:
        return {"steps": steps}
    early, later = clock.each()
    return {"steps": first + round((seconds - first * early) / later)}


def train(
    systems: Mapping[str, Timed],
    names: Sequence[str],
    given: Mapping[str, Any],
    steps: int,
    out: Path,
) -> None:
    """Train the systems one after the other; what is finished stays as it is."""
    plan = out / PLAN
    known = json.loads(plan.read_text()) if plan.is_file() else {}
    if missing := [name for name in names if name not in known]:
        known |= equal_steps(systems, missing, given, steps)
        out.mkdir(parents=True, exist_ok=True)
        plan.write_text(json.dumps(known, indent=1) + "\n")
    for name in names:
        system = systems[name]
        settings = replace(system.chosen(given), **known[name]["settings"])
        recipe = replace(system.recipe, name=name, score=None)
        run(recipe, settings, out / name, resume=True)


def planned(folder: Path) -> dict[str, Any]:
    """What `train` planned: minutes and settings by name."""
    plan = folder / PLAN
    if not plan.is_file():
        raise SystemExit(f"{plan}: no such file; train first, or name the folder with --zoos")
    return json.loads(plan.read_text())


def zoos(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, modgan.Zoo]]:
    """The zoos that `train` wrote, or that lie there side by side; others are left out."""
    for name in names:
        found = [folder / f"{name}.safetensors", folder / name / f"{name}.safetensors"]
        path = next((path for path in found if path.is_file()), None)
        if path is None:
            print(f"no zoo of {name} in {folder}", file=sys.stderr)
            continue
        yield name, modgan.load(path)


def milliseconds(make: Callable[[int], object], tries: int = 20) -> float:
    """The time of `make`, for picture 0, 1, and so on: the median."""
    spent = []
    for at in range(tries):
        begun = time.perf_counter()
        make(at)
        spent.append(1000 * (time.perf_counter() - begun))
    return statistics.median(spent)
