"""ModularGAN, its ablations and its three baselines, trained equally long: the paper's Tables 2, 3.

    python benchmarks/comparison.py train                  # drawn portraits: hours on two cores
    python benchmarks/comparison.py table                  # from the zoos of that, or released ones
    python benchmarks/comparison.py train --data DIR --attributes hair,smiling,eyeglasses --out RUN
    python benchmarks/comparison.py table --zoos RUN --truth FILE.npz --judge FILE --attributes ...

Equal time is that of so many steps of ModularGAN: the steps of all systems are timed first, in
turns in one process, so that whatever else the machine does falls on all of them alike.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
import cyclegan_portraits
import icgan_portraits
import modulargan_portraits
import modulargan_unmasked
import stargan_portraits
from portraits import Archive, Drawn, Test, measure, write

import modgan
from modgan.data.images import sheet, to_image
from modgan.files import replacing
from modgan.metrics import editors
from modgan.metrics.edits import read
from modgan.train import Recipe, Share, Trainer, run

OURS = modulargan_portraits.recipe
ROUNDS, TURN = 6, 5  # turns of timing, and steps a system takes in its turn


@dataclass(frozen=True)
class System:
    """A row of the tables."""

    title: str
    recipe: Recipe
    editor: Callable[..., editors.Editor]
    chained: bool = True  # whether the order of edits makes a difference
    settings: dict[str, Any] = field(default_factory=dict)
    changes: str = ""  # the setting that says after how many steps other phases begin

    def chosen(self, given: dict[str, Any]) -> Any:
        return replace(self.recipe.settings, **given, **self.settings)


SYSTEMS = {
    "modulargan": System("ModularGAN", OURS, editors.modular, changes="teach"),
    "stargan": System("StarGAN", stargan_portraits.recipe, editors.star, chained=False),
    "stargan_critics": System(
        "StarGAN with our D and losses",
        stargan_portraits.critics,
        editors.star,
        chained=False,
        changes="teach",
    ),
    "cyclegan": System("CycleGAN, chained", cyclegan_portraits.recipe, editors.cycle),
    "icgan": System(
        "IcGAN", icgan_portraits.recipe, editors.inverting, chained=False, changes="drawing"
    ),
    "no_mask": System(
        "without masks", modulargan_unmasked.recipe, editors.modular, changes="teach"
    ),
    "no_feature_cycle": System(
        "without the feature cycle",
        OURS,
        editors.modular,
        settings={"w_feature": 0.0},
        changes="teach",
    ),
    "no_image_cycle": System(
        "without the image cycle", OURS, editors.modular, settings={"w_image": 0.0}, changes="teach"
    ),
}
TABLE_2 = ("modulargan", "stargan", "stargan_critics", "cyclegan", "icgan")


class Timed:
    """A system that takes steps, before and after its phases change."""

    def __init__(self, system: System, given: dict[str, Any]) -> None:
        self.system, self.settings = system, system.chosen(given)
        torch.manual_seed(0)
        parts = {
            name: part.to(memory_format=torch.channels_last)
            for name, part in system.recipe.parts(self.settings).items()
        }
        self.trainer = Trainer(parts, system.recipe.phases(self.settings))
        change = getattr(self.settings, system.changes) if system.changes else 0
        self.begins = (0, change) if change else (0,)
        self.seconds: list[list[float]] = [[] for _ in self.begins]

    def turn(self) -> None:
        """Take a turn in either stretch."""
        for begin, seconds in zip(self.begins, self.seconds, strict=True):
            for at in range(begin, begin + TURN):
                batch = self.system.recipe.batch(self.settings, Share(at))
                self.trainer.step, begun = at, time.perf_counter()
                next(self.trainer.steps([[batch]]))
                seconds.append(time.perf_counter() - begun)

    def cost(self) -> float:
        """The seconds of all steps of the settings; a turn's first steps only warm up."""
        each = [statistics.median(seconds[TURN:]) for seconds in self.seconds]
        first = self.begins[-1]
        return first * each[0] + (self.settings.steps - first) * each[-1]


def equal_steps(names: list[str], given: dict[str, Any], steps: int) -> dict[str, Any]:
    """Settings under which every system trains as long as ModularGAN for `steps` steps.

    And the minutes that this takes, on the machine where they were timed.
    """
    timed = {name: Timed(SYSTEMS[name], given) for name in dict.fromkeys(["modulargan", *names])}
    for _ in tqdm(range(ROUNDS + 1), "timing"):
        for system in timed.values():
            system.turn()
    ours = timed["modulargan"]
    ours.settings = replace(ours.settings, steps=steps)
    minutes = round(ours.cost() / 60, 1)
    return {
        name: {"minutes": minutes, "settings": _stretched(timed[name], ours.cost())}
        for name in names
    }


def _stretched(system: Timed, seconds: float) -> dict[str, Any]:
    """The steps that take so many seconds; where phases differ by a share, it stays."""
    factor = seconds / system.cost()
    steps = round(system.settings.steps * factor)
    if system.system.changes == "drawing":
        return {"steps": steps, "drawing": round(system.settings.drawing * factor)}
    first = system.begins[-1]
    if not first:
        return {"steps": steps}
    teaching = first * statistics.median(system.seconds[0][TURN:])
    later = statistics.median(system.seconds[-1][TURN:])
    return {"steps": first + round((seconds - teaching) / later)}


def train(given: argparse.Namespace) -> None:
    """Train the systems one after the other; what is finished stays as it is."""
    data = {"data": given.data, "attributes": given.attributes, "workers": 0}
    plan = given.out / "steps.json"
    names = given.systems or list(SYSTEMS)
    known = json.loads(plan.read_text()) if plan.is_file() else {}
    if missing := [name for name in names if name not in known]:
        known |= equal_steps(missing, data, given.steps)
        given.out.mkdir(parents=True, exist_ok=True)
        plan.write_text(json.dumps(known, indent=1) + "\n")
    for name in names:
        system = SYSTEMS[name]
        settings = replace(system.chosen(data), **known[name]["settings"])
        recipe = replace(system.recipe, name=name, score=None)
        run(recipe, settings, given.out / name, resume=True)


def table(given: argparse.Namespace) -> None:
    """Score the zoos that are there, and write the page."""
    judge = modgan.load(given.judge)["Q"]
    names = given.attributes.split(",")
    test: Test
    if given.truth:
        test = Archive(given.truth, given.n, given.seed)
    else:
        test = Drawn(given.n, 64, given.seed)
    rows: dict[str, Any] = {"real": real_errors(judge, test, names)}
    columns = examples(test, names)
    plan_file = given.zoos / "steps.json"
    if given.n < len(chains(names)) or not plan_file.is_file():
        raise SystemExit(
            f"table: expects {len(chains(names))} portraits or more, got {given.n}, and a plan in "
            f"{plan_file}; `train` writes it, run that first or pass --zoos"
        )
    plan = json.loads(plan_file.read_text())
    for name in given.systems or list(SYSTEMS):
        found = [given.zoos / f"{name}.safetensors", given.zoos / name / f"{name}.safetensors"]
        path = next((path for path in found if path.is_file()), None)
        if path is None:
            print(f"no zoo of {name} in {given.zoos}", file=sys.stderr)
            continue
        system, zoo = SYSTEMS[name], modgan.load(path)
        edit = system.editor(zoo, test.attributes)
        scores = measure(edit, judge, test, names, system.chained)
        columns[system.title] = [
            edit(chosen, test.pictures[at : at + 1], test.wanted(chosen)[at : at + 1])["image"][0]
            for at, chosen in enumerate(chains(names))
        ]
        rows[name] = {
            "scores": scores,
            "parameters": sum(p.numel() for part in zoo.values() for p in part.parameters()),
            "steps": zoo.card.provenance["step"],
            "minutes": plan[name]["minutes"],
            "milliseconds": milliseconds(edit, test, names),
        }
    what = f"n = {len(test.pictures)}, {test.what}, targets of seed {given.seed}"
    write(given.out, page(rows, names, what), rows)
    pictures = [[to_image(one) for one in row] for row in zip(*columns.values(), strict=True)]
    with replacing(given.figure) as temporary:
        sheet(pictures, list(columns), scale=2).save(temporary)


def examples(test: Test, names: list[str]) -> dict[str, list[Tensor]]:
    """The columns of the figure that no system made: for every set of edits, another portrait."""
    truths = [test.truth(chosen)[at] for at, chosen in enumerate(chains(names))]
    return {"portrait": list(test.pictures[: len(truths)]), "truth": truths}


def chains(names: list[str]) -> list[tuple[str, ...]]:
    """All sets of up to three attributes, single ones first."""
    return [each for size in (1, 2, 3) for each in combinations(names, size)]


def real_errors(judge: modgan.Component, test: Test, names: list[str]) -> dict[str, float]:
    """What the judge misreads in real pictures, by set of attributes."""
    wrong = read(judge, test.pictures) != test.labels
    return {
        "+".join(chosen): wrong[:, columns].any(1).float().mean().item()
        for chosen in chains(names)
        for columns in [[list(test.attributes).index(name) for name in chosen]]
    }


def milliseconds(edit: editors.Editor, test: Test, names: list[str]) -> float:
    """The time of one picture with one edit, one at a time: the median of 20."""
    wanted, spent = test.wanted((names[0],)), []
    for at in range(20):
        begun = time.perf_counter()
        edit([names[0]], test.pictures[at : at + 1], wanted[at : at + 1])
        spent.append(1000 * (time.perf_counter() - begun))
    return statistics.median(spent)


def page(rows: dict[str, Any], names: list[str], what: str) -> str:
    """Both tables as Markdown."""
    columns = ["+".join(chosen) for chosen in chains(names)]
    head = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    real = " | ".join(f"{100 * rows['real'][column]:.1f}" for column in columns)
    ours = rows["modulargan"]["scores"]

    def line(title: str, scores: dict[str, Any], key: str = "error") -> str:
        return " | ".join([f"| {title}", *(f"{100 * scores[c][key]:.1f}" for c in columns)]) + " |"

    errors = {
        name: line(SYSTEMS[name].title, row["scores"])
        for name, row in rows.items()
        if name != "real"
    }
    table_2 = [errors[name] for name in TABLE_2 if name in errors]
    table_3 = [
        line("ModularGAN, T's in the order of the columns", ours, "as_listed"),
        line("ModularGAN, T's in random order", ours),
        *(text for name, text in errors.items() if name not in TABLE_2),
    ]
    pixels = [
        "| | "
        + " | ".join(f"{column}, inside, outside" for column in columns)
        + " | parameters | steps | minutes | ms an edit |",
        "|---" * (len(columns) + 5) + "|",
    ]
    for name, row in rows.items():
        if name == "real":
            continue
        scores = [row["scores"][column] for column in columns]
        cells = (f"{s['inside'] / s['inside_copy']:.2f}, {s['outside']:.1f}" for s in scores)
        pixels.append(
            f"| {SYSTEMS[name].title} | {' | '.join(cells)} | {row['parameters'] / 1e6:.2f} M "
            f"| {row['steps']:,} | {row['minutes']} | {row['milliseconds']:.0f} |"
        )
    lines = [
        f"{what}.",
        "",
        "Table 2, share of edits not read as their targets, %, means over all orders of the edits:",
        "",
        *head,
        *table_2,
        f"| real pictures, own labels | {real} |",
        "",
        "Table 3, the same for ablations of ModularGAN:",
        "",
        *head,
        *table_3,
        "",
        "Against the exact counterfactual: error inside the truly changed pixels, of that of doing",
        "nothing, and outside them, in grey levels of 255:",
        "",
        *pixels,
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("train", "table"))
    parser.add_argument("--data", default="", help="a folder of labelled pictures; else drawn")
    parser.add_argument("--attributes", default="hair,smile,glasses", help="three, by commas")
    parser.add_argument("--systems", nargs="*", choices=list(SYSTEMS), help="else all")
    parser.add_argument("--steps", type=int, default=4_000, help="of ModularGAN")
    parser.add_argument("--out", type=Path, help="runs, or the page of results")
    parser.add_argument("--zoos", type=Path, default=Path("benchmarks/zoos"))
    parser.add_argument("--judge", default="portraits_judge")
    parser.add_argument("--truth", type=Path, help="an archive of counterfactuals (.npz)")
    parser.add_argument("--figure", type=Path, default=Path("docs/images/comparison.png"))
    parser.add_argument("-n", type=int, default=500, help="test portraits")
    parser.add_argument("--seed", type=int, default=99, help="of test portraits and targets")
    given = parser.parse_args()
    if given.what == "train":
        given.out = given.out or Path("runs/comparison")
        train(given)
    else:
        given.out = given.out or Path("docs/results/comparison")
        table(given)


if __name__ == "__main__":
    main()
