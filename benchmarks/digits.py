"""How well a zoo draws coloured digits: read by a judge, in every order, and how much they differ.

    python benchmarks/digits.py --data DIR        # MNIST's IDX files, or an .npz: minutes

Digits of every number with drawn colours, strokes and backgrounds. The judge learned from real
coloured digits and is tried on those held out. Writes JSON, a table and the paper's Figure 4;
`--card` also writes the rows into the zoo's card.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from portraits import write
from torch import Tensor

import modgan
from modgan.components.generator import choose
from modgan.data.images import batch, mask_image, other_labels, sheet, to_image
from modgan.files import replacing
from modgan.metrics.drawing import errors, even, spread
from modgan.metrics.editors import generating
from modgan.metrics.edits import accuracy, read

sys.path.insert(0, str(Path(__file__).parents[1] / "recipes"))
import digits_data

ATTRIBUTES = digits_data.labels_of()
CHANGED = list(ATTRIBUTES)[1:]
SIZES = [len(labels) for labels in ATTRIBUTES.values()]
Rows = dict[str, dict[str, float]]


def measure(zoo: modgan.Zoo, judge: modgan.Component, z: Tensor, wanted: Tensor) -> Rows:
    """Errors by chain of T's, in every order: "colour stroke" -> {"number": …, "all": …}."""
    chains = errors(generating(zoo, ATTRIBUTES), judge, z, wanted, drawn=1)
    return {" ".join(chain) or "G alone": wrong for chain, wrong in chains}


def by_set(rows: Rows) -> dict[str, dict[str, float]]:
    """Means over the orders of a set of T's, and how far the orders are apart."""
    found: dict[str, dict[str, float]] = {}
    for size in range(len(CHANGED) + 1):
        for chosen in combinations(CHANGED, size):
            same = [
                row
                for chain, row in rows.items()
                if set(chain.split()) - {"G", "alone"} == set(chosen)
            ]
            means = {key: sum(row[key] for row in same) / len(same) for key in same[0]}
            alls = [row["all"] for row in same]
            found[" + ".join(chosen) or "G alone"] = {**means, "spread": max(alls) - min(alls)}
    return found


def diversity(zoo: modgan.Zoo, real: Any, z: Tensor, wanted: Tensor) -> dict[str, float]:
    """Mean distances within a number, drawn over real: as they come, and all dressed alike."""
    edit, alike = generating(zoo, ATTRIBUTES), wanted.clone()
    alike[:, 1:] = 0
    labels = {name: values[0] for name, values in ATTRIBUTES.items() if name in CHANGED}
    pictures, read = batch(real, range(len(real)))
    dressed = torch.stack([real.counterfactual(i, **labels) for i in range(len(real))])
    numbers = wanted[:, 0]
    return {
        "as they come": spread(edit([], z, wanted)["image"], numbers)
        / spread(pictures, read[:, 0]),
        "dressed alike": spread(edit(CHANGED, z, alike)["image"], numbers)
        / spread(dressed / 127.5 - 1, read[:, 0]),
    }


def chosen(zoo: modgan.Zoo, judge: modgan.Component, z: Tensor, wanted: Tensor) -> dict[str, float]:
    """How often G alone shows the colour, stroke and background that its noise chose."""
    drawn = generating(zoo, ATTRIBUTES)([], z, wanted)["image"]
    right = read(judge, drawn)[:, 1:] == choose(z, SIZES[1:])
    return dict(zip(CHANGED, right.float().mean(0).tolist(), strict=True))


def figure(zoo: modgan.Zoo, judge: modgan.Component, seed: int) -> Any:
    """The paper's Figure 4: ten digits, as drawn and after every set of T's, and their masks.

    Every T is asked for another label than the one that G shows.
    """
    rng, edit = torch.Generator().manual_seed(seed), generating(zoo, ATTRIBUTES)
    z = torch.randn(10, zoo["G"].inputs["z"].channels, generator=rng)
    wanted = torch.arange(10)[:, None].expand(-1, len(SIZES))
    shown = read(judge, edit([], z, wanted)["image"])
    wanted = torch.cat([wanted[:, :1], other_labels(shown, ATTRIBUTES, rng)[:, 1:]], 1)
    chains = [chain for size in range(4) for chain in combinations(CHANGED, size)]
    outs = [edit(chain, z, wanted) for chain in chains]
    side = outs[0]["image"].shape[-1]
    columns = [[to_image(picture) for picture in out["image"]] for out in outs]
    for name in CHANGED:
        columns.append([mask_image(m).resize((side, side)) for m in outs[-1][f"mask_{name}"]])
    titles = ["n" + "".join(name[0] for name in chain) for chain in chains]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return sheet(rows, [*titles, *(f"T_{name}" for name in CHANGED)], scale=2)


def page(
    sets: Mapping[str, Mapping[str, float]],
    apart: Mapping[str, float],
    own: Mapping[str, float],
    real: Mapping[str, float],
    what: str,
) -> str:
    """The tables as Markdown."""
    names = [*ATTRIBUTES, "all", "spread"]
    lines = [
        f"| T's | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
        *(
            f"| {chain} | "
            + " | ".join(f"{100 * row[n]:.1f}" if n in row else "" for n in names)
            + " |"
            for chain, row in sets.items()
        ),
    ]
    told = ", ".join(f"{name} {100 * value:.1f}%" for name, value in real.items())
    kept = ", ".join(f"{name} {100 * value:.1f}%" for name, value in own.items())
    ratios = ", ".join(f"{name} {value:.2f}" for name, value in apart.items())
    return f"""{what}.

Share of drawn digits not read as asked for, %, means over all orders of the T's; "all" counts those
with anything wrong, "spread" is the difference between the best and the worst order in points.

{chr(10).join(lines)}

Mean distance between digits of one number, of that between real ones: {ratios}.

G alone shows what its noise chose: {kept}.

The judge reads held-out real digits: {told}.
"""


def card_rows(
    sets: Mapping[str, Mapping[str, float]],
    apart: Mapping[str, float],
    real: Mapping[str, float],
    n: int,
    command: str,
) -> list[dict[str, Any]]:
    """The rows of the card."""
    full = list(sets.values())[-1]
    read = {f"judge accuracy on real digits, {name}": value for name, value in real.items()}
    drawn = {f"all T's, error, {name}": full[name] for name in (*ATTRIBUTES, "all")}
    drawn["all T's, spread between orders"] = full["spread"]
    drawn |= {f"distance within a number over that of real ones, {k}": v for k, v in apart.items()}
    return [
        {"name": k, "value": round(v, 4), "split": split, "n": n, "command": command}
        for split, values in (("real digits, held out", read), ("drawn from noise", drawn))
        for k, v in values.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--zoo", default="digits")
    parser.add_argument("--judge", default="digits_judge")
    parser.add_argument("--data", default="", help="MNIST; empty for typeset digits")
    parser.add_argument("-n", type=int, default=1000, help="drawn digits, and real ones")
    parser.add_argument("--seed", type=int, default=99)
    parser.add_argument("--out", type=Path, default=Path("docs/results/digits"))
    parser.add_argument("--figure", type=Path, default=Path("docs/images/digits.png"))
    parser.add_argument("--card", type=Path, help="write the rows into the card of this zoo file")
    given = parser.parse_args()
    zoo, judge = modgan.load(given.zoo), modgan.load(given.judge)["Q"]
    rng = torch.Generator().manual_seed(given.seed)
    wanted = even(given.n, SIZES, rng)
    z = torch.randn(given.n, zoo["G"].inputs["z"].channels, generator=rng)
    size = zoo["E"].inputs["image"].shape[-1]
    real = digits_data.others(digits_data.Data(data=given.data, size=size), "test", given.n)
    right = accuracy(judge, *batch(real, range(given.n)))
    rows = measure(zoo, judge, z, wanted)
    sets, apart = by_set(rows), diversity(zoo, real, z, wanted)
    command = f"python benchmarks/digits.py --data MNIST -n {given.n} --seed {given.seed}"
    own = chosen(zoo, judge, z, wanted)
    text = page(sets, apart, own, right, f"n = {given.n}, `{command}`")
    write(given.out, text, {"chains": rows, "diversity": apart, "chosen": own, "judge": right})
    with replacing(given.figure) as temporary:
        figure(zoo, judge, given.seed).save(temporary)
    if given.card:
        full = modgan.load(given.card)
        metrics = card_rows(sets, apart, right, given.n, command)
        modgan.Zoo(full, replace(full.card, metrics=metrics)).save(given.card)


if __name__ == "__main__":
    main()
