"""Where a training step's time goes, and what each way of not wasting it brings.

    python benchmarks/speed.py                 # minutes on two cores

Trains the portraits recipe at its real sizes. All variants take turns, a few steps each, again and
again in one process, so that whatever else the machine does falls on all of them; figures are
medians. Writes docs/results/speed.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
import modulargan_portraits as recipe

from modgan.data.images import batch as pictures_of
from modgan.data.portraits import Portraits
from modgan.files import replacing
from modgan.train import Batch, Share, Trainer

PICTURES, TURN = 512, 4  # portraits held; steps a variant takes in its turn (two T's in the last)


@dataclass(frozen=True)
class Variant:
    """One way to train; the last of `VARIANTS` is how runs do it."""

    name: str
    held: bool = True  # pictures are drawn once and kept, not anew in every step
    fakes: bool = True  # D learns from the fakes that G made, not from new ones
    fused: bool = True  # one kernel for all of Adam, not several a tensor
    last: bool = True  # channels last in memory


VARIANTS = (
    Variant("nothing of it", held=False, fakes=False, fused=False, last=False),
    Variant("pictures held", fakes=False, fused=False, last=False),
    Variant("fakes shared by the phases", fused=False, last=False),
    Variant("fused Adam", last=False),
    Variant("channels last: as runs train"),
)


@dataclass
class Runner:
    """A variant that trains, and the milliseconds of its steps by what they were spent on."""

    variant: Variant
    spent: dict[str, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = replace(recipe.Settings(), pictures=PICTURES, workers=0, teach=0)
        torch.manual_seed(0)
        parts: dict[str, Any] = dict(recipe.parts(self.settings))
        layout = torch.channels_last if self.variant.last else torch.contiguous_format
        parts = {name: part.to(memory_format=layout) for name, part in parts.items()}
        self.clock: dict[str, float] = {}
        phases = [replace(p, loss=self.timed("forward", self.loss(p))) for p in self.phases()]
        self.trainer = Trainer(parts, phases)
        for optimizer in self.trainer.optimizers.values():
            for group in optimizer.param_groups:
                group["fused"] = self.variant.fused
                group["foreach"] = False
            optimizer.step = self.timed("optimizer", optimizer.step)
        self.data = Portraits(PICTURES, self.settings.size, self.settings.data_seed)
        self.at = 0

    def phases(self) -> list[Any]:
        return [phase for phase in recipe.phases(self.settings) if phase.name != "teach"]

    def loss(self, phase: Any) -> Callable[..., Any]:
        """The loss of a phase; where fakes are not shared, D's makes its own."""
        if phase.name != "D" or self.variant.fakes:
            return phase.loss

        def remade(parts: Any, batch: Batch) -> Any:
            with torch.no_grad():
                changed = parts["E"](batch["image"][: self.settings.batch])
                for at in batch["chain"]:
                    name = batch["names"][at]
                    code = torch.nn.functional.one_hot(
                        batch["target"][:, at], parts[f"T_{name}"].inputs[name].channels
                    )
                    changed, _ = parts[f"T_{name}"](changed, code.float())
                batch["fake"] = parts["R"](changed)
            return phase.loss(parts, batch)

        return remade

    def timed(self, what: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """`act`, its time added to the clock of the step."""

        def measured(*given: Any, **named: Any) -> Any:
            begun = time.perf_counter()
            done = act(*given, **named)
            self.clock[what] = self.clock.get(what, 0.0) + time.perf_counter() - begun
            return done

        return measured

    def draw(self) -> Batch:
        """The batch of the step; drawn anew where nothing is held."""
        made = recipe.batch(self.settings, Share(self.at))
        if not self.variant.held:
            pictures_of(self.data, range(self.settings.batch + self.settings.reals))
        if not self.variant.last:
            made["image"] = made["image"].contiguous()
        return made

    def step(self) -> None:
        """Take a step and note what it cost."""
        self.clock.clear()
        begun = time.perf_counter()
        made = self.timed("data", self.draw)()
        next(self.trainer.steps([[made]]))
        self.at += 1
        whole = time.perf_counter() - begun
        cost = {"whole": whole, "backward": whole - sum(self.clock.values()), **self.clock}
        for what, seconds in cost.items():
            self.spent.setdefault(what, []).append(1000 * seconds)


def turns(runners: list[Runner], rounds: int) -> Iterator[None]:
    """Every runner in turn; the first round warms up and is forgotten."""
    for turn in range(rounds + 1):
        for runner in runners:
            for _ in range(TURN):
                runner.step()
            yield
            if turn == 0:
                runner.spent.clear()


def table(runners: list[Runner]) -> str:
    """Markdown: medians in ms, and the ratio to the first row."""
    kinds = ("data", "forward", "backward", "optimizer", "whole")
    lines = [f"| | {' | '.join(kinds)} | faster than the first |", "|---" * 7 + "|"]
    first = statistics.median(runners[0].spent["whole"])
    for runner in runners:
        medians = [statistics.median(runner.spent[kind]) for kind in kinds]
        cells = " | ".join(f"{value:.0f}" for value in medians)
        lines.append(f"| {runner.variant.name} | {cells} | {first / medians[-1]:.2f} × |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12, help=f"turns of {TURN} steps each")
    parser.add_argument("--out", type=Path, default=Path("docs/results/speed.md"))
    given = parser.parse_args()
    runners = [Runner(variant) for variant in VARIANTS]
    for _ in tqdm(turns(runners, given.rounds), total=len(runners) * (given.rounds + 1)):
        pass
    text = f"""# Where a step's time goes

`python benchmarks/speed.py --rounds {given.rounds}`: the portraits recipe (64², batch 16 + 16),
{torch.get_num_threads()} threads, medians of {given.rounds * TURN} steps in milliseconds; the rows
take turns in one process, each adds to the one before. Compare the ratios, not the milliseconds.

{table(runners)}

"forward" and "backward" are those of both phases; "backward" also holds what is not listed.
Data are drawn ahead by a thread in runs, which hides the column "data" where it is large.
"""
    with replacing(given.out) as temporary:
        temporary.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
