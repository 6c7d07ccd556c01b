"""ModularGAN, its ablations and its three baselines, trained equally long: the paper's Tables 2, 3.

    python benchmarks/comparison.py train                  # drawn portraits: hours on two cores
    python benchmarks/comparison.py table                  # from the zoos of that, or released ones
    python benchmarks/comparison.py train --data DIR --attributes hair,smiling,eyeglasses --out RUN
    python benchmarks/comparison.py table --zoos RUN --truth FILE.npz --judge FILE --attributes ...

Equal time is that of so many steps of ModularGAN (`equal_time.py`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import equal_time
from equal_time import Timed
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
import cyclegan_portraits
import icgan_portraits
import modulargan_portraits
import modulargan_unmasked
import stargan_portraits
from portraits import Archive, Drawn, Test, command, measure, write

import modgan
from modgan.data.images import sheet, to_image
from modgan.files import replacing
from modgan.metrics import editors
from modgan.metrics.edits import read

OURS = modulargan_portraits.recipe


@dataclass(frozen=True)
class System(Timed):
    """A row of the tables."""

    editor: Callable[..., editors.Editor]
    chained: bool = True  # whether the order of edits makes a difference


SYSTEMS = {
    "modulargan": System("ModularGAN", OURS, editors.modular, changes="teach"),
    "stargan": System("StarGAN", stargan_portraits.recipe, editors.star, chained=False),
    "stargan_critics": System(
        "StarGAN, our D", stargan_portraits.critics, editors.star, chained=False, changes="teach"
    ),
    "cyclegan": System("CycleGAN", cyclegan_portraits.recipe, editors.cycle),
    "icgan": System(
        "IcGAN", icgan_portraits.recipe, editors.inverting, chained=False, changes="drawing"
    ),
    "no_mask": System("no masks", modulargan_unmasked.recipe, editors.modular, changes="teach"),
    "no_feature_cycle": System(
        "no feature cycle", OURS, editors.modular, settings={"w_feature": 0.0}, changes="teach"
    ),
    "no_image_cycle": System(
        "no image cycle", OURS, editors.modular, settings={"w_image": 0.0}, changes="teach"
    ),
    "alone": System("T's alone", OURS, editors.modular, settings={"chained": 0}, changes="teach"),
    "alone_no_feature_cycle": System(
        "alone, no f. cycle",
        OURS,
        editors.modular,
        settings={"chained": 0, "w_feature": 0.0},
        changes="teach",
    ),
}
TABLE_2 = ("modulargan", "stargan", "stargan_critics", "cyclegan", "icgan")


def train(given: argparse.Namespace) -> None:
    """Train the systems one after the other; what is finished stays as it is."""
    data = {"data": given.data, "attributes": given.attributes, "workers": 0}
    equal_time.train(SYSTEMS, given.systems or list(SYSTEMS), data, given.steps, given.out)


def table(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
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
    if given.n < len(chains(names)):
        raise SystemExit(
            f"table: expects {len(chains(names))} portraits or more, got -n {given.n}: "
            "the figure shows another one for every set of attributes"
        )
    plan = equal_time.planned(given.zoos)
    for name, zoo in equal_time.zoos(given.zoos, given.systems or list(SYSTEMS)):
        system = SYSTEMS[name]
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
    what = (
        f"n = {len(test.pictures)}, {test.what}, targets of seed {given.seed}, "
        f"`{command(given, parser, 'zoos', 'truth', 'judge', 'attributes')}`"
    )
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
    """The time of one picture with one edit, one at a time."""
    wanted, count = test.wanted((names[0],)), len(test.pictures)

    def one(at: int) -> object:
        chosen = slice(at % count, at % count + 1)
        return edit([names[0]], test.pictures[chosen], wanted[chosen])

    return equal_time.milliseconds(one)


def page(rows: dict[str, Any], names: list[str], what: str) -> str:
    """Both tables as Markdown."""
    columns = ["+".join(chosen) for chosen in chains(names)]
    head = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    real = " | ".join(f"{100 * rows['real'][column]:.1f}" for column in columns)

    def line(title: str, scores: dict[str, Any], key: str = "error") -> str:
        return " | ".join([f"| {title}", *(f"{100 * scores[c][key]:.1f}" for c in columns)]) + " |"

    errors = {
        name: line(SYSTEMS[name].title, row["scores"])
        for name, row in rows.items()
        if name != "real"
    }
    table_2 = [errors[name] for name in TABLE_2 if name in errors]
    table_3 = [text for name, text in errors.items() if name not in TABLE_2]
    if "modulargan" in rows:
        ours = rows["modulargan"]["scores"]
        ways = {"the order of the columns": "as_listed", "random order": "error"}
        table_3[:0] = [line(f"ModularGAN, T's in {way}", ours, key) for way, key in ways.items()]
    pixels = [
        "| | "
        + " | ".join(f"{column}, inside, outside" for column in columns)
        + " | kept | parameters | steps | minutes | ms an edit |",
        "|---" * (len(columns) + 6) + "|",
    ]
    for name, row in rows.items():
        if name == "real":
            continue
        scores = [row["scores"][column] for column in columns]
        cells = (f"{s['inside'] / s['inside_copy']:.2f}, {s['outside']:.1f}" for s in scores)
        pixels.append(
            f"| {SYSTEMS[name].title} | {' | '.join(cells)} "
            f"| {100 * min(s['kept'] for s in scores):.1f} | {row['parameters'] / 1e6:.2f} M "
            f"| {row['steps']:,} | {row['minutes']} | {row['milliseconds']:.0f} |"
        )
    lines = [
        f"{what}.",
        "",
        "Table 2, share of edits not read as their targets, %, means over all orders of the edits",
        "(StarGAN and IcGAN make them at once):",
        "",
        *head,
        *table_2,
        f"| real pictures, own labels | {real} |",
        "",
        "Table 3, the same for ablations of ModularGAN (alone: no step has two T's in a row):",
        "",
        *head,
        *table_3,
        "",
        "Against the exact counterfactual: error inside the truly changed pixels, of that of doing",
        "nothing, and outside them, in grey levels of 255. Kept: attributes that nobody edited and",
        "that are read as they were, %, for the worst set of edits:",
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
        table(given, parser)


if __name__ == "__main__":
    main()
